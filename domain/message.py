"""Messages as they arrive from Kafka, and what becomes of those that cannot be taken."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Outcome = Literal["new", "revised", "cancelled", "duplicate", "stale", "quarantined"]


class Partition(Struct, frozen=True, order=True):
    """One partition of one topic of one cluster."""

    cluster: str
    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Message(Struct, frozen=True, gc=False):
    """One Kafka message with its coordinates; `topic_id` tells a topic from another of the same name."""

    partition: Partition
    topic_id: str
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class QuarantinedMessage(Struct, frozen=True):
    """A message that could not be taken: the code of the error that refused it, and its words."""

    message: Message
    reason: str
    detail: str


class Quarantined(Struct, frozen=True):
    """A message in quarantine under its number there, and what became of it (`open`, `redriven`, `discarded`)."""

    quarantine_id: int
    state: str
    recorded_at: datetime
    refused: QuarantinedMessage
    resolution: str | None


class OffsetClaim(Struct, frozen=True):
    """What a batch takes from one partition: `old_offset` up to but not including `next_offset`.

    `epoch` is the one under which the partition was assigned; `events` how many events its intake stream gets.
    """

    partition: Partition
    epoch: int
    old_offset: int
    next_offset: int
    events: int = 1


class Assignment(Struct, frozen=True):
    """A partition as it was taken over: the epoch that fences its former owner, and where to go on."""

    partition: Partition
    topic_id: str
    epoch: int
    next_offset: int
