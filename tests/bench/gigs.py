"""Gigs on the wire: full facts, CloudEvents in binary mode, spread evenly over workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import orjson

from infra.kafka.producer import Headers, Publisher, cloudevent
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics

PARTITIONS = 4


@contextmanager
def topic_of(broker: BrokerSettings, name: str, partitions: int = PARTITIONS) -> Iterator[None]:
    """An empty topic, gone afterwards: an exchange takes every topic `gigs.*`."""
    with Topics(broker) as topics:
        topics.create_topic(name, partitions, 1)
        try:
            yield
        finally:
            topics.delete_topic(name)


@contextmanager
def published(
    broker: BrokerSettings, platform_id: str, gigs: int, workers: int, partitions: int = PARTITIONS
) -> Iterator[None]:
    """A topic that holds this many gigs of this many workers: one of each, where the two are equal."""
    topic = f"gigs.{platform_id}"
    random = Random(7)
    with topic_of(broker, topic, partitions):
        with Publisher(broker, compression=None) as publisher:
            for number in range(gigs):
                worker_id = f"w-{number if gigs == workers else random.randrange(workers):08d}"
                publisher.send(topic, worker_id, *message(platform_id, worker_id, number, random.randrange(500, 6_000)))
        yield


def message(platform_id: str, worker_id: str, number: int, fare_minor: int) -> tuple[bytes, Headers]:
    """Value and headers of one gig."""
    data = {
        "gig_id": f"g{number:012d}",
        "revision": 0,
        "worker_id": worker_id,
        "completed_at": "2023-06-30T22:18:22-04:00",
        "engaged_seconds": 1_261,
        "currency": "USD",
        "earnings": {"fare": fare_minor, "tip": 300, "toll": 0, "airport_fee": 0},
        "service": "ride",
        "vehicle_class": "car",
        "worker_class": "default",
        "jurisdiction": "US-NY",
    }
    headers, value = cloudevent(
        orjson.dumps(data),
        type="gig.completed.v1",
        source=f"/platforms/{platform_id}",
        subject=worker_id,
        id=f"g{number:012d}-0",
    )
    return value, headers
