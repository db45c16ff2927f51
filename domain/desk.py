"""The desk: takes reports one after another against what the log held when a batch began, all in memory.

It joins registry and deciders: recognises repetitions, turns a report into commands, decides them and remembers what
has to be written. A report is taken whole or not at all. What it yields is the same however reports are cut into
batches.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from domain import recorded_gig, work_period
from domain.configuration import Configuration, Taking
from domain.gig import GigReport
from domain.message import Outcome
from domain.recorded import NewEvent
from domain.recorded_gig import GigRecorded, RecordGig
from domain.registry import EventRef, GigEvent, RegisteredGig, Standing, Step, registered, steps, verdict
from domain.rejections import InvariantBroken

GigKey = tuple[str, str]


class Prepared(Struct, frozen=True, gc=False):
    """A report with the programs that take it, and what it leads to where the gig is new."""

    report: GigReport
    takings: tuple[Taking, ...]
    steps: list[Step]

    @property
    def key(self) -> GigKey:
        """The gig's key in the registry."""
        return self.report.platform_id, self.report.gig.gig_id

    def corrects(self, known: RegisteredGig) -> bool:
        """Whether the report is of a later revision than the registry knows."""
        return self.report.gig.revision > known.revision


class Head(Struct, frozen=True, gc=False):
    """Where a stream stands: the version of its latest event and the state after it."""

    version: int
    state: Any


EMPTY = Head(0, None)
#: The verdicts that lead to events.
CHANGES = frozenset({"new", "revised"})


def prepare(configuration: Configuration, report: GigReport) -> Prepared:
    """A report made ready to be taken; raises `Rejected` or `Malformed` where it cannot be."""
    takings = configuration.takings(report.platform_id, report.gig, cancelled=report.cancelled)
    return Prepared(report, takings, steps(report, takings, (), configuration))


def head(version: int, event: object) -> Head:
    """Where a stream of gigs stands after its latest event."""
    if isinstance(event, GigRecorded):
        return Head(version, recorded_gig.evolve(recorded_gig.initial, event))
    if isinstance(event, work_period.Event):
        return Head(version, work_period.evolve(work_period.initial, event))
    raise InvariantBroken(f"a {type(event).__name__} cannot stand in a stream of gigs")


class Desk:
    """What a batch knows, and what it has come to so far.

    `heads` holds each stream that a report may touch (`EMPTY` for a new one, an error in place of a corrupt one),
    `known` the registry's rows, `events` the latest events of gigs that are corrected.
    """

    def __init__(
        self,
        configuration: Configuration,
        heads: Mapping[str, Head | InvariantBroken],
        known: Mapping[GigKey, RegisteredGig],
        events: Mapping[EventRef, GigEvent | InvariantBroken],
    ) -> None:
        self.configuration = configuration
        self._heads = heads
        self._known = known
        self._events: dict[EventRef, GigEvent | InvariantBroken] = dict(events)
        self.new_events: list[NewEvent] = []
        self.new_heads: dict[str, Head] = {}
        self.registered: dict[GigKey, RegisteredGig] = {}

    def take(self, prepared: Prepared) -> Outcome:
        """Take a report and say what it was; raises `ConflictingReport` or, on corruption, `InvariantBroken`."""
        key, report = prepared.key, prepared.report
        known = self.registered.get(key) or self._known.get(key)
        what = verdict(known, report)
        if what not in CHANGES:
            return what
        todo = prepared.steps
        if known is not None:
            todo = steps(report, prepared.takings, self._standings(known), self.configuration)
        decided = self._decide(todo)
        self.registered[key] = registered(report, known, self._write(decided))
        return "cancelled" if report.cancelled else what

    def carry_out(self, step: Step) -> list[EventRef]:
        """Decide one step as the streams stand by now and say where its events will stand.

        Raises `Malformed` or `InvariantBroken`, and then nothing has changed.
        """
        return self._write(self._decide([step]))

    def reregister(self, report: GigReport, refs: list[EventRef]) -> None:
        """Let the registry name these events of a gig that it knows."""
        key = (report.platform_id, report.gig.gig_id)
        self.registered[key] = registered(report, self._known[key], refs)

    def was_known(self, key: GigKey) -> bool:
        """Whether the registry held a gig before this batch."""
        return key in self._known

    def _standings(self, known: RegisteredGig) -> list[Standing]:
        return [Standing(ref.stream, self._event(ref)) for ref in known.events]

    def _event(self, ref: EventRef) -> GigEvent:
        found = self._events.get(ref)
        if found is None:
            raise InvariantBroken(f"the registry names an event that is not there: {ref.stream} version {ref.version}")
        if isinstance(found, InvariantBroken):
            raise found
        return found

    def _head(self, stream: str) -> Head:
        found = self._heads.get(stream)
        if found is None:
            raise InvariantBroken(f"{stream} was not read before it was decided on")
        if isinstance(found, InvariantBroken):
            raise found
        return found

    def _decide(self, todo: Iterable[Step]) -> list[tuple[NewEvent, Head]]:
        """The events of all steps and the heads after them; no stream stands in two steps."""
        decided = []
        for step in todo:
            at = self.new_heads.get(step.stream) or self._head(step.stream)
            if isinstance(step.command, RecordGig):
                for record in recorded_gig.decide(at.state or recorded_gig.initial, step.command):
                    at = Head(at.version + 1, recorded_gig.evolve(recorded_gig.initial, record))
                    decided.append((NewEvent(step.stream, at.version, record), at))
                continue
            for event in work_period.decide(at.state or work_period.initial, step.command):
                at = Head(at.version + 1, work_period.evolve(at.state or work_period.initial, event))
                decided.append((NewEvent(step.stream, at.version, event), at))
        return decided

    def _write(self, decided: list[tuple[NewEvent, Head]]) -> list[EventRef]:
        refs = []
        for new, at in decided:
            ref = EventRef(new.stream, new.version)
            refs.append(ref)
            self.new_events.append(new)
            self.new_heads[new.stream] = at
            self._events[ref] = new.event  # type: ignore[assignment]
        return refs
