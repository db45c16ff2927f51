"""Ingest: messages from Kafka to events in the log, exactly once.

Each batch is one transaction: configuration shared, offsets moved by compare-and-set, registry rows locked, decided
in memory, and everything written together. A crash at any instant loses nothing and doubles nothing; a process that
lost its partitions writes nothing of them.

While one batch is in its transaction, in a thread of its own, the next is polled and read: the database's time and
ours overlap. Whatever Kafka reassigns meanwhile, the compare-and-set of the offsets decides what may be written.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Flag
from time import perf_counter
from typing import Final

from msgspec import Struct

from domain.message import Message, OffsetClaim, Partition
from domain.rejections import Conflict, Unavailable
from services import heap
from services.backoff import Backoff
from services.batch import Batch
from services.logs import logger
from services.metrics import INGEST
from services.ports import Clock, Gigs, Log, Read
from services.taker import Taker

#: How often a batch is decided anew after somebody else wrote to one of its streams first.
ATTEMPTS: Final = 20

log = logger(__name__)


class IngestSettings(Struct, frozen=True):
    """How much is taken at a time, and how many streams' states are remembered between batches."""

    batch_size: int = 1_000
    poll_timeout_ms: int = 200
    cached_streams: int = 50_000


class Ingest:
    """One ingest process."""

    def __init__(self, exchange: Log, gigs: Gigs, read: Read, clock: Clock, settings: IngestSettings) -> None:
        self._log = exchange
        self._gigs = gigs
        self._clock = clock
        self._settings = settings
        self._taker = Taker(read, settings.cached_streams)
        self._transactor = ThreadPoolExecutor(1, "transact")
        self._under_way: tuple[Iterable[Partition], Future[Batch]] | None = None
        self._trouble: list[str] = []
        self.defects = 0

    def run(self, stop: Flag) -> None:
        """Take batches until told to stop, then finish the one at hand and leave the group."""
        heap.settle()
        backoff = Backoff(stop)
        try:
            while not stop.is_set():
                try:
                    self.step()
                    backoff.succeeded()
                except (Conflict, Unavailable) as error:
                    INGEST.ready.set(0)
                    log.warning("waiting", reason=error.code, detail=error.detail, seconds=backoff.delay)
                    backoff.wait()
        finally:
            self.close()

    def step(self) -> int:
        """Poll once, settle the batch under way and begin the next; returns how many messages came."""
        polled = self._gigs.poll(self._settings.poll_timeout_ms, self._settings.batch_size)
        now = self._clock()
        fetched = [message for messages in polled.values() for message in messages]
        readings = [(message, self._taker.read(message, now)) for message in fetched]
        try:
            self.settle()
        except BaseException:
            # These were fetched and will not be taken: their offsets are read anew as well.
            self._gigs.lost(polled)
            raise
        if polled:
            claims = [claim for at, messages in polled.items() if (claim := _claim(at, messages, self._gigs))]
            self._under_way = polled, self._transactor.submit(self._take, Batch(readings, claims))
        self._tell()
        return len(fetched)

    def _tell(self) -> None:
        """Show whether we take all that we should, and say it once when that changes."""
        trouble = self._gigs.trouble()
        INGEST.ready.set(0 if self.defects or trouble else 1)
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                log.warning("trouble", what=trouble)
            else:
                log.info("trouble is over")

    def settle(self) -> None:
        """Wait for the batch under way, if any, and note what was committed."""
        if self._under_way is None:
            return
        polled, taking = self._under_way
        self._under_way = None
        try:
            self._finish(polled, taking.result())
        except BaseException:
            # Whether it was committed is unknown: offsets are read anew.
            self._gigs.lost(polled)
            raise

    def close(self) -> None:
        """Finish the batch under way and leave the group."""
        try:
            self.settle()
        except Unavailable as error:
            log.warning("not finished", reason=error.code, detail=error.detail)
        finally:
            self._transactor.shutdown()
            self._gigs.close()

    def _take(self, batch: Batch) -> Batch:
        """Take a batch in one transaction, anew where somebody else wrote first."""
        for _ in range(ATTEMPTS):
            try:
                self._transact(batch)
                return batch
            except Conflict:
                INGEST.conflicts.inc()
        raise Unavailable(f"a batch conflicted {ATTEMPTS} times in a row")

    def _transact(self, batch: Batch) -> None:
        """Take a batch in one transaction, in the order of locks that every path keeps."""
        began = perf_counter()
        batch.begin()
        taken = None
        try:
            with self._log.transaction() as transaction:
                self._taker.refresh(transaction)
                readings = batch.keep(transaction.take_offsets(batch.claims))
                taken = self._taker.take(transaction, readings)
                batch.note(readings, taken.results)
                now = self._clock()
                transaction.quarantine(batch.quarantined, now)
                if events := taken.events + batch.intake_events():
                    transaction.append(events, now)
        except BaseException:
            if taken is not None:
                self._taker.forget(taken)
            raise
        self._taker.learn(taken)
        batch.seconds = perf_counter() - began

    def _finish(self, polled: Iterable[Partition], batch: Batch) -> None:
        """After the commit: move on, and count."""
        for partition, claim in batch.kept.items():
            self._gigs.advance(partition, claim.next_offset)
        self._gigs.lost([partition for partition in polled if partition not in batch.kept])
        for outcome, count in batch.outcomes.items():
            INGEST.gigs.labels(outcome).inc(count)
        for message in batch.quarantined:
            INGEST.quarantined.labels(message.reason).inc()
        self.defects += batch.defects
        INGEST.batch_seconds.observe(batch.seconds)
        outcomes = dict(batch.outcomes)
        log.info("batch", messages=sum(outcomes.values()), outcomes=outcomes, seconds=round(batch.seconds, 4))


def _claim(partition: Partition, messages: list[Message], gigs: Gigs) -> OffsetClaim | None:
    assignment = gigs.assignment(partition)
    if assignment is None:
        return None
    return OffsetClaim(partition, assignment.epoch, assignment.next_offset, messages[-1].offset + 1)
