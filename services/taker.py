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
from domain.desk import EMPTY, Desk, Head, Prepared, head, prepare
from domain.gig import GigReport
from domain.message import Message, Outcome, QuarantinedMessage
from domain.recorded import NewEvent
from domain.registry import EventRef, GigEvent
from domain.rejections import ExchangeError, InvariantBroken, Malformed, Rejected
from services.logs import logger
from services.ports import LogTransaction, Read
from services.stream_cache import StreamCache

#: The reason of what a bug or a corrupt stream keeps from being taken.
DEFECT: Final = "defect"

#: What was read in a message.
Reading = GigReport | QuarantinedMessage
#: What a message came to.
Result = Outcome | QuarantinedMessage

log = logger(__name__)


class Taken(Struct, frozen=True):
    """What messages came to, in their order, and the desk that holds what has to be written.

    `heads` are the streams as they were before, `is_from_memory` whether some of them were remembered, not read.
    """

    results: tuple[Result, ...]
    desk: Desk
    heads: dict[str, Head | InvariantBroken]
    is_from_memory: bool

    @property
    def events(self) -> list[NewEvent]:
        """The events that follow."""
        return self.desk.new_events

    @property
    def has_defects(self) -> bool:
        """Whether a bug or a corrupt stream kept a message from being taken."""
        return any(isinstance(each, QuarantinedMessage) and each.reason == DEFECT for each in self.results)


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
        """Take messages one after another, against what the log holds of everything that they may touch."""
        prepared = [(message, self._prepare(message, reading)) for message, reading in readings]
        reports = [each for _, each in prepared if isinstance(each, Prepared)]
        known = transaction.registered([report.key for report in reports])
        refs = {ref for each in reports if (gig := known.get(each.key)) and each.corrects(gig) for ref in gig.events}
        events = transaction.events_at(refs)
        streams = {step.stream for report in reports for step in report.steps} | {ref.stream for ref in refs}
        remembered = self._cache.known(streams)
        missing = streams - remembered.keys()
        found = {ref.stream: _head(ref, event) for ref, event in transaction.heads(missing).items()}
        heads = dict.fromkeys(missing, EMPTY) | found | remembered
        desk = Desk(self._configuration, heads, known, _gig_events(events))
        results = tuple([_settle(desk, message, each) for message, each in prepared])
        return Taken(results, desk, heads, bool(remembered))

    def register(self, transaction: LogTransaction, taken: Taken) -> None:
        """Write the registry's rows."""
        new = {key: gig for key, gig in taken.desk.registered.items() if not taken.desk.was_known(key)}
        transaction.register(new)
        transaction.reregister({key: gig for key, gig in taken.desk.registered.items() if key not in new})

    def learn(self, taken: Taken) -> None:
        """Remember where streams stand, after the commit."""
        self._cache.learn(taken.heads)
        self._cache.learn(taken.desk.new_heads)

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


def _settle(desk: Desk, message: Message, prepared: Prepared | QuarantinedMessage) -> Result:
    if isinstance(prepared, QuarantinedMessage):
        return prepared
    try:
        return desk.take(prepared)
    except Rejected as error:
        return _quarantined(message, error)
    except Exception as error:  # a corrupt stream or a bug: this gig waits, the others go on
        return _defect(message, error)


def _quarantined(message: Message, error: ExchangeError) -> QuarantinedMessage:
    return QuarantinedMessage(message, error.code, str(error).replace("\0", "\\0"))


def _defect(message: Message, error: Exception) -> QuarantinedMessage:
    log.error("defect", partition=str(message.partition), offset=message.offset, exc_info=error)
    return QuarantinedMessage(message, DEFECT, f"{type(error).__name__}: {error}".replace("\0", "\\0"))


def _head(ref: EventRef, event: object) -> Head | InvariantBroken:
    if isinstance(event, InvariantBroken):
        return event
    try:
        return head(ref.version, event)
    except InvariantBroken as error:
        return error


def _gig_events(events: dict[EventRef, object]) -> dict[EventRef, GigEvent | InvariantBroken]:
    return {ref: event for ref, event in events.items() if isinstance(event, GigEvent | InvariantBroken)}
