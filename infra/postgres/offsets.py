"""Kafka offsets in PostgreSQL: taking a partition over, which fences whoever had it before."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from domain import intake
from domain.identifiers import intake_stream
from domain.intake import Intake, StartIntake, StartReason
from domain.message import Assignment, Partition
from domain.recorded import NewEvent
from infra.event_log.transaction import Transaction

_CLAIM = """
    update intake_offset set epoch = epoch + 1 where cluster = %s and topic = %s and partition = %s
    returning epoch, topic_id, next_offset, stream_version
"""
_START = """
    insert into intake_offset (cluster, topic, partition, topic_id, next_offset, epoch, stream_version)
    values (%s, %s, %s, %s, %s, 1, %s)
    on conflict (cluster, topic, partition) do update
        set topic_id = excluded.topic_id, next_offset = excluded.next_offset, stream_version = excluded.stream_version
"""


def take_over(transaction: Transaction, partitions: Sequence[tuple[Partition, str]], now: datetime) -> list[Assignment]:
    """Own these partitions (with their topic ids) from now on: a new epoch each, and where to go on.

    A partition not seen before, or of a topic that was made anew, begins at offset 0 with an event that says so.
    """
    assignments: list[Assignment] = []
    started: list[NewEvent] = []
    for at, topic_id in sorted(partitions):
        owned = _claim(transaction, at)
        if owned.topic_id != topic_id:
            reason: StartReason = "new" if owned.topic_id is None else "recreated"
            started += _start(transaction, at, owned, topic_id, 0, reason)
            owned = Owned(owned.epoch, topic_id, 0, owned.version)
        assignments.append(Assignment(at, topic_id, owned.epoch, owned.next_offset))
    if started:
        transaction.append(started, now)
    return assignments


def accept_gap(transaction: Transaction, at: Partition, offset: int, now: datetime, actor: str) -> None:
    """Go on at `offset` although messages before it are lost: an operator's decision, kept in the log."""
    owned = _claim(transaction, at)
    started = _start(transaction, at, owned, owned.topic_id or "", offset, "gap_accepted")
    if started:
        transaction.append(started, now, actor)


class Owned(Struct, frozen=True):
    """A partition's row after it was claimed; `topic_id` is None where there was none."""

    epoch: int
    topic_id: str | None
    next_offset: int
    version: int


def _claim(transaction: Transaction, at: Partition) -> Owned:
    row = transaction.rows.execute(_CLAIM, [at.cluster, at.topic, at.number]).fetchone()
    return Owned(*row) if row else Owned(1, None, 0, 0)


def _start(
    transaction: Transaction, at: Partition, owned: Owned, topic_id: str, offset: int, reason: StartReason
) -> list[NewEvent]:
    command = StartIntake(at.cluster, at.topic, at.number, topic_id, offset, reason)
    events = intake.decide(Intake(owned.topic_id, owned.next_offset), command)
    stream = intake_stream(at.cluster, at.topic, at.number)
    new = [NewEvent(stream, owned.version + number, event) for number, event in enumerate(events, 1)]
    row = [at.cluster, at.topic, at.number, topic_id, offset, owned.version + len(new)]
    transaction.rows.execute(_START, row)
    return new
