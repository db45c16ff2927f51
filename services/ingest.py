"""Ingest: messages from Kafka to events in the log, exactly once.

Each batch is one transaction: configuration shared, offsets moved by compare-and-set, registry rows locked, decided
in memory, and everything written together. A crash at any instant loses nothing and doubles nothing; a process that
lost its partitions writes nothing of them.

While one batch is in its transaction, in a thread of its own, the next is polled and read: the database's time and
ours overlap. Whatever Kafka reassigns meanwhile, the compare-and-set of the offsets decides what may be written.
"""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from hashlib import blake2b
from threading import Event as Flag
from time import perf_counter
from typing import Final

from msgspec import Struct

from domain import intake
from domain.configuration import Configuration
from domain.desk import EMPTY, Desk, Head, Prepared, head, prepare
from domain.gig import GigReport
from domain.identifiers import intake_stream
from domain.intake import Intake, RecordIntake
from domain.message import Message, OffsetClaim, Outcome, Partition, QuarantinedMessage
from domain.recorded import NewEvent
from domain.registry import EventRef, GigEvent
from domain.rejections import Conflict, ExchangeError, InvariantBroken, Malformed, Rejected, Unavailable
from services import heap
from services.backoff import Backoff
from services.logs import logger
from services.metrics import INGEST
from services.ports import Clock, Gigs, Log, LogTransaction, Read
from services.stream_cache import StreamCache

DEFECT: Final = "defect"
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
        self._read = read
        self._clock = clock
        self._settings = settings
        self._cache = StreamCache(settings.cached_streams)
        self._configuration = Configuration({}, {}, epoch=-1)
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
        batch = Batch([(message, self._read_message(message, now)) for message in fetched])
        try:
            self.settle()
        except BaseException:
            # These were fetched and will not be taken: their offsets are read anew as well.
            self._gigs.lost(polled)
            raise
        if polled:
            claims = [claim for at, messages in polled.items() if (claim := _claim(at, messages, self._gigs))]
            self._under_way = polled, self._transactor.submit(self._take, batch, claims)
        self._tell()
        return len(batch.messages)

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

    def _take(self, batch: "Batch", claims: list[OffsetClaim]) -> "Batch":
        for _ in range(ATTEMPTS):
            batch.begin(claims)
            try:
                self._transact(batch)
                self._cache.learn(batch.heads)
                self._cache.learn(batch.new_heads)
                return batch
            except Conflict:
                self._cache.forget(batch.streams)
                INGEST.conflicts.inc()
            except BaseException:
                self._cache.forget(batch.streams)
                raise
        raise Unavailable(f"a batch conflicted {ATTEMPTS} times in a row")

    def _transact(self, batch: "Batch") -> None:
        """Take a batch in one transaction, in the order of locks that every path keeps."""
        began = perf_counter()
        with self._log.transaction() as transaction:
            self._refresh(transaction)
            batch.keep(transaction.take_offsets(batch.claims))
            taken = [(message, self._prepare(message, reading)) for message, reading in batch.readings()]
            desk = self._desk(transaction, batch, [each for _, each in taken if isinstance(each, Prepared)])
            for message, each in taken:
                batch.count(message, self._settle(desk, message, each))
            if batch.remembers and any(each.reason == DEFECT for each in batch.quarantined):
                # Before a gig is called a defect, everything is read anew: what was remembered may be out of date.
                raise Conflict("decided on streams as they were remembered")
            self._write(transaction, batch, desk)
        batch.seconds = perf_counter() - began

    def _refresh(self, transaction: LogTransaction) -> None:
        epoch = transaction.share_epoch()
        if epoch != self._configuration.epoch:
            self._configuration = transaction.configuration(epoch)

    def _read_message(self, message: Message, now: datetime) -> GigReport | QuarantinedMessage:
        try:
            return self._read(message, now)
        except (Malformed, Rejected) as error:
            return _quarantined(message, error)
        except Exception as error:  # one message that breaks us must not stop the partition
            return self._defect(message, error)

    def _prepare(self, message: Message, reading: GigReport | QuarantinedMessage) -> Prepared | QuarantinedMessage:
        if isinstance(reading, QuarantinedMessage):
            return reading
        try:
            return prepare(self._configuration, reading)
        except (Malformed, Rejected) as error:
            return _quarantined(message, error)
        except Exception as error:  # as above
            return self._defect(message, error)

    def _desk(self, transaction: LogTransaction, batch: "Batch", reports: list[Prepared]) -> Desk:
        """What the log holds of everything these reports may touch."""
        known = transaction.registered([report.key for report in reports])
        refs = {ref for each in reports if (gig := known.get(each.key)) and each.corrects(gig) for ref in gig.events}
        events = transaction.events_at(refs)
        batch.streams = {step.stream for report in reports for step in report.steps} | {ref.stream for ref in refs}
        missing = self._cache.missing(batch.streams)
        heads = {ref.stream: _head(ref, event) for ref, event in transaction.heads(missing).items()}
        remembered = self._cache.known(batch.streams)
        batch.remembers = bool(remembered)
        batch.heads = dict.fromkeys(missing, EMPTY) | heads | remembered
        return Desk(self._configuration, batch.heads, known, _gig_events(events))

    def _settle(
        self, desk: Desk, message: Message, taken: Prepared | QuarantinedMessage
    ) -> Outcome | QuarantinedMessage:
        if isinstance(taken, QuarantinedMessage):
            return taken
        try:
            return desk.take(taken)
        except Rejected as error:
            return _quarantined(message, error)
        except Exception as error:  # a corrupt stream or a bug: this gig waits, the others go on
            return self._defect(message, error)

    def _defect(self, message: Message, error: Exception) -> QuarantinedMessage:
        log.error("defect", partition=str(message.partition), offset=message.offset, exc_info=error)
        return QuarantinedMessage(message, DEFECT, f"{type(error).__name__}: {error}".replace("\0", "\\0"))

    def _write(self, transaction: LogTransaction, batch: "Batch", desk: Desk) -> None:
        now = self._clock()
        new = {key: gig for key, gig in desk.registered.items() if not desk.was_known(key)}
        transaction.register(new)
        transaction.reregister({key: gig for key, gig in desk.registered.items() if key not in new})
        transaction.quarantine(batch.quarantined, now)
        batch.new_heads = desk.new_heads
        events = desk.new_events + batch.intake_events()
        if events:
            transaction.append(events, now)

    def _finish(self, polled: Iterable[Partition], batch: "Batch") -> None:
        """After the commit: move on, and count."""
        for partition, claim in batch.kept.items():
            self._gigs.advance(partition, claim.next_offset)
        self._gigs.lost([partition for partition in polled if partition not in batch.kept])
        for outcome, count in batch.outcomes.items():
            INGEST.gigs.labels(outcome).inc(count)
        self.defects += sum(message.reason == DEFECT for message in batch.quarantined)
        for message in batch.quarantined:
            INGEST.quarantined.labels(message.reason).inc()
        INGEST.batch_seconds.observe(batch.seconds)
        log.info("batch", messages=len(batch.messages), outcomes=dict(batch.outcomes), seconds=round(batch.seconds, 4))


class Batch:
    """What one poll brought, and what becomes of it."""

    def __init__(self, messages: list[tuple[Message, GigReport | QuarantinedMessage]]) -> None:
        self.messages = messages
        self.begin([])

    def begin(self, claims: list[OffsetClaim]) -> None:
        """Nothing is decided yet, or any more."""
        self.claims = claims
        self.kept: dict[Partition, OffsetClaim] = {}
        self.streams: set[str] = set()
        self.heads: dict[str, Head | InvariantBroken] = {}
        self.remembers = False
        self.new_heads: dict[str, Head] = {}
        self.seconds = 0.0
        self.quarantined: list[QuarantinedMessage] = []
        self._versions: dict[Partition, int] = {}
        self._outcomes: dict[Partition, Counter[str]] = {}

    def keep(self, versions: dict[Partition, int]) -> None:
        """Keep the partitions whose offsets moved; the others belong to somebody else by now."""
        self._versions = versions
        self.kept = {claim.partition: claim for claim in self.claims if claim.partition in versions}
        self._outcomes = {partition: Counter() for partition in self.kept}

    def readings(self) -> list[tuple[Message, GigReport | QuarantinedMessage]]:
        """The messages of the partitions kept, with what was read in them."""
        return [(message, reading) for message, reading in self.messages if message.partition in self.kept]

    def count(self, message: Message, outcome: Outcome | QuarantinedMessage) -> None:
        """Note what a message came to."""
        if isinstance(outcome, QuarantinedMessage):
            self.quarantined.append(outcome)
            outcome = "quarantined"
        self._outcomes[message.partition][outcome] += 1

    @property
    def outcomes(self) -> Counter[str]:
        """How many messages came to which outcome, over all partitions."""
        return sum(self._outcomes.values(), Counter())

    def intake_events(self) -> list[NewEvent]:
        """One event a partition, so that offsets and quarantine are folds of the log."""
        return [self._intake_event(partition, claim) for partition, claim in self.kept.items()]

    def _intake_event(self, at: Partition, claim: OffsetClaim) -> NewEvent:
        digest = _digest(each.message for each in self.quarantined if each.message.partition == at)
        command = RecordIntake(
            at.cluster, at.topic, at.number, claim.old_offset, claim.next_offset, dict(self._outcomes[at]), digest
        )
        (event,) = intake.decide(Intake(next_offset=claim.old_offset), command)
        return NewEvent(intake_stream(at.cluster, at.topic, at.number), self._versions[at], event)


def _claim(partition: Partition, messages: list[Message], gigs: Gigs) -> OffsetClaim | None:
    assignment = gigs.assignment(partition)
    if assignment is None:
        return None
    return OffsetClaim(partition, assignment.epoch, assignment.next_offset, messages[-1].offset + 1)


def _quarantined(message: Message, error: ExchangeError) -> QuarantinedMessage:
    return QuarantinedMessage(message, error.code, str(error).replace("\0", "\\0"))


def _head(ref: EventRef, event: object) -> Head | InvariantBroken:
    if isinstance(event, InvariantBroken):
        return event
    try:
        return head(ref.version, event)
    except InvariantBroken as error:
        return error


def _gig_events(events: dict[EventRef, object]) -> dict[EventRef, GigEvent | InvariantBroken]:
    return {ref: event for ref, event in events.items() if isinstance(event, GigEvent | InvariantBroken)}


def _digest(messages: Iterable[Message]) -> str:
    """A digest of quarantined messages, empty for none: offset, key, value and headers of each, in order."""
    state = blake2b(digest_size=16)
    found = False
    for message in messages:
        found = True
        for part in (str(message.offset).encode(), message.key, message.value, *_flat(message)):
            state.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return state.hexdigest() if found else ""


def _flat(message: Message) -> list[bytes | None]:
    return [part for name, value in message.headers for part in (name.encode(), value)]
