"""A broker's topics: made, named and measured, on Apache Kafka and on the embedded broker alike."""

from collections.abc import Callable, Collection
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic, OffsetSpec
from kafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    TopicAlreadyExistsError,
    UnknownBrokerIdError,
    UnknownTopicOrPartitionError,
)
from msgspec import Struct

from domain.message import Partition
from infra.kafka.client import BrokerUnavailable, broker_errors, connect
from infra.kafka.settings import BrokerSettings

__all__ = ["BrokerUnavailable", "OffsetRange", "Topics"]

Answer = TypeVar("Answer")

#: How long a topic that a broker makes by itself is waited for.
LOOK_MS_MAX: Final = 5_000

_NO_ERROR: Final = 0
#: The connection was lost, perhaps a while ago: the question is asked once more on a new one.
_LOST: Final = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError)
#: What a broker without topic ids sends in their place, where it sends anything.
_NO_TOPIC_IDS: Final = {"None", "00000000-0000-0000-0000-000000000000"}


class OffsetRange(Struct, frozen=True):
    """What a partition still holds: `begin` up to but not including `end`."""

    begin: int
    end: int


class Topics:
    """A connection to the broker's administration, opened when first used. Every method raises `BrokerUnavailable`."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._admin: Any = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; it opens again when it is needed."""
        with self._lock:
            if self._admin is not None:
                self._admin.close()
            self._admin = None

    def create_topic(self, name: str, partitions: int, replication: int) -> None:
        """The topic is there afterwards, whoever made it; the embedded broker chooses the partitions itself."""
        try:
            self._ask(lambda admin: admin.create_topics([NewTopic(name, partitions, replication)]))
        except BrokerUnavailable as error:
            if isinstance(error.__cause__, TopicAlreadyExistsError):
                return
            # The embedded broker has no controller to ask: it makes a topic when somebody looks for it.
            if not isinstance(error.__cause__, UnknownBrokerIdError):
                raise
            self._look_for(name)
        self._ask(lambda admin: admin.wait_for_topics([name]))

    def delete_topic(self, name: str) -> None:
        """The topic is gone afterwards; the embedded broker cannot delete."""
        try:
            self._ask(lambda admin: admin.delete_topics([name]))
        except BrokerUnavailable as error:
            if not isinstance(error.__cause__, UnknownTopicOrPartitionError):
                raise

    def cluster_id(self) -> str:
        """The cluster's name, the same as long as its offsets mean the same. The broker is asked in any case."""
        told = str(self._ask(lambda admin: admin.describe_cluster())["cluster_id"])
        return self._settings.cluster or told

    def topic_ids(self, names: Collection[str]) -> dict[str, str]:
        """The id of each topic that exists, empty where the broker gives none."""
        return {topic["name"]: _topic_id(topic) for topic in self._described(names)}

    def ranges(self, names: Collection[str]) -> dict[Partition, OffsetRange]:
        """What each partition of these topics still holds; topics that do not exist are left out."""
        cluster = self.cluster_id()
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in self._described(names)
            for partition in topic["partitions"]
        ]
        if not partitions:
            return {}
        begins = self._offsets(partitions, OffsetSpec.EARLIEST)
        ends = self._offsets(partitions, OffsetSpec.LATEST)
        return {
            Partition(cluster, at.topic, at.partition): OffsetRange(begins[at].offset, ends[at].offset)
            for at in partitions
        }

    def _described(self, names: Collection[str]) -> list[dict[str, Any]]:
        if not names:
            return []
        topics: list[dict[str, Any]] = self._ask(lambda admin: admin.describe_topics(sorted(names)))
        return [topic for topic in topics if topic["error_code"] == _NO_ERROR]

    def _offsets(self, partitions: list[TopicPartition], spec: Any) -> dict[TopicPartition, Any]:
        return self._ask(lambda admin: admin.list_partition_offsets(dict.fromkeys(partitions, spec)))

    def _look_for(self, name: str) -> None:
        """Ask for a topic by name in a way that makes it, where the broker is set so."""
        with broker_errors(self._settings):
            producer = connect(KafkaProducer, self._settings, max_block_ms=LOOK_MS_MAX)
            try:
                producer.partitions_for(name)
            finally:
                producer.close()

    def _ask(self, question: Callable[[Any], Answer]) -> Answer:
        # One question at a time: the client is one connection, and the API's threads share it.
        with self._lock, broker_errors(self._settings):
            if self._admin is not None:
                try:
                    return question(self._admin)
                except _LOST:
                    self._admin.close()
                    self._admin = None
            self._admin = connect(KafkaAdminClient, self._settings)
            return question(self._admin)


def _topic_id(topic: dict[str, Any]) -> str:
    told = str(topic.get("topic_id"))
    return "" if told in _NO_TOPIC_IDS else told
