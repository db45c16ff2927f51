"""What a platform may see of a pooled program: its own gigs, totals and lines, and its share in words.

What the worker did for other platforms, and what these owe, stays theirs: also what could be worked out from amounts
over all platforms, such as an amount without caps.
"""

from msgspec.structs import replace

from domain.assessment import Assessor
from domain.totals import Totals
from domain.wording import explain_share
from domain.work_period import Contribution, Line


def own_event(event: Contribution) -> Contribution:
    """A contribution as the platform that reported the gig may see it."""
    lines = [replace(line, uncapped_minor=None) for line in own_lines(event, event.platform_id)]
    return replace(event, totals=own_totals(event.totals, event.platform_id), lines=tuple(lines))


def own_totals(totals: Totals, platform_id: str) -> Totals:
    """The totals of a platform's own gigs."""
    return tuple([cell for cell in totals if cell.platform_id == platform_id])


def own_lines(event: Contribution, platform_id: str) -> list[Line]:
    """The lines of what a platform owes."""
    return [line for line in event.lines if line.platform_id == platform_id]


def words(assessor: Assessor, event: Contribution) -> list[str]:
    """The arithmetic of a gig, as far as it is about the platform's own work, and what its share came to."""
    lines = own_lines(event, event.platform_id)
    now = sum([line.entitled_minor for line in lines])
    was = now - sum([line.amount_minor for line in lines])
    return explain_share(assessor, event.gig, event.platform_id, now, was)


def words_now(assessor: Assessor, event: Contribution, latest: Contribution) -> list[str]:
    """The same by the version of the work period's latest event."""
    now = sum([line.entitled_minor for line in own_lines(latest, event.platform_id)])
    return explain_share(assessor, event.gig, event.platform_id, now)
