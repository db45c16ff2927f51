"""What one program made of a gig, in words: the event that stands, the totals around it, and each line.

A work period may have been re-assessed since: then it also says by which version the gig counts now, and how.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from domain import program, wording
from domain.assessment import Assessor
from domain.money import written
from domain.program import Program
from domain.recorded import Recorded
from domain.registry import EventRef
from domain.rejections import InvariantBroken
from domain.totals import Totals
from domain.work_period import Contribution, ContributionAdjusted, ContributionReversed, Line
from services import own_share

Kind = Literal["accrued", "adjusted", "reversed"]


class ExplainedLine(Struct, frozen=True):
    """One line with the entitlement on both sides of it, and its arithmetic in words."""

    line: Line
    entitled_before_minor: int
    words: str


class ExplainedPart(Struct, frozen=True):
    """What one program made of a gig: the event that stands, the totals around it and the rules' arithmetic.

    `counts_by_version` is another version than the event's where the whole work period was re-assessed since.
    """

    position: int
    recorded_at: datetime
    kind: Kind
    event: Contribution
    title: str
    revision: int
    reason: str | None
    before: Totals
    lines: tuple[ExplainedLine, ...]
    words: str
    arithmetic: tuple[str, ...]
    counts_by_version: int


class Surroundings(Struct, frozen=True):
    """What the log holds around a gig's events: those before them, the latest of their streams, and the programs."""

    events: Mapping[EventRef, Recorded]
    heads: Mapping[str, Recorded]
    programs: Mapping[str, Program]

    def before(self, recorded: Recorded) -> Totals:
        """The totals before an event."""
        earlier = self.events.get(EventRef(recorded.stream, recorded.version - 1))
        return earlier.event.totals if earlier and isinstance(earlier.event, Contribution) else ()

    def latest(self, recorded: Recorded) -> Contribution:
        """The latest event of an event's stream."""
        latest = self.heads[recorded.stream].event
        if not isinstance(latest, Contribution):
            raise InvariantBroken(f"{recorded.stream} ends with something else than a contribution")
        return latest

    def assessor(self, event: Contribution) -> Assessor:
        """The version that an event names, made ready to compute."""
        version = self.programs.get(event.program_id, program.initial).version(event.program_version)
        if version is None:
            raise InvariantBroken(f"version {event.program_version} of {event.program_id} was never published")
        return Assessor(version)


def explained_part(
    recorded: Recorded, event: Contribution, revision: int, around: Surroundings, *, to_platform: bool
) -> ExplainedPart:
    """Explain an event, the gig's latest of one program; `revision` is that of the report which led to it.

    `to_platform`: as the platform that reported the gig may see it.
    """
    latest, assessor = around.latest(recorded), around.assessor(event)
    kind, reason, words = _said(event, revision)
    before, is_partial = around.before(recorded), to_platform and assessor.is_pooled
    arithmetic = _arithmetic(assessor, event, before, is_partial=is_partial)
    is_moved = kind != "reversed" and latest.program_version != event.program_version
    if is_moved:
        words += f" Since then all gigs of {event.period} count by version {latest.program_version}"
        words += f" instead of version {event.program_version}."
        arithmetic += _arithmetic_now(around.assessor(latest), event, latest, is_partial=is_partial)
    shown = own_share.own_event(event) if is_partial else event
    return ExplainedPart(
        recorded.position,
        recorded.recorded_at,
        kind,
        shown,
        assessor.version.title,
        revision,
        reason,
        own_share.own_totals(before, event.platform_id) if is_partial else before,
        tuple([_line(line, event) for line in shown.lines]),
        words,
        tuple(arithmetic),
        latest.program_version if is_moved else event.program_version,
    )


def _arithmetic(assessor: Assessor, event: Contribution, before: Totals, *, is_partial: bool) -> list[str]:
    """The rules' arithmetic by which a gig came to count, or was taken out."""
    is_reversal = isinstance(event, ContributionReversed)
    if is_reversal and before == event.totals:
        return []  # cancelled before it counted: it has moved nothing that could be explained
    if is_partial:
        sentences = own_share.words(assessor, event)
        rules = len(sentences) - 1
    else:
        sentences = wording.explain(assessor, event.gig, event.platform_id, event.period, before, event.totals)
        rules = len(assessor.rules)
    return [f"taken out: {each}" if is_reversal and at < rules else each for at, each in enumerate(sentences)]


def _arithmetic_now(assessor: Assessor, event: Contribution, latest: Contribution, *, is_partial: bool) -> list[str]:
    """The arithmetic by the version that took the work period over."""
    if is_partial:
        sentences = own_share.words_now(assessor, event, latest)
    else:
        totals = latest.totals
        sentences = wording.explain(assessor, event.gig, event.platform_id, event.period, totals, totals)
    return [f"by version {latest.program_version} now: {each}" for each in sentences]


def _said(event: Contribution, revision: int) -> tuple[Kind, str | None, str]:
    """The kind of an event, the reason of a reversal, and a sentence about both."""
    match event:
        case ContributionReversed(reason="cancelled"):
            words = f"Cancelled by revision {revision}: nothing of it counts in {event.period} any more."
            return "reversed", event.reason, words
        case ContributionReversed():
            words = f"Moved by revision {revision}: nothing of it counts in {event.period} any more."
            return "reversed", event.reason, words
        case ContributionAdjusted():
            words = f"Revision {revision} counts in {event.period} instead of revision {event.replaced_revision}."
            return "adjusted", None, words
        case _:
            return "accrued", None, f"Revision {revision} counts in {event.period}."


def _line(line: Line, event: Contribution) -> ExplainedLine:
    """A line in words; where another platform owes it, nothing but the division has changed."""
    before, currency = line.entitled_minor - line.amount_minor, event.gig.currency
    now, was, moved = (written(each, currency) for each in (line.entitled_minor, before, line.amount_minor))
    words = f"entitled to {now} now, {was} before: {moved}"
    if line.uncapped_minor is not None:
        words += f"; {written(line.uncapped_minor, currency)} without caps"
    return ExplainedLine(line, before, words if line.platform_id == event.platform_id else f"re-division: {words}")
