"""What every contract test starts with: a topic of its own, on each broker."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics

PARTITIONS = 4


@pytest.fixture
def topics(broker: BrokerSettings) -> Iterator[Topics]:
    """The topics of the broker under test."""
    with Topics(broker) as opened:
        yield opened


@pytest.fixture
def topic(topics: Topics) -> str:
    """An empty topic with four partitions."""
    name = f"gigs.{uuid4().hex[:12]}"
    topics.create_topic(name, PARTITIONS, 1)
    return name
