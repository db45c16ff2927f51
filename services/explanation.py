"""Why a gig accrued what it accrued: from the registry to the events, and from their totals to words.

Nothing is computed anew but the words: facts, totals, amounts and entitlements are those that the events recorded,
and the rules are those of the version that each event names.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from domain import program
from domain.assessment import Assessor
from domain.gig import Gig
from domain.identifiers import NO_PROGRAM
from domain.money import written
from domain.program import Program
from domain.recorded import Recorded
from domain.recorded_gig import GigRecorded
from domain.registry import EventRef, GigEvent, RegisteredGig, Standing
from domain.rejections import InvariantBroken, NotFound
from domain.totals import Totals
from domain.work_period import Contribution, ContributionAdjusted, ContributionReversed, Line
from services.ports import Reads

GigState = Literal["counted", "cancelled", "recorded", "moved"]
Kind = Literal["accrued", "adjusted", "reversed"]


class GigNotFound(NotFound):
    """The platform reported no such gig."""

    code = "gig_not_found"


class ExplainedLine(Struct, frozen=True):
    """One line with the entitlement on both sides of it, and its arithmetic in words."""

    line: Line
    entitled_before_minor: int
    words: str


class ExplainedPart(Struct, frozen=True):
    """What one program made of a gig: the event that stands, the totals around it and the rules' arithmetic."""

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


class Explanation(Struct, frozen=True):
    """A gig as it stands, with what each program made of it."""

    position: int
    platform_id: str
    gig_id: str
    revision: int
    state: GigState
    words: str
    facts: Gig
    parts: tuple[ExplainedPart, ...]


class _Standing(Struct, frozen=True):
    """A gig's latest event of one program, as the log holds it."""

    recorded: Recorded
    event: GigEvent

    @property
    def revision(self) -> int:
        return Standing(self.recorded.stream, self.event).revision


def explain(reads: Reads, platform_id: str, gig_id: str, worker_id: str | None = None) -> Explanation:
    """Explain a gig, or only a worker's part in it; raises `GigNotFound` where there is none."""
    found = reads.gig(platform_id, gig_id)
    if found is None:
        raise _not_found(platform_id, gig_id)
    position, gig = found
    before = [EventRef(ref.stream, ref.version - 1) for ref in gig.events if ref.version > 1]
    events = reads.events_at([*gig.events, *before])
    standings = [_standing(ref, events) for ref in gig.events]
    visible = [each for each in standings if worker_id is None or each.event.gig.worker_id == worker_id]
    if not visible:
        raise _not_found(platform_id, gig_id)
    versions = _versions(reads, visible)
    parts = [_part(each, event, events, versions) for each in visible if (event := _contribution(each)) is not None]
    state = _state(gig, visible)
    words = _words(state, gig.revision, parts)
    facts = max(visible, key=_newness).event.gig
    return Explanation(position, platform_id, gig_id, gig.revision, state, words, facts, tuple(parts))


def _not_found(platform_id: str, gig_id: str) -> GigNotFound:
    return GigNotFound(f"platform {platform_id!r} reported no gig {gig_id!r:.140}")


def _standing(ref: EventRef, events: Mapping[EventRef, Recorded]) -> _Standing:
    recorded = events.get(ref)
    if recorded is None or not isinstance(recorded.event, Contribution | GigRecorded):
        raise InvariantBroken(f"the registry names an event that is not there: {ref.stream} version {ref.version}")
    return _Standing(recorded, recorded.event)  # type: ignore[arg-type]


def _contribution(standing: _Standing) -> Contribution | None:
    return standing.event if isinstance(standing.event, Contribution) else None


def _newness(standing: _Standing) -> tuple[int, bool, int]:
    """Orders a gig's events so that the one with the facts reported last is the greatest."""
    is_moved = isinstance(standing.event, ContributionReversed) and standing.event.reason == "moved"
    return standing.revision, not is_moved, standing.recorded.position


def _versions(reads: Reads, standings: Iterable[_Standing]) -> Callable[[Contribution], Assessor]:
    """Finds the assessor of the version that an event names."""
    wanted = {event.program_id for each in standings if (event := _contribution(each)) is not None}
    programs: dict[str, Program] = {}
    for program_id in sorted(wanted - {NO_PROGRAM}):
        programs |= reads.states(program.decider, program_id)[1]

    def of(event: Contribution) -> Assessor:
        version = programs.get(event.program_id, program.initial).version(event.program_version)
        if version is None:
            raise InvariantBroken(f"version {event.program_version} of {event.program_id} was never published")
        return Assessor(version)

    return of


def _part(
    standing: _Standing,
    event: Contribution,
    events: Mapping[EventRef, Recorded],
    assessor_of: Callable[[Contribution], Assessor],
) -> ExplainedPart:
    recorded = standing.recorded
    earlier = events.get(EventRef(recorded.stream, recorded.version - 1))
    before = earlier.event.totals if earlier and isinstance(earlier.event, Contribution) else ()
    assessor = assessor_of(event)
    kind, reason, words = _said(event, standing.revision)
    # A gig that was cancelled before it counted has moved nothing that could be explained.
    arithmetic = assessor.explain(event.gig, before, event.totals) if before != event.totals else []
    return ExplainedPart(
        recorded.position,
        recorded.recorded_at,
        kind,
        event,
        assessor.version.title,
        standing.revision,
        reason,
        before,
        tuple([_line(line, event.gig.currency) for line in event.lines]),
        words,
        tuple([f"taken out: {each}" for each in arithmetic] if kind == "reversed" else arithmetic),
    )


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


def _line(line: Line, currency: str) -> ExplainedLine:
    before = line.entitled_minor - line.amount_minor
    now, was, moved = (written(each, currency) for each in (line.entitled_minor, before, line.amount_minor))
    return ExplainedLine(line, before, f"entitled to {now} now, {was} before: {moved}")


def _state(gig: RegisteredGig, visible: Iterable[_Standing]) -> GigState:
    events = [each.event for each in visible if each.revision == gig.revision or _counts(each.event)]
    if gig.cancelled:
        return "cancelled"
    if any(_counts(event) for event in events):
        return "counted"
    return "recorded" if any(isinstance(event, GigRecorded) for event in events) else "moved"


def _counts(event: GigEvent) -> bool:
    return not isinstance(event, ContributionReversed | GigRecorded)


def _words(state: GigState, revision: int, parts: Iterable[ExplainedPart]) -> str:
    match state:
        case "cancelled":
            return f"Cancelled by revision {revision}: it counts nowhere."
        case "recorded":
            return "No program took this gig: it is kept, and nothing accrued."
        case "moved":
            return f"Moved by revision {revision}: it does not count here any more."
        case "counted":
            counting = [f"{part.event.program_id} in {part.event.period}" for part in parts if part.kind != "reversed"]
            return f"Counted by {' and '.join(counting)}."
