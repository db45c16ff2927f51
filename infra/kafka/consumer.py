"""The consumer group over all topics `gigs.*`, with offsets that live in PostgreSQL.

Kafka decides who takes a partition, the database where it goes on: each assignment is taken over there, under a new
epoch that fences whoever had it before. Nothing is committed to Kafka. An offset that is no longer on the broker
stops its partition with a clear state, never with a jump.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, LogTruncationError, OffsetOutOfRangeError

from domain.message import Assignment, Message, Partition
from infra.kafka.client import BrokerUnavailable, broker_errors, connect
from infra.kafka.records import read_leniently
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics
from infra.kafka.wire import TOPIC_PREFIX

#: A partition that somebody else moved is claimed again only after this, if Kafka still assigns it to us.
RECLAIM_SECONDS: Final = 1.0
#: How often cluster and topics are asked whether they are still the same ones.
IDENTIFY_SECONDS: Final = 2.0

#: How often the only reader looks for new topics.
ASSIGN_SECONDS: Final = 0.25

#: How long a poll may take while the group is being joined.
JOIN_POLL_MS: Final = 1_000

#: Takes partitions (with their topic ids) over in the database.
TakeOver = Callable[[list[tuple[Partition, str]]], list[Assignment]]


class GigGroup:
    """A member of the consumer group, or with `group=None` the only reader, who assigns itself every partition.

    The embedded broker's groups take seconds for each change; nobody shares its work. Everything happens inside
    `poll`, in the caller's thread.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        topics: Topics,
        take_over: TakeOver,
        *,
        group: str | None,
        session_timeout_ms: int,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._take_over = take_over
        self._group = group
        self._session_timeout_ms = session_timeout_ms
        self._consumer: Any = None
        self._owned: dict[TopicPartition, Assignment] = {}
        self._unclaimed: dict[TopicPartition, float] = {}
        self._stalled: dict[TopicPartition, int] = {}
        self._broker_trouble = ""
        self._identified_at = monotonic()
        self._assign_at = 0.0

    def poll(self, timeout_ms: int, max_messages: int) -> dict[Partition, list[Message]]:
        """Up to `max_messages` of the partitions we own, in order; raises `Unavailable`."""
        consumer = self._connected()
        if self._group is None:
            self._assign_all(consumer)
            # Before the first fetch, so that it begins where the database says.
            self._claim(consumer)
        before = dict(self._owned)
        with broker_errors(self._settings):
            polled = self._poll(consumer, timeout_ms, max_messages)
        try:
            self._claim(consumer)
            if monotonic() - self._identified_at > IDENTIFY_SECONDS:
                self._identify(consumer)
        except BaseException:
            # The consumer stands behind what it fetched, and nobody will take it: read the offsets anew.
            for at in polled:
                self._unclaim(at)
            raise
        messages = {}
        for at, records in polled.items():
            # What was fetched before a partition was taken over is fetched again from the right place.
            if at in before and self._owned.get(at) is before[at]:
                owned = before[at]
                messages[owned.partition] = [_message(owned, record) for record in records]
        return messages

    def _poll(self, consumer: Any, timeout_ms: int, max_messages: int) -> dict[TopicPartition, list[Any]]:
        # kafka-python 3.0.12 forgets a join of the group that outlives one poll, and with it the assignment and the
        # heartbeats, unless a rejoin is asked for; nothing comes until it is done, so it gets more time.
        coordinator = consumer._coordinator
        if coordinator.rejoining:
            coordinator.request_rejoin()
            timeout_ms = max(timeout_ms, JOIN_POLL_MS)
        try:
            found: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms, max_records=max_messages)
        except OffsetOutOfRangeError as error:
            self._out_of_range(consumer, error.args[0])
            return {}
        except LogTruncationError as error:
            # What we have taken is not what the broker has: a topic made anew, or a log that lost its end.
            cut = error.divergent_offsets.keys() & self._owned.keys()
            self._out_of_range(consumer, {at: self._owned[at].next_offset for at in cut})
            return {}
        except CorruptRecordError as error:
            self._unreadable(consumer, error)
            return {}
        return found

    def _unreadable(self, consumer: Any, error: CorruptRecordError) -> None:
        """Stop the one partition whose bytes are no record, where an operator can decide to go on after them."""
        # The error does not say where; the fetcher stands there.
        at_fault = consumer._fetcher._next_partition_records
        if at_fault is None:
            raise error
        at, offset = at_fault.topic_partition, at_fault.next_fetch_offset
        consumer.seek(at, offset)
        if at in self._owned:
            consumer.pause(at)
            self._stalled[at] = offset

    def _out_of_range(self, consumer: Any, offsets: dict[TopicPartition, int]) -> None:
        """Look whether the topic is a new one; if not, stop the partition until an operator decides."""
        self._identify(consumer)
        for at, offset in offsets.items():
            if at in self._owned:
                consumer.pause(at)
                consumer.seek(at, offset)
                self._stalled[at] = offset

    def assignment(self, partition: Partition) -> Assignment | None:
        """How we own a partition, or None where we do not."""
        return self._owned.get(TopicPartition(partition.topic, partition.number))

    def advance(self, partition: Partition, next_offset: int) -> None:
        """Note what was committed, if the partition is still ours."""
        at = TopicPartition(partition.topic, partition.number)
        owned = self._owned.get(at)
        if owned is not None and owned.next_offset < next_offset:
            self._owned[at] = Assignment(owned.partition, owned.topic_id, owned.epoch, next_offset)
            if self._stalled.get(at) == owned.next_offset:
                self._stalled[at] = next_offset

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Stop taking these: their offsets are not where we thought. They are claimed again if they stay assigned."""
        for partition in partitions:
            self._unclaim(TopicPartition(partition.topic, partition.number), RECLAIM_SECONDS)

    def _unclaim(self, at: TopicPartition, seconds: float = 0.0) -> None:
        self._owned.pop(at, None)
        # Not paused meanwhile: of several paused partitions kafka-python 3.0.12 forgets to fetch all but one again.
        self._unclaimed[at] = monotonic() + seconds

    def trouble(self) -> list[str]:
        """Why this member is not taking all that it should, in words; empty when it is."""
        stalled = [
            f"{at.topic}/{at.partition}: offset {offset} is no longer on the broker, or cannot be read; "
            "see `benefits doctor`, then `benefits ingest --accept-gap`"
            for at, offset in sorted(self._stalled.items())
        ]
        return [*stalled, *([self._broker_trouble] if self._broker_trouble else [])]

    def close(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            self._consumer.close()
        self._topics.close()

    def _connected(self) -> Any:
        if self._consumer is None:
            read_leniently()
            self._consumer = connect(
                KafkaConsumer,
                self._settings,
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
            if self._group is not None:
                self._consumer.subscribe(pattern=rf"^{TOPIC_PREFIX.replace('.', '[.]')}.+", listener=_Listener(self))
        return self._consumer

    def _assign_all(self, consumer: Any) -> None:
        """Take every partition of every topic of gigs, as far as the broker tells of them by now."""
        if monotonic() < self._assign_at:
            return
        self._assign_at = monotonic() + ASSIGN_SECONDS
        with broker_errors(self._settings):
            names = [name for name in consumer.topics() if name.startswith(TOPIC_PREFIX)]
            known = consumer.assignment()
            found = {
                TopicPartition(name, number) for name in names for number in consumer.partitions_for_topic(name) or ()
            }
        if found - known:
            consumer.assign(list(found | known))
            self.assigned(found - known)

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
            # Still the offset that is gone: nobody has decided yet.
            if self._stalled.get(at) != assignment.next_offset:
                self._stalled.pop(at, None)
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
                self._stalled.pop(at, None)
                self._unclaim(at)
            elif at in self._stalled:
                # An operator may have accepted the gap meanwhile: the database knows.
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
