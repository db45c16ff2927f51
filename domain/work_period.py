"""A work period: one worker's gigs on one platform in one period of one program, and what they accrued.

States: empty → running (a short stream that ends with its period).
Invariants: what the lines of all events add up to is the entitlement of the totals after the last one; the latest
event alone is enough to decide the next gig; a gig that moves no money still writes its event.

The same gig decided again right away yields nothing; repetitions farther apart are the gig registry's to recognise.
In a pooled program the gigs of all platforms count in one stream, and each event says what it moved for which platform.
"""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from domain import totals as running
from domain.assessment import Assessor, Entitled
from domain.assessors import Assessors
from domain.decider import Decider
from domain.gig import Gig
from domain.rejections import InvariantBroken, Malformed
from domain.totals import Totals

#: Beyond it, whoever reads JSON numbers as floating-point would see another amount.
AMOUNT_MAX: Final = 2**53

# Commands


class AccrueGig(Struct, frozen=True, gc=False):
    """Count a gig that does not count yet."""

    platform_id: str
    gig: Gig
    period: str
    program: Assessors


class AdjustGig(Struct, frozen=True, gc=False):
    """Count a gig by its new facts instead of the facts that count now."""

    platform_id: str
    gig: Gig
    counted: Gig
    period: str
    program: Assessors


class ReverseGig(Struct, frozen=True, gc=False):
    """Stop counting a gig; `counted` is None where it does not count and only its revision is to be remembered.

    `reported` are the facts of a cancellation where they differ from `gig` in more than the revision.
    """

    platform_id: str
    gig: Gig
    revision: int
    counted: Gig | None
    reason: Literal["cancelled", "moved"]
    period: str
    program: Assessors
    reported: Gig | None = None


class ReassessPeriod(Struct, frozen=True, gc=False):
    """Count the gigs by the version in force instead of the one that they were counted by.

    `counted` are all gigs that count, with the platforms that reported them.
    """

    counted: "Counted"
    period: str
    program: Assessors


Command = AccrueGig | AdjustGig | ReverseGig | ReassessPeriod
#: Gigs by platform and id.
Counted = dict[tuple[str, str], Gig]

# Events: these shapes are stored. Add, never change.


class Line(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one gig moved for one benefit, payer and platform, and the entitlement after it, in minor units.

    `uncapped_minor` is what the entitlement would be without caps, where that is something else.
    """

    benefit: str
    payer: str
    platform_id: str
    amount_minor: int
    entitled_minor: int
    uncapped_minor: int | None = None


class Contribution(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the three events share: the facts, the rules they were decided by, the totals and lines after them."""

    platform_id: str
    program_id: str
    program_version: int
    period: str
    gig: Gig
    totals: Totals
    lines: tuple[Line, ...]


class ContributionAccrued(Contribution, frozen=True, gc=False, omit_defaults=True):
    """A gig counts from now on."""


class ContributionAdjusted(Contribution, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A gig counts by new facts; those of `replaced_revision` count no more.

    Or, with `replaced_version`: all gigs count by `program_version` from now on, and by that version no more. Then
    `gig` is one of them, and its facts are what they were.
    """

    replaced_revision: int
    replaced_version: int | None = None


class ContributionReversed(Contribution, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A gig counts no more; `gig` holds the facts that are taken out, `revision` is the one that ended them.

    `reported` holds what a cancellation said where that is something else, so that nothing reported is forgotten.
    """

    revision: int
    reason: Literal["cancelled", "moved"]
    reported: Gig | None = None


Event = ContributionAccrued | ContributionAdjusted | ContributionReversed

# Refusals


class AmountTooLarge(Malformed):
    """The period would come to more than can be told exactly everywhere: 2^53 minor units."""

    code = "amount_too_large"


# State


class WorkPeriod(Struct, frozen=True, gc=False):
    """What the latest event holds: totals, lines with the entitlement so far, and which gig it was."""

    program_version: int = 0
    totals: Totals = ()
    lines: tuple[Line, ...] = ()
    platform_id: str = ""
    gig_id: str = ""
    revision: int = -1
    is_reversal: bool = False

    def has_just_decided(self, platform_id: str, gig_id: str, revision: int, *, reversal: bool = False) -> bool:
        """Whether this very revision of this gig made the latest event."""
        return (
            self.gig_id == gig_id
            and self.revision == revision
            and self.platform_id == platform_id
            and self.is_reversal == reversal
        )


initial = WorkPeriod()


# Decide


def decide(state: WorkPeriod, command: Command) -> list[Event]:
    """The events that follow from a command."""
    match command:
        case AccrueGig():
            return _accrue(state, command)
        case AdjustGig():
            return _adjust(state, command)
        case ReverseGig():
            return _reverse(state, command)
        case ReassessPeriod():
            return _reassess(state, command)


def _accrue(state: WorkPeriod, command: AccrueGig) -> list[Event]:
    gig = command.gig
    if state.has_just_decided(command.platform_id, gig.gig_id, gig.revision):
        return []
    assessor = _assessor(state, command)
    version = assessor.version
    after = _bounded(running.plus(state.totals, assessor.measure(gig, command.platform_id)))
    lines = _lines(state, assessor.entitlement(after, command.period, command.platform_id))
    return [ContributionAccrued(command.platform_id, version.id, version.version, command.period, gig, after, lines)]


def _adjust(state: WorkPeriod, command: AdjustGig) -> list[Event]:
    gig = command.gig
    if state.has_just_decided(command.platform_id, gig.gig_id, gig.revision):
        return []
    assessor = _assessor(state, command)
    without = running.minus(state.totals, assessor.measure(command.counted, command.platform_id))
    after = _bounded(running.plus(without, assessor.measure(gig, command.platform_id)))
    return [
        ContributionAdjusted(
            platform_id=command.platform_id,
            program_id=assessor.version.id,
            program_version=assessor.version.version,
            period=command.period,
            gig=gig,
            totals=after,
            lines=_lines(state, assessor.entitlement(after, command.period, command.platform_id)),
            replaced_revision=command.counted.revision,
        )
    ]


def _reverse(state: WorkPeriod, command: ReverseGig) -> list[Event]:
    counted = command.counted
    if state.has_just_decided(command.platform_id, command.gig.gig_id, command.revision, reversal=True):
        return []
    assessor = _assessor(state, command)
    after = running.minus(state.totals, assessor.measure(counted, command.platform_id)) if counted else state.totals
    return [
        ContributionReversed(
            platform_id=command.platform_id,
            program_id=assessor.version.id,
            program_version=assessor.version.version,
            period=command.period,
            gig=counted or command.gig,
            totals=after,
            lines=_lines(state, assessor.entitlement(after, command.period, command.platform_id)),
            revision=command.revision,
            reason=command.reason,
            reported=command.reported,
        )
    ]


def _reassess(state: WorkPeriod, command: ReassessPeriod) -> list[Event]:
    assessor = command.program.in_force(command.period)
    if not state.totals or state.program_version == assessor.version.version:
        return []
    if set(_measured(command, command.program.of_version(state.program_version))) != set(state.totals):
        raise InvariantBroken("the gigs to re-assess are not those that count")
    after = _bounded(_measured(command, assessor))
    (platform_id, _), gig = list(command.counted.items())[-1]
    return [
        ContributionAdjusted(
            platform_id=platform_id,
            program_id=assessor.version.id,
            program_version=assessor.version.version,
            period=command.period,
            gig=gig,
            totals=after,
            lines=_lines(state, assessor.entitlement(after, command.period, platform_id)),
            replaced_revision=gig.revision,
            replaced_version=state.program_version,
        )
    ]


def is_about_all(event: object) -> bool:
    """Whether an event is about all gigs of its work period: by what version they count."""
    return isinstance(event, ContributionAdjusted) and event.replaced_version is not None


def _measured(command: ReassessPeriod, assessor: Assessor) -> Totals:
    """What the gigs that count add up to, by a version."""
    totals: Totals = ()
    for (platform_id, _), gig in command.counted.items():
        totals = running.plus(totals, assessor.measure(gig, platform_id))
    return totals


def counted(events: Iterable[object]) -> Counted:
    """The gigs that count after all events of a stream, in the order in which they came to count."""
    found: Counted = {}
    for event in events:
        if isinstance(event, ContributionReversed):
            found.pop((event.platform_id, event.gig.gig_id), None)
        elif isinstance(event, Contribution):
            found[event.platform_id, event.gig.gig_id] = event.gig
    return found


def _bounded(totals: Totals) -> Totals:
    """The totals, where they can be stored; raises `AmountTooLarge`."""
    for cell in totals:
        if cell.base_minor > AMOUNT_MAX or any(amount > AMOUNT_MAX for amount in cell.rounded_minor):
            raise AmountTooLarge("the gigs of the period earn more than 2^53 in minor units")
    return totals


def _assessor(state: WorkPeriod, command: AccrueGig | AdjustGig | ReverseGig) -> Assessor:
    """A stream keeps the version of its latest event; one in which nothing counts takes the version in force."""
    if state.totals:
        return command.program.of_version(state.program_version)
    return command.program.in_force(command.period)


def _lines(state: WorkPeriod, entitled: tuple[Entitled, ...]) -> tuple[Line, ...]:
    """The change from the entitlement so far; a line is left out where there was nothing and is nothing."""
    before = {(line.benefit, line.payer, line.platform_id): line.entitled_minor for line in state.lines}
    lines = []
    for each in entitled:
        was = before.pop((each.benefit, each.payer, each.platform_id), 0)
        if was or each.amount_minor or each.uncapped_minor:
            now = each.amount_minor
            if each.uncapped_minor > AMOUNT_MAX:
                raise AmountTooLarge(f"{each.benefit} would come to {each.uncapped_minor} in minor units")
            uncapped = None if each.uncapped_minor == now else each.uncapped_minor
            lines.append(Line(each.benefit, each.payer, each.platform_id, now - was, now, uncapped))
    gone = [Line(benefit, payer, platform, -was, 0) for (benefit, payer, platform), was in before.items() if was]
    return tuple(lines + gone)


# Evolve


def evolve(state: WorkPeriod, event: Event) -> WorkPeriod:
    """The state after an event: all of it stands in the event."""
    if any(cell.gigs < 0 or cell.base_minor < 0 for cell in event.totals):
        raise InvariantBroken(f"negative totals in {event.program_id} {event.period}")
    is_reversal = isinstance(event, ContributionReversed)
    revision = event.revision if isinstance(event, ContributionReversed) else event.gig.revision
    gig_id = event.gig.gig_id
    return WorkPeriod(
        event.program_version, event.totals, event.lines, event.platform_id, gig_id, revision, is_reversal
    )


decider = Decider(kind="work", initial=initial, decide=decide, evolve=evolve)
