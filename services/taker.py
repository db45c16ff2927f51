"""The taker: from messages to what has to be written, in a transaction of the caller's.

What ingest does with a batch and what re-driving does with quarantined messages is this and nothing else. Reading a
message needs no database and may be done ahead; taking it needs the registry and the streams it touches. Nothing here
raises because of a message: what cannot be read or taken comes out as a `QuarantinedMessage`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from domain.configuration import Configuration
from domain.desk import EMPTY, Desk, GigKey, Head, Prepared, head, prepare
from domain.gig import GigReport
from domain.identifiers import is_pooled
from domain.message import Message, Outcome, QuarantinedMessage
from domain.recorded import NewEvent
from domain.registry import ConflictingReport, EventRef, GigEvent, RegisteredGig
from domain.rejections import Conflict, ExchangeError, InvariantBroken, Malformed, Rejected
from services.logs import logger
from services.ports import LogTransaction, Read
from services.stream_cache import StreamCache

#: The reason of what a bug or a corrupt stream keeps from being taken.
DEFECT: Final = "defect"

#: What was read in a message.
Reading = GigReport | QuarantinedMessage
#: A message, made ready to be taken as far as it can be.
Ready = tuple[Message, Prepared | QuarantinedMessage]
#: What a message came to.
Result = Outcome | QuarantinedMessage

log = logger(__name__)


class Taken(Struct, frozen=True):
    """What messages came to, in their order, and the desks that hold what has to be written.

    `heads` are the streams as they were before.
    """

    results: tuple[Result, ...]
    desks: tuple[Desk, ...]
    heads: dict[str, Head | InvariantBroken]

    @property
    def events(self) -> list[NewEvent]:
        """The events that follow."""
        return [new for desk in self.desks for new in desk.new_events]


class Found(Struct, frozen=True):
    """What the log holds of everything that reports may touch.

    `meeting` are the gigs that are decided under the append lock, `pooled` the streams that are read under it.
    """

    known: dict[GigKey, RegisteredGig]
    events: dict[EventRef, GigEvent | InvariantBroken]
    heads: dict[str, Head | InvariantBroken]
    is_from_memory: bool
    meeting: set[GigKey]
    pooled: set[str]


class Taker:
    """Takes messages; remembers the streams met last, and the configuration of the latest epoch."""

    def __init__(self, read: Read, cached_streams: int) -> None:
        self._read = read
        self._cache = StreamCache(cached_streams)
        self._configuration = Configuration({}, {}, epoch=-1)

    def read(self, message: Message, now: datetime) -> Reading:
        """The gig report in a message."""
        try:
            return self._read(message, now)
        except (Malformed, Rejected) as error:
            return _quarantined(message, error)
        except Exception as error:  # one message that breaks us must not stop the partition
            return _defect(message, error)

    def refresh(self, transaction: LogTransaction) -> None:
        """Decide by the configuration as it stands, which does not change until the end of the transaction."""
        epoch = transaction.share_epoch()
        if epoch != self._configuration.epoch:
            self._configuration = transaction.configuration(epoch)

    def take(self, transaction: LogTransaction, readings: Sequence[tuple[Message, Reading]]) -> Taken:
        """Take messages one after another, against what the log holds, and write the registry's rows.

        Where platforms of pooled programs report something new, the append lock is held on return. Raises `Conflict`
        where a refusal may come of a stream that was remembered and not read: it may have gone on meanwhile, by a
        version that lists the gig's class, say. Then it is read next time.
        """
        ready = [(message, self._prepare(message, reading)) for message, reading in readings]
        found = self._find(transaction, [each for _, each in ready if isinstance(each, Prepared)])
        if found.meeting:
            return self._take_meeting(transaction, ready, found)
        desk = self._desk(found, found.heads)
        results = tuple([_settle(desk, *each) for each in ready])
        self._require_certainty(found, ready, results)
        _register(transaction, desk)
        return Taken(results, (desk,), found.heads)

    def _take_meeting(self, transaction: LogTransaction, ready: Sequence[Ready], found: Found) -> Taken:
        """Take what meets in pooled streams under the append lock, and everything else before it.

        New gigs of platforms in pooled programs are registered under the lock, no other platform's are: whoever waits
        for the lock may have registered the same gig, and we would wait for each other.
        """
        meets = [isinstance(each, Prepared) and each.key in found.meeting for _, each in ready]
        apart = self._desk(found, found.heads)
        results = {at: _settle(apart, *each) for at, each in enumerate(ready) if not meets[at]}
        _register(transaction, apart)
        transaction.lock_appends()
        together = self._desk(found, found.heads | _read(transaction, found.pooled))
        results |= {at: _settle(together, *each) for at, each in enumerate(ready) if meets[at]}
        in_order = tuple([results[at] for at in range(len(ready))])
        self._require_certainty(found, ready, in_order)
        _register(transaction, together)
        return Taken(in_order, (apart, together), found.heads)

    def _require_certainty(self, found: Found, ready: Sequence[Ready], results: Sequence[Result]) -> None:
        """Raise `Conflict` where a stream may have kept a report from being taken only as it was remembered."""
        if found.is_from_memory and _is_refused(ready, results):
            self._cache.forget(found.heads)
            raise Conflict("decided on streams as they were remembered")

    def learn(self, taken: Taken) -> None:
        """Remember where streams stand, after the commit."""
        self._cache.learn(taken.heads)
        for desk in taken.desks:
            # Pooled streams are read anew each time: other processes write to them as well.
            self._cache.learn({stream: head for stream, head in desk.new_heads.items() if not is_pooled(stream)})

    def forget(self, taken: Taken) -> None:
        """Read these streams anew next time: it was not committed, or whether it was is unknown."""
        self._cache.forget(taken.heads)

    def _prepare(self, message: Message, reading: Reading) -> Prepared | QuarantinedMessage:
        if isinstance(reading, QuarantinedMessage):
            return reading
        try:
            return prepare(self._configuration, reading)
        except (Malformed, Rejected) as error:
            return _quarantined(message, error)
        except Exception as error:  # as in `read`
            return _defect(message, error)

    def _find(self, transaction: LogTransaction, reports: list[Prepared]) -> Found:
        """Lock the registry's rows and read what may be touched, but for the streams that platforms share."""
        known = transaction.registered([report.key for report in reports])
        changing = [each for each in reports if (gig := known.get(each.key)) is None or each.corrects(gig)]
        refs = {ref for each in changing if (gig := known.get(each.key)) for ref in gig.events}
        streams = {step.stream for report in changing for step in report.steps} | {ref.stream for ref in refs}
        meeting = {each.key for each in changing if self._configuration.is_pooling(each.report.platform_id)}
        pooled = {stream for stream in streams if is_pooled(stream)} if meeting else set()
        events = _gig_events(transaction.events_at(refs))
        remembered = self._cache.known(streams - pooled)
        heads = remembered | _read(transaction, streams - pooled - remembered.keys())
        return Found(known, events, heads, bool(remembered), meeting, pooled)

    def _desk(self, found: Found, heads: dict[str, Head | InvariantBroken]) -> Desk:
        return Desk(self._configuration, heads, found.known, found.events)


def _register(transaction: LogTransaction, desk: Desk) -> None:
    """Write the registry's rows."""
    new = {key: gig for key, gig in desk.registered.items() if not desk.was_known(key)}
    transaction.register(new)
    transaction.reregister({key: gig for key, gig in desk.registered.items() if key not in new})


def _settle(desk: Desk, message: Message, prepared: Prepared | QuarantinedMessage) -> Result:
    if isinstance(prepared, QuarantinedMessage):
        return prepared
    try:
        return desk.take(prepared)
    except (Malformed, Rejected) as error:
        return _quarantined(message, error)
    except Exception as error:  # a corrupt stream or a bug: this gig waits, the others go on
        return _defect(message, error)


def _is_refused(ready: Sequence[Ready], results: Sequence[Result]) -> bool:
    """Whether a stream's state kept a report from being taken; a conflict is the registry's to tell."""
    return any(
        isinstance(result, QuarantinedMessage)
        and isinstance(prepared, Prepared)
        and result.reason != ConflictingReport.code
        for (_, prepared), result in zip(ready, results, strict=True)
    )


def _quarantined(message: Message, error: ExchangeError) -> QuarantinedMessage:
    return QuarantinedMessage(message, error.code, str(error).replace("\0", "\\0"))


def _defect(message: Message, error: Exception) -> QuarantinedMessage:
    log.error("defect", partition=str(message.partition), offset=message.offset, exc_info=error)
    return QuarantinedMessage(message, DEFECT, f"{type(error).__name__}: {error}".replace("\0", "\\0"))


def _read(transaction: LogTransaction, streams: set[str]) -> dict[str, Head | InvariantBroken]:
    """Where streams stand now."""
    found = {ref.stream: _head(ref, event) for ref, event in transaction.heads(streams).items()}
    return dict.fromkeys(streams, EMPTY) | found


def _head(ref: EventRef, event: object) -> Head | InvariantBroken:
    if isinstance(event, InvariantBroken):
        return event
    try:
        return head(ref.version, event)
    except InvariantBroken as error:
        return error


def _gig_events(events: dict[EventRef, object]) -> dict[EventRef, GigEvent | InvariantBroken]:
    return {ref: event for ref, event in events.items() if isinstance(event, GigEvent | InvariantBroken)}
