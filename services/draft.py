"""A draft of what follows for a batch of workers, and whether it still holds once nobody else may append.

Streams are read whole, and everything is decided, before the append lock is taken. Under it only that is decided anew
to which somebody wrote meanwhile: ingest goes on, nobody waits long, and no stream is too busy to be re-assessed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from domain.configuration import Configuration
from domain.desk import GigKey
from domain.reassessment import Plan, Reassessment
from domain.recorded import NewEvent
from domain.registry import RegisteredGig
from services.ports import LogTransaction


class DraftTransaction(LogTransaction, Protocol):
    """A transaction that can also read streams whole, and registry rows without a lock."""

    def registered(self, keys: Iterable[GigKey], *, lock: bool = True) -> dict[GigKey, RegisteredGig]: ...
    def streams(self, streams: Iterable[str]) -> dict[str, list[object]]: ...


class Due(Struct, frozen=True):
    """A worker with the streams to look at, and how many events these hold."""

    worker_id: str
    streams: tuple[str, ...]
    events: int


class Draft:
    """Plans by worker; `platforms` are those whose gigs may be taken otherwise than they were."""

    def __init__(self, configuration: Configuration, platforms: Collection[str]) -> None:
        self._configuration = configuration
        self._platforms = platforms
        self._plans: dict[str, Plan] = {}
        self._streams: dict[str, set[str]] = {}
        self._lengths: dict[str, int] = {}
        self._known: dict[GigKey, RegisteredGig] = {}

    def read(self, transaction: DraftTransaction, batch: Sequence[Due], *, lock: bool) -> None:
        """Plan for these workers; `lock` keeps the registry rows of gigs that may be moved."""
        histories = transaction.streams([stream for due in batch for stream in due.streams])
        self._lengths = {stream: len(events) for stream, events in histories.items()}
        self._streams = {due.worker_id: set(due.streams) for due in batch}
        assessed = {
            due.worker_id: self._reassessment({stream: histories[stream] for stream in due.streams}) for due in batch
        }
        suspects = [key for each in assessed.values() for key in each.suspects]
        if suspects:
            self._known = transaction.registered(suspects, lock=lock)
        self._plans = {worker_id: each.plan(self._known) for worker_id, each in assessed.items()}

    def renew(self, transaction: DraftTransaction) -> None:
        """Under the append lock: plan anew for workers to whose streams somebody wrote since they were read.

        The gigs whose rows we hold are all that may be moved: what was taken meanwhile was taken as it should be.
        """
        written = {
            worker_id: self._streams[worker_id] | {new.stream for new in plan.events}
            for worker_id, plan in self._plans.items()
            if plan.events
        }
        heads = transaction.heads([stream for streams in written.values() for stream in streams])
        versions = {ref.stream: ref.version for ref in heads}
        for worker_id, streams in written.items():
            if any(versions.get(stream, 0) != self._lengths.get(stream, 0) for stream in streams):
                self._plans[worker_id] = self._reassessment(transaction.streams(streams)).plan(self._known)

    def _reassessment(self, histories: Mapping[str, Sequence[object]]) -> Reassessment:
        return Reassessment(self._configuration, histories, self._platforms)

    @property
    def plans(self) -> list[Plan]:
        """What follows, one plan a worker."""
        return list(self._plans.values())

    @property
    def events(self) -> list[NewEvent]:
        """All events that follow."""
        return [new for plan in self._plans.values() for new in plan.events]

    @property
    def registered(self) -> dict[GigKey, RegisteredGig]:
        """All rows of the registry that follow."""
        return {key: row for plan in self._plans.values() for key, row in plan.registered.items()}
