"""Quarantined messages taken once more, or given up.

A message goes the way it went when it arrived: read, prepared and settled by the same code as in ingest, against the
log and the configuration as they are now. What it comes to and the end of its quarantine commit together; offsets were
moved when it was quarantined and stay. One that is refused again stays in quarantine, with today's reason.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from domain.configuration import Configuration
from domain.message import Outcome, Quarantined, QuarantinedMessage
from domain.recorded import Recorded
from domain.rejections import Conflict, Malformed, NotFound, Rejected
from services.operations import By
from services.ports import LogTransaction, Read, Reads
from services.taker import Result, Taker

#: Messages taken in one transaction.
BATCH: Final = 500
#: How often a batch is decided anew after somebody else wrote to one of its streams first.
ATTEMPTS: Final = 20


class QuarantineTransaction(LogTransaction, Protocol):
    """A transaction that can also end a quarantine."""

    def resolve(self, resolutions: Mapping[int, str], state: str, resolved_at: datetime) -> None: ...
    def refuse_again(self, reasons: Mapping[int, tuple[str, str]]) -> None: ...


class QuarantineLog(Protocol):
    """The event log with its quarantine."""

    def transaction(self) -> AbstractContextManager[QuarantineTransaction]: ...
    def configuration(self) -> Configuration: ...
    def head(self) -> int: ...
    def after(self, position: int, limit: int) -> list[Recorded]: ...
    def stream(self, stream: str) -> list[Recorded]: ...


class Redriven(Struct, frozen=True):
    """What became of a message: an outcome, or `quarantined` with the reason and words of today."""

    quarantine_id: int
    outcome: Outcome
    reason: str = ""
    detail: str = ""


class MessageNotInQuarantine(NotFound):
    """No message has this number."""

    code = "message_not_in_quarantine"


class AlreadyResolved(Rejected):
    """The message left quarantine another way."""

    code = "already_resolved"


class Redrive:
    """Takes messages out of quarantine, as ingest takes them from Kafka."""

    def __init__(self, exchange: QuarantineLog, read: Read, by: By) -> None:
        self._log = exchange
        self._taker = Taker(read, cached_streams=0)
        self._by = by

    def redrive(self, messages: Sequence[Quarantined]) -> list[Redriven]:
        """Take open messages, oldest first, in one transaction; raises `Conflict` where somebody else does the same."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._redrive(sorted(messages, key=lambda each: each.quarantine_id))
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _redrive(self, messages: list[Quarantined]) -> list[Redriven]:
        readings = [(each.refused.message, self._taker.read(each.refused.message, self._by.at)) for each in messages]
        with self._log.transaction() as transaction:
            self._taker.refresh(transaction)
            transaction.lock_quarantine([each.quarantine_id for each in messages])
            taken = self._taker.take(transaction, readings)
            found = [_redriven(each, result) for each, result in zip(messages, taken.results, strict=True)]
            self._resolve(transaction, found)
            if taken.events:
                transaction.append(taken.events, self._by.at, self._by.actor)
        return found

    def _resolve(self, transaction: QuarantineTransaction, found: list[Redriven]) -> None:
        words = {
            each.quarantine_id: f"{each.outcome}, re-driven by {self._by.actor}"
            for each in found
            if each.outcome != "quarantined"
        }
        transaction.resolve(words, "redriven", self._by.at)
        transaction.refuse_again(
            {each.quarantine_id: (each.reason, each.detail) for each in found if each.outcome == "quarantined"}
        )


def _redriven(each: Quarantined, came_to: Result) -> Redriven:
    if isinstance(came_to, QuarantinedMessage):
        return Redriven(each.quarantine_id, "quarantined", came_to.reason, came_to.detail)
    return Redriven(each.quarantine_id, came_to)


def redrive(exchange: QuarantineLog, reads: Reads, read: Read, by: By, numbers: Sequence[int] | None) -> list[Redriven]:
    """Re-drive messages by number, or all open ones (None).

    Those that were re-driven before are left out, so that the command is safe to repeat. Raises
    `MessageNotInQuarantine` or `AlreadyResolved` before anything is done.
    """
    taking = Redrive(exchange, read, by)
    if numbers is not None:
        wanted = [each for each in _messages(reads, numbers, "redriven") if each.state == "open"]
        return [each for at in range(0, len(wanted), BATCH) for each in taking.redrive(wanted[at : at + BATCH])]
    found: list[Redriven] = []
    after = 0
    while page := reads.quarantine(state="open", after=after, limit=BATCH):
        found += taking.redrive(page)
        after = page[-1].quarantine_id
    return found


def discard(exchange: QuarantineLog, reads: Reads, by: By, numbers: Sequence[int], reason: str) -> list[int]:
    """Give messages up, and return those that were still open.

    Raises `Malformed` without a reason, `MessageNotInQuarantine`, or `AlreadyResolved` for one that was re-driven.
    """
    if not reason.strip():
        raise Malformed("say why: whoever looks later will want to know", key="reason")
    wanted = [each.quarantine_id for each in _messages(reads, numbers, "discarded") if each.state == "open"]
    with exchange.transaction() as transaction:
        words = f"by {by.actor}: {reason.strip()}"
        transaction.resolve(dict.fromkeys(wanted, words), "discarded", by.at)
    return wanted


def _messages(reads: Reads, numbers: Sequence[int], wanted_state: str) -> list[Quarantined]:
    """The messages with these numbers, none of which left quarantine another way."""
    found = []
    for number in sorted(set(numbers)):
        each = reads.quarantined(number)
        if each is None:
            raise MessageNotInQuarantine(f"there is no message {number} in quarantine: see `benefits quarantine list`")
        if each.state not in {"open", wanted_state}:
            raise AlreadyResolved(f"message {number} was {each.state} ({each.resolution})")
        found.append(each)
    return found
