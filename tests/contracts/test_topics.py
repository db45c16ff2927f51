"""Topics are made, named and measured in the same way on every broker."""

import gc
from collections.abc import Callable
from threading import active_count
from time import monotonic
from uuid import UUID, uuid4

import pytest

from domain.message import Partition
from infra.embedded.broker import EmbeddedBroker
from infra.kafka import settings as broker_settings
from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import BrokerUnavailable, OffsetRange, Topics


def test_a_topic_that_exists_is_made_again_without_complaint(topics: Topics, topic: str) -> None:
    topics.create_topic(topic, 4, 1)
    assert len(topics.ranges([topic])) == 4


def test_a_broker_tells_the_same_cluster_id_each_time(topics: Topics) -> None:
    assert topics.cluster_id()
    assert topics.cluster_id() == topics.cluster_id()


def test_the_embedded_broker_goes_by_its_incarnation(embedded_kafka: BrokerSettings) -> None:
    with Topics(embedded_kafka) as topics:
        assert topics.cluster_id() == embedded_kafka.cluster


def test_a_topic_that_does_not_exist_has_neither_id_nor_range(topics: Topics, topic: str) -> None:
    missing = f"gigs.{uuid4().hex[:12]}"
    assert topics.topic_ids([topic, missing]).keys() == {topic}
    assert topics.topic_ids([missing]) == {}
    assert topics.ranges([missing]) == {}
    assert topics.topic_ids([]) == {}


@pytest.mark.kafka
def test_kafka_tells_topics_of_the_same_name_apart(kafka: BrokerSettings) -> None:
    name = f"gigs.{uuid4().hex[:12]}"
    with Topics(kafka) as topics:
        topics.create_topic(name, 2, 1)
        first = topics.topic_ids([name])[name]
        assert str(UUID(first)) == first
        topics.delete_topic(name)
        topics.delete_topic(name)
        topics.create_topic(name, 2, 1)
        assert topics.topic_ids([name])[name] not in {first, ""}


def test_the_embedded_broker_gives_topics_no_id(embedded_kafka: BrokerSettings) -> None:
    with Topics(embedded_kafka) as topics:
        topics.create_topic("gigs.without-id", 4, 1)
        assert topics.topic_ids(["gigs.without-id"]) == {"gigs.without-id": ""}


def test_ranges_tell_what_each_partition_holds(broker: BrokerSettings, topics: Topics, topic: str) -> None:
    with Publisher(broker) as publisher:
        for number in range(100):
            publisher.send(topic, f"w-{number}", b"{}", [])
    ranges = topics.ranges([topic])
    assert ranges.keys() == {Partition(topics.cluster_id(), topic, number) for number in range(4)}
    assert all(found.begin == 0 for found in ranges.values())
    assert sum(found.end for found in ranges.values()) == 100


def test_an_empty_topic_holds_nothing(topics: Topics, topic: str) -> None:
    assert set(topics.ranges([topic]).values()) == {OffsetRange(0, 0)}


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_broker_that_is_not_there_is_named_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A captured log record would keep the error, its frames and their sockets alive.
    caplog.set_level("CRITICAL", "kafka")
    monkeypatch.setattr(broker_settings, "BOOTSTRAP_TIMEOUT_MS", 300)
    nobody = BrokerSettings("127.0.0.1:1")
    began, threads = monotonic(), active_count()
    assert "127.0.0.1:1" in refusal(lambda: Topics(nobody).cluster_id())
    assert "127.0.0.1:1" in refusal(lambda: Publisher(nobody))
    assert monotonic() - began < 10
    assert active_count() == threads
    # kafka-python leaves the sockets of refused connections to the garbage collector, which complains of them: here.
    gc.collect()


def refusal(attempt: Callable[[], object]) -> str:
    """How an attempt was refused; unlike `pytest.raises`, nothing of it stays alive."""
    try:
        attempt()
    except BrokerUnavailable as error:
        return error.detail
    return "not refused"


def test_topics_are_reached_again_after_close() -> None:
    with EmbeddedBroker() as broker:
        topics = Topics(BrokerSettings(broker.address.bootstrap, api_version="2.3"))
        assert topics.cluster_id()
        topics.close()
        assert topics.cluster_id()
        topics.close()
