"""The consumer group over all topics `gigs.*`, with offsets that live in PostgreSQL.

Kafka decides who takes a partition, the database where it goes on: each assignment is taken over there, under a new
epoch that fences whoever had it before. Nothing is committed to Kafka. An offset that is no longer on the broker
stops its partition with a clear state, never with a jump.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from domain.message import Assignment, Message, Partition
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import BrokerUnavailable, Topics
from infra.kafka.wire import TOPIC_PREFIX

#: A partition that somebody else moved is claimed again only after this, if Kafka still assigns it to us.
RECLAIM_SECONDS: Final = 1.0
#: How often cluster and topics are asked whether they are still the same ones.
IDENTIFY_SECONDS: Final = 2.0

#: Takes partitions (with their topic ids) over in the database.
TakeOver = Callable[[list[tuple[Partition, str]]], list[Assignment]]


class GigGroup:
    """A member of the consumer group. Everything happens inside `poll`, in the caller's thread."""

    def __init__(
        self, settings: BrokerSettings, topics: Topics, take_over: TakeOver, *, group: str, session_timeout_ms: int
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._take_over = take_over
        self._group = group
        self._session_timeout_ms = session_timeout_ms
        self._consumer: Any = None
        self._owned: dict[TopicPartition, Assignment] = {}
        self._unclaimed: dict[TopicPartition, float] = {}
        self._stalled: dict[TopicPartition, str] = {}
        self._broker_trouble = ""
        self._identified_at = monotonic()

    def poll(self, timeout_ms: int, max_messages: int) -> dict[Partition, list[Message]]:
        """Up to `max_messages` of the partitions we own, in order; raises `Unavailable`."""
        consumer = self._connected()
        polled = self._poll(consumer, timeout_ms, max_messages)
        self._claim(consumer)
        if monotonic() - self._identified_at > IDENTIFY_SECONDS:
            self._identify(consumer)
        messages = {}
        for at, records in polled.items():
            owned = self._owned.get(at)
            # What was fetched before a partition was taken over is fetched again from the right place.
            if owned is not None and records[0].offset >= owned.next_offset:
                messages[owned.partition] = [_message(owned, record) for record in records]
        return messages

    def _poll(self, consumer: Any, timeout_ms: int, max_messages: int) -> dict[TopicPartition, list[Any]]:
        try:
            found: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms, max_records=max_messages)
        except OffsetOutOfRangeError as error:
            self._out_of_range(consumer, error.args[0])
            return {}
        except KafkaError as error:
            raise BrokerUnavailable(f"broker: {error}") from error
        return found

    def _out_of_range(self, consumer: Any, offsets: dict[TopicPartition, int]) -> None:
        """Look whether the topic is a new one; if not, stop the partition until an operator decides."""
        self._identify(consumer)
        for at, offset in offsets.items():
            if at in self._owned:
                consumer.pause(at)
                self._stalled[at] = (
                    f"{at.topic}/{at.partition}: offset {offset} is no longer on the broker; "
                    "see `benefits doctor`, then `benefits ingest --accept-gap`"
                )

    def assignment(self, partition: Partition) -> Assignment | None:
        """How we own a partition, or None where we do not."""
        return self._owned.get(TopicPartition(partition.topic, partition.number))

    def advance(self, partition: Partition, next_offset: int) -> None:
        """Note what was committed, if the partition is still ours."""
        at = TopicPartition(partition.topic, partition.number)
        owned = self._owned.get(at)
        if owned is not None and owned.next_offset < next_offset:
            self._owned[at] = Assignment(owned.partition, owned.topic_id, owned.epoch, next_offset)

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Stop taking these: their offsets are not where we thought. They are claimed again if they stay assigned."""
        for partition in partitions:
            self._unclaim(TopicPartition(partition.topic, partition.number), RECLAIM_SECONDS)

    def _unclaim(self, at: TopicPartition, seconds: float = 0.0) -> None:
        self._owned.pop(at, None)
        self._stalled.pop(at, None)
        self._unclaimed[at] = monotonic() + seconds
        if self._consumer is not None and at in self._consumer.assignment():
            self._consumer.pause(at)

    def trouble(self) -> list[str]:
        """Why this member is not taking all that it should, in words; empty when it is."""
        return [*self._stalled.values(), *([self._broker_trouble] if self._broker_trouble else [])]

    def close(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            self._consumer.close()
        self._topics.close()

    def _connected(self) -> Any:
        if self._consumer is None:
            try:
                self._consumer = KafkaConsumer(
                    **self._settings.kwargs(),
                    group_id=self._group,
                    enable_auto_commit=False,
                    auto_offset_reset="none",
                    isolation_level="read_committed",
                    session_timeout_ms=self._session_timeout_ms,
                    heartbeat_interval_ms=self._session_timeout_ms // 4,
                    fetch_max_bytes=16 << 20,
                    max_partition_fetch_bytes=2 << 20,
                    fetch_max_wait_ms=100,
                )
            except KafkaError as error:
                raise BrokerUnavailable(f"broker: {error}") from error
            self._consumer.subscribe(pattern=rf"^{TOPIC_PREFIX.replace('.', '[.]')}.+", listener=_Listener(self))
        return self._consumer

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Kafka assigned these: hold them until they are taken over in the database."""
        partitions = set(partitions)
        for at in partitions - self._owned.keys():
            self._consumer.seek(at, 0)
            self._unclaim(at)
        for at in partitions & self._owned.keys():
            self._consumer.seek(at, self._owned[at].next_offset)

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Kafka took these away."""
        for at in partitions:
            self._owned.pop(at, None)
            self._unclaimed.pop(at, None)
            self._stalled.pop(at, None)

    def _claim(self, consumer: Any) -> None:
        """Take over what was assigned and is due."""
        due = [at for at, since in self._unclaimed.items() if since <= monotonic() and at in consumer.assignment()]
        if not due:
            return
        cluster = self._topics.cluster_id()
        topic_ids = self._topics.topic_ids({at.topic for at in due})
        wanted = [
            (Partition(cluster, at.topic, at.partition), topic_ids[at.topic]) for at in due if at.topic in topic_ids
        ]
        for assignment in self._take_over(wanted):
            at = TopicPartition(assignment.partition.topic, assignment.partition.number)
            self._owned[at] = assignment
            del self._unclaimed[at]
            consumer.seek(at, assignment.next_offset)
            consumer.resume(at)

    def _identify(self, consumer: Any) -> None:
        """Notice a broker or a topic that was made anew under the same name: it is taken from its beginning."""
        self._identified_at = monotonic()
        try:
            cluster = self._topics.cluster_id()
            topic_ids = self._topics.topic_ids({at.topic for at in self._owned})
        except BrokerUnavailable as error:
            self._broker_trouble = error.detail
            return
        self._broker_trouble = ""
        for at, owned in list(self._owned.items()):
            if cluster != owned.partition.cluster or topic_ids.get(at.topic, owned.topic_id) != owned.topic_id:
                self._unclaim(at)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands Kafka's assignments to the group member."""

    def __init__(self, group: GigGroup) -> None:
        self._group = group

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._group.assigned(assigned)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._group.revoked(revoked)


def _message(owned: Assignment, record: Any) -> Message:
    return Message(
        owned.partition,
        owned.topic_id,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
