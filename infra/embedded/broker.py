"""A broker in memory that speaks Kafka's protocol: librdkafka's mock cluster, out of `confluent-kafka`'s wheel.

It starts empty each time, under a new incarnation and on a new port, and keeps about 5 MB a partition: see README.md
beside this file for what it can and cannot do.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from msgspec import Struct

from domain.message import Partition
from domain.rejections import Unavailable
from infra.embedded.database import EmbeddedNotInstalled
from infra.kafka.topics import OffsetRange

#: Newer protocol versions it answers in a way that kafka-python does not take.
API_VERSION: Final = "2.3"
#: How many messages a partition may be ahead of its reader: at 1 KB a message less than half of what is kept.
UNREAD_MAX: Final = 2_000

_OWNER_CHECK_SECONDS: Final = 0.5


class ConsumerTooSlow(Unavailable):
    """The reader did not catch up, and publishing more would push out what it has not read."""

    code = "consumer_too_slow"


class BrokerAddress(Struct, frozen=True):
    """Where a broker listens, and which of its lives this is: offsets of another incarnation mean nothing."""

    bootstrap: str
    incarnation: str


class EmbeddedBroker:
    """A broker in this process, from `start` to `stop`; raises `EmbeddedNotInstalled`."""

    def __init__(self) -> None:
        self._cluster: Any = None
        self.address = BrokerAddress("", "")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> BrokerAddress:
        """Start it, empty, and return where it listens."""
        try:
            from confluent_kafka import Producer
        except ImportError as error:
            raise EmbeddedNotInstalled(
                "the embedded broker is not installed: pip install 'portable-benefits-exchange[embedded]'"
            ) from error
        # The cluster belongs to a client and lives as long; level 3 silences its notice that it is a mock.
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        brokers = self._cluster.list_topics(timeout=10).brokers.values()
        self.address = BrokerAddress(",".join(f"{broker.host}:{broker.port}" for broker in brokers), str(uuid4()))
        return self.address

    def stop(self) -> None:
        """Stop it; what it held is gone."""
        self._cluster = None


def serve(announcement: Path, stop: Event, *, owner: int | None = None) -> None:
    """Run a broker until `stop` is set or the process `owner` is no longer our parent.

    Where it listens is written to `announcement`, which `announced` reads, and removed at the end.
    """
    announcement.unlink(missing_ok=True)
    with EmbeddedBroker() as broker:
        _announce(announcement, broker.address)
        while not stop.wait(_OWNER_CHECK_SECONDS) and owner in {None, os.getppid()}:
            pass
    announcement.unlink(missing_ok=True)


def announced(announcement: Path, *, seconds_max: float = 15.0) -> BrokerAddress:
    """Where the broker of another process listens; waits for it, then raises `Unavailable`.

    Remove an announcement of old before starting the other process.
    """
    deadline = monotonic() + seconds_max
    while monotonic() < deadline:
        try:
            return BrokerAddress(**json.loads(announcement.read_bytes()))
        except FileNotFoundError:
            sleep(0.02)
    raise Unavailable(f"the embedded broker did not start within {seconds_max:.0f} s")


def _announce(announcement: Path, address: BrokerAddress) -> None:
    aside = announcement.with_name(f"{announcement.name}.partial")
    aside.write_text(json.dumps({"bootstrap": address.bootstrap, "incarnation": address.incarnation}))
    aside.rename(announcement)


def unread(ranges: Mapping[Partition, OffsetRange], taken: Mapping[Partition, int]) -> int:
    """How many messages the partition that is furthest behind has not been read; `taken` gives the next offsets."""
    return max((found.end - taken.get(partition, 0) for partition, found in ranges.items()), default=0)


def wait_for_room(
    behind: Callable[[], int], *, unread_max: int = UNREAD_MAX, seconds_max: float = 60.0, pause_seconds: float = 0.02
) -> None:
    """Return once no partition is more than `unread_max` messages behind.

    Raises `ConsumerTooSlow` when the reader has made no progress for `seconds_max`: better to stop publishing than to
    lose messages that were acknowledged.
    """
    least, deadline = behind(), monotonic() + seconds_max
    while (now := behind()) > unread_max:
        if now < least:
            least, deadline = now, monotonic() + seconds_max
        if monotonic() > deadline:
            raise ConsumerTooSlow(f"{now} messages are waiting in the embedded broker and nobody takes them")
        sleep(pause_seconds)
