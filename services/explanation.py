"""Why a gig accrued what it accrued: from the registry to the events, and from their totals to words.

Nothing is computed anew but the words: facts, totals, amounts and entitlements are those that the events recorded,
and the rules are those of the version that each event names.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from domain import program
from domain.gig import Gig
from domain.identifiers import NO_PROGRAM
from domain.program import Program
from domain.recorded import Recorded
from domain.recorded_gig import GigRecorded
from domain.registry import EventRef, GigEvent, RegisteredGig, Standing
from domain.rejections import InvariantBroken, NotFound
from domain.work_period import Contribution, ContributionReversed
from services.explained_part import ExplainedPart, Surroundings, explained_part
from services.ports import Reads

GigState = Literal["counted", "cancelled", "recorded", "moved"]


class GigNotFound(NotFound):
    """The platform reported no such gig."""

    code = "gig_not_found"


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


def explain(
    reads: Reads, platform_id: str, gig_id: str, worker_id: str | None = None, *, to_platform: bool = False
) -> Explanation:
    """Explain a gig, or only a worker's part in it; raises `GigNotFound` where there is none.

    `to_platform`: as the platform that reported the gig may see it, without what the worker did for others.
    """
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
    around = Surroundings(events, reads.heads([each.recorded.stream for each in visible]), _programs(reads, visible))
    parts = [
        explained_part(each.recorded, event, each.revision, around, to_platform=to_platform)
        for each in visible
        if (event := _contribution(each)) is not None
    ]
    state = _state(gig, visible)
    words = _words(state, gig.revision, parts)
    facts = max(visible, key=_newness).event.gig
    return Explanation(position, platform_id, gig_id, gig.revision, state, words, facts, tuple(parts))


def _not_found(platform_id: str, gig_id: str) -> GigNotFound:
    return GigNotFound(f"platform {platform_id!r} reported no gig {gig_id!r:.140}")


def _standing(ref: EventRef, events: Mapping[EventRef, Recorded]) -> _Standing:
    recorded = events.get(ref)
    if recorded is None or not isinstance(recorded.event, GigEvent):
        raise InvariantBroken(f"the registry names an event that is not there: {ref.stream} version {ref.version}")
    return _Standing(recorded, recorded.event)


def _contribution(standing: _Standing) -> Contribution | None:
    return standing.event if isinstance(standing.event, Contribution) else None


def _programs(reads: Reads, standings: Iterable[_Standing]) -> dict[str, Program]:
    """The programs that events name."""
    wanted = {event.program_id for each in standings if (event := _contribution(each)) is not None}
    programs: dict[str, Program] = {}
    for program_id in sorted(wanted - {NO_PROGRAM}):
        programs |= reads.states(program.decider, program_id)[1]
    return programs


def _newness(standing: _Standing) -> tuple[int, bool, int]:
    """Orders a gig's events so that the one with the facts reported last is the greatest."""
    is_moved = isinstance(standing.event, ContributionReversed) and standing.event.reason == "moved"
    return standing.revision, not is_moved, standing.recorded.position


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
