"""One pass over the workers that a late change concerns: who they are, and what follows for each.

A dry run and a real one are the same pass; a real one also writes what follows, batch by batch, each in one
transaction and under the locks that every path takes in the same order.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from domain.configuration import Configuration
from domain.late_change import Concern
from domain.reassessment import Plan, is_outdated
from domain.recorded import Recorded
from domain.rejections import Conflict, InvariantBroken, Unavailable
from services.draft import Draft, DraftTransaction, Due
from services.ports import Clock, Reads

#: Who moves work periods and gigs after a late change.
ACTOR: Final = "reassess"
#: Streams looked through at a time, and how many of them, with how many events, are re-assessed in one transaction.
PAGE_STREAMS: Final = 5_000
BATCH_STREAMS: Final = 300
BATCH_EVENTS: Final = 1_500
#: How often a batch is decided anew after somebody else wrote to one of its streams first.
ATTEMPTS: Final = 20


class ReassessTransaction(DraftTransaction, Protocol):
    """A transaction that also tells what changed in programs and platforms, and remembers how far the job has come."""

    def changes_after(self, position: int) -> list[Recorded]: ...
    def followed(self, name: str) -> int: ...
    def follow(self, name: str, position: int) -> None: ...


class ReassessLog(Protocol):
    """The event log with such transactions."""

    def transaction(self) -> AbstractContextManager[ReassessTransaction]: ...
    def configuration(self) -> Configuration: ...


class ReassessReads(Reads, Protocol):
    """Questions that also list streams by worker."""

    def worker_streams(self, after_worker: str, limit: int) -> list[tuple[str, str]]: ...


class Pass:
    """One pass by one configuration, which the owner renews where it changes on the way."""

    def __init__(self, log: ReassessLog, reads: ReassessReads, configuration: Configuration, concern: Concern) -> None:
        self._log = log
        self._reads = reads
        self._concern = concern
        self.configuration = configuration

    def batches(self) -> Iterator[list[Due]]:
        """All workers whose streams are to be looked at whole, a transaction's worth at a time."""
        batch: list[Due] = []
        streams = events = 0
        for due in self._all_due() if self._concern else ():
            if batch and (streams + len(due.streams) > BATCH_STREAMS or events + due.events > BATCH_EVENTS):
                yield batch
                batch, streams, events = [], 0, 0
            batch.append(due)
            streams, events = streams + len(due.streams), events + due.events
        if batch:
            yield batch

    def preview(self, batch: Sequence[Due]) -> list[Plan]:
        """What would follow for these workers."""
        with self._log.transaction() as transaction:
            draft = Draft(self.configuration, self._concern.platforms)
            draft.read(transaction, batch, lock=False)
            return draft.plans

    def carry_out(self, batch: Sequence[Due], clock: Clock) -> list[Plan]:
        """Write what follows for these workers, anew where somebody else wrote first; raises `Unavailable`."""
        for _ in range(ATTEMPTS):
            try:
                with self._log.transaction() as transaction:
                    return self._write(transaction, batch, clock)
            except Conflict:
                continue
        raise Unavailable(f"a batch conflicted {ATTEMPTS} times in a row")

    def _write(self, transaction: ReassessTransaction, batch: Sequence[Due], clock: Clock) -> list[Plan]:
        epoch = transaction.share_epoch()
        if epoch != self.configuration.epoch:
            self.configuration = transaction.configuration(epoch)
        draft = Draft(self.configuration, self._concern.platforms)
        draft.read(transaction, batch, lock=True)
        if draft.events:
            transaction.lock_appends()
            draft.renew(transaction)
            transaction.reregister(draft.registered)
            if events := draft.events:
                transaction.append(events, clock(), ACTOR)
        return draft.plans

    # Who is due

    def _all_due(self) -> Iterator[Due]:
        after = ""
        while page := self._reads.worker_streams(after, PAGE_STREAMS):
            after = page[-1][0]
            streams_of: dict[str, list[str]] = {}
            for worker_id, stream in page:
                if self._concern.touches(stream):
                    streams_of.setdefault(worker_id, []).append(stream)
            heads = self._heads([stream for streams in streams_of.values() for stream in streams])
            found = [self._due(worker_id, streams, heads) for worker_id, streams in streams_of.items()]
            yield from [due for due in found if due is not None]

    def _heads(self, streams: Sequence[str]) -> dict[str, tuple[int, object]]:
        """The version and the latest event of each stream."""
        with self._log.transaction() as transaction:
            return {ref.stream: (ref.version, event) for ref, event in transaction.heads(streams).items()}

    def _due(self, worker_id: str, streams: Sequence[str], heads: Mapping[str, tuple[int, object]]) -> Due | None:
        """A worker's streams to look at: all where gigs may be taken otherwise, else those of another version."""
        known = {stream: heads[stream] for stream in streams if stream in heads}
        if not any(self._concern.has_gigs_in(stream, latest) for stream, (_, latest) in known.items()):
            known = {stream: head for stream, head in known.items() if self._is_suspicious(head[1])}
        return Due(worker_id, tuple(known), sum([version for version, _ in known.values()])) if known else None

    def _is_suspicious(self, latest: object) -> bool:
        return isinstance(latest, InvariantBroken) or is_outdated(self.configuration, latest)
