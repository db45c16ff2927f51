"""Messages come out of every broker as they went in; what only the embedded broker does is written here as well."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from infra.embedded.broker import (
    API_VERSION,
    UNREAD_MAX,
    ConsumerTooSlow,
    EmbeddedBroker,
    announced,
    unread,
    wait_for_room,
)
from infra.kafka.producer import NotDelivered, Publisher, cloudevent, structured_cloudevent
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics
from tests.support.repository import ROOT

GIG = b'{"gig_id":"trip-1","revision":0}'


def read_all(broker: BrokerSettings, topics: Topics, topic: str) -> list[Any]:
    """Every message of a topic, by partition and offset."""
    ends = {TopicPartition(at.topic, at.number): found.end for at, found in topics.ranges([topic]).items()}
    consumer = KafkaConsumer(**broker.kwargs(), group_id=None, isolation_level="read_committed")
    try:
        consumer.assign(list(ends))
        consumer.seek_to_beginning()
        messages: list[Any] = []
        while any(consumer.position(at) < end for at, end in ends.items()):
            messages += [message for batch in consumer.poll(1_000).values() for message in batch]
        return sorted(messages, key=lambda message: (message.partition, message.offset))
    finally:
        consumer.close()


def test_a_cloudevent_arrives_as_it_was_sent(broker: BrokerSettings, topics: Topics, topic: str) -> None:
    at = datetime(2023, 7, 1, tzinfo=UTC)
    attributes = {"type": "gig.completed.v1", "source": "/platforms/a", "subject": "w-1", "id": "e-1"}
    with Publisher(broker) as publisher:
        headers, value = cloudevent(GIG, **attributes, time=at)
        publisher.send(topic, "w-1", value, headers)
        headers, value = structured_cloudevent(GIG, **attributes, time=at)
        publisher.send(topic, "w-1", value, headers)
    binary, structured = read_all(broker, topics, topic)
    assert binary.key == structured.key == b"w-1"
    assert binary.value == GIG
    assert dict(binary.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_source": b"/platforms/a",
        "ce_type": b"gig.completed.v1",
        "ce_subject": b"w-1",
        "ce_time": b"2023-07-01T00:00:00+00:00",
        "content-type": b"application/json",
    }
    assert structured.headers == [("content-type", b"application/cloudevents+json")]
    assert orjson.loads(structured.value) == {
        "specversion": "1.0",
        **attributes,
        "datacontenttype": "application/json",
        "data": {"gig_id": "trip-1", "revision": 0},
        "time": "2023-07-01T00:00:00+00:00",
    }


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(broker: BrokerSettings, topics: Topics, topic: str, compression: str | None) -> None:
    with Publisher(broker, compression=compression) as publisher:
        for number in range(50):
            publisher.send(topic, f"w-{number}", b"%d" % number, [])
    assert {message.value for message in read_all(broker, topics, topic)} == {b"%d" % n for n in range(50)}


def test_one_worker_keeps_to_one_partition_in_order(broker: BrokerSettings, topics: Topics, topic: str) -> None:
    with Publisher(broker) as publisher:
        for number in range(2_000):
            publisher.send(topic, "w-1", b"%d" % number, [])
    messages = read_all(broker, topics, topic)
    assert [int(message.value) for message in messages] == list(range(2_000))
    assert len({message.partition for message in messages}) == 1


@pytest.mark.kafka
def test_a_message_to_nowhere_is_not_lost_in_silence(kafka: BrokerSettings) -> None:
    with pytest.raises(NotDelivered), Publisher(kafka, max_block_ms=300) as publisher:
        publisher.send(f"gigs.{uuid4().hex[:12]}", "w-1", GIG, [])


@pytest.fixture
def embedded() -> Iterator[BrokerSettings]:
    """An embedded broker that nobody else uses."""
    with EmbeddedBroker() as broker:
        yield BrokerSettings(broker.address.bootstrap, api_version=API_VERSION, cluster=broker.address.incarnation)


def overrun(broker: BrokerSettings, topics: Topics) -> TopicPartition:
    """A partition whose beginning was pushed out."""
    topics.create_topic("gigs.overrun", 4, 1)
    with Publisher(broker, compression=None) as publisher:
        for _ in range(7_000):
            publisher.send("gigs.overrun", "w-1", b"x" * 1_000, [])
    (full,) = [at for at, found in topics.ranges(["gigs.overrun"]).items() if found.begin > 0]
    return TopicPartition(full.topic, full.number)


def test_the_embedded_broker_keeps_five_megabytes_and_says_what_is_gone(embedded: BrokerSettings) -> None:
    with Topics(embedded) as topics:
        full = overrun(embedded, topics)
        (held,) = [found for at, found in topics.ranges(["gigs.overrun"]).items() if at.number == full.partition]
    assert held.end == 7_000
    assert 2 * UNREAD_MAX < held.end - held.begin < 6_000
    consumer = KafkaConsumer(**embedded.kwargs(), group_id=None, auto_offset_reset="none")
    consumer.assign([full])
    consumer.seek(full, 0)
    with pytest.raises(OffsetOutOfRangeError):
        consumer.poll(10_000)
    consumer.close()


def test_the_embedded_broker_starts_empty_under_another_incarnation() -> None:
    broker = EmbeddedBroker()
    first = broker.start()
    with Topics(BrokerSettings(first.bootstrap, api_version=API_VERSION)) as topics:
        topics.create_topic("gigs.a", 4, 1)
    broker.stop()
    second = broker.start()
    with Topics(BrokerSettings(second.bootstrap, api_version=API_VERSION)) as topics:
        assert topics.topic_ids(["gigs.a"]) == {}
    broker.stop()
    assert first.incarnation != second.incarnation


SERVE = """
import os, signal, sys, threading
from pathlib import Path
from infra.embedded.broker import serve
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
serve(Path(sys.argv[1]), stop, owner=os.getppid())
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A broker in a process of its own, and where it announces itself."""
    announcement = tmp_path / "broker.json"
    with subprocess.Popen([sys.executable, "-c", SERVE, str(announcement)], cwd=ROOT) as process:
        yield process, announcement
        process.kill()


def test_a_broker_in_another_process_announces_itself_and_stops(
    served: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, announcement = served
    address = announced(announcement)
    with Topics(BrokerSettings(address.bootstrap, api_version=API_VERSION, cluster=address.incarnation)) as topics:
        assert topics.cluster_id() == address.incarnation
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(10) == 0
    assert not announcement.exists()


def test_a_publisher_waits_while_the_reader_is_behind(embedded: BrokerSettings) -> None:
    with Topics(embedded) as topics, Publisher(embedded) as publisher:
        topics.create_topic("gigs.slow", 4, 1)
        for _ in range(30):
            publisher.send("gigs.slow", "w-1", GIG, [])
        publisher.flush()
        ranges = topics.ranges(["gigs.slow"])
    (busy,) = [at for at, found in ranges.items() if found.end]
    assert unread(ranges, {}) == 30
    assert unread(ranges, {busy: 30}) == 0
    reader = iter(range(0, 31, 5))
    wait_for_room(lambda: unread(ranges, {busy: next(reader)}), unread_max=10, pause_seconds=0)
    assert next(reader) == 25


def test_a_reader_that_does_not_move_stops_the_publisher() -> None:
    with pytest.raises(ConsumerTooSlow, match="30 messages are waiting"):
        wait_for_room(lambda: 30, unread_max=10, seconds_max=0.05)
