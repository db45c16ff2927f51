"""A member of the consumer group is assigned all that it should be, however impatiently it polls."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from time import monotonic, sleep
from uuid import uuid4

import pytest

from domain.message import Assignment, Message, Partition
from infra.kafka.consumer import GigGroup
from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics

MEMBERS_SECONDS_MAX = 60.0


class Takings:
    """What members took over; stands for the database."""

    def __init__(self) -> None:
        self.epoch = 0
        self.owned: set[tuple[str, int]] = set()

    def take_over(self, partitions: list[tuple[Partition, str]]) -> list[Assignment]:
        """Own these from their beginning."""
        self.epoch += 1
        self.owned |= {(at.topic, at.number) for at, _ in partitions}
        return [Assignment(at, topic_id, self.epoch, 0) for at, topic_id in partitions]


Join = Callable[[Takings], GigGroup]


@pytest.fixture
def join(broker: BrokerSettings) -> Iterator[Join]:
    """Makes members of one group."""
    members: list[GigGroup] = []
    # The embedded broker has one reader, without a group.
    group = None if broker.cluster else uuid4().hex

    def made(takings: Takings) -> GigGroup:
        members.append(GigGroup(broker, Topics(broker), takings.take_over, group=group, session_timeout_ms=6_000))
        return members[-1]

    yield made
    for member in members:
        member.close()


def poll_until(holds: Callable[[], bool], *members: GigGroup) -> None:
    """Poll with hardly any patience until something holds."""
    deadline = monotonic() + MEMBERS_SECONDS_MAX
    while not holds():
        assert monotonic() < deadline
        for member in members:
            member.poll(1, 100)


def partitions(topic: str, topics: Topics) -> set[tuple[str, int]]:
    """The partitions of a topic."""
    return {(at.topic, at.number) for at in topics.ranges([topic])}


def test_a_member_takes_every_topic_that_is_made_while_it_runs(join: Join, topics: Topics) -> None:
    takings = Takings()
    member = join(takings)
    for _ in range(4):
        name = f"gigs.{uuid4().hex[:12]}"
        topics.create_topic(name, 2, 1)
        poll_until(lambda name=name: partitions(name, topics) <= takings.owned, member)  # type: ignore[misc]


@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_two_members_share_what_there_is_and_the_last_takes_it_all(join: Join, topics: Topics, topic: str) -> None:
    first, second = Takings(), Takings()
    members = [join(first), join(second)]
    with ThreadPoolExecutor(2) as pool, ExitStack() as stops:
        leave = [Event(), Event()]
        for stop in leave:
            stops.callback(stop.set)
        polling = [pool.submit(keep_polling, *each) for each in zip(members, leave, strict=True)]
        wait_until(lambda: all(any(at == topic for at, _ in each.owned) for each in (first, second)))
        leave[1].set()
        polling[1].result()
        first.owned.clear()
        members[1].close()
        wait_until(lambda: partitions(topic, topics) <= first.owned)
        leave[0].set()
        polling[0].result()


def keep_polling(member: GigGroup, leave: Event) -> None:
    """Poll as a process of its own would."""
    while not leave.is_set():
        member.poll(1, 100)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = monotonic() + MEMBERS_SECONDS_MAX
    while not holds():
        assert monotonic() < deadline
        sleep(0.05)


def test_messages_come_in_order_with_all_that_was_sent(
    broker: BrokerSettings, join: Join, topics: Topics, topic: str
) -> None:
    with Publisher(broker) as publisher:
        for number in range(50):
            publisher.send(topic, "w-1", b"%d" % number, [("ce_id", b"1")])
    member = join(Takings())
    values: list[bytes | None] = []
    deadline = monotonic() + MEMBERS_SECONDS_MAX
    while len(values) < 50:
        assert monotonic() < deadline
        for partition, messages in member.poll(100, 7).items():
            assert len(messages) <= 7
            values += [message.value for message in messages if partition.topic == topic]
    assert values == [b"%d" % number for number in range(50)]


class NotUtf8(str):
    """A header's name that another client may write: Kafka takes any bytes for it."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Bytes that are no UTF-8."""
        del encoding, errors
        return b"\xff\xfe"


def test_a_header_name_that_is_no_utf8_stops_nobody(
    broker: BrokerSettings, join: Join, topics: Topics, topic: str
) -> None:
    takings = Takings()
    member = join(takings)
    poll_until(lambda: partitions(topic, topics) <= takings.owned, member)
    with Publisher(broker) as publisher:
        publisher.send(topic, "w-1", b"first", [(NotUtf8("odd"), b"1"), ("ce_id", b"2")])
        publisher.send(topic, "w-1", b"second", [("ce_id", b"3")])
    found: list[Message] = []

    def both_came() -> bool:
        for at, messages in member.poll(100, 100).items():
            found.extend(messages if at.topic == topic else [])
        return len(found) == 2

    poll_until(both_came)
    assert [(message.value, message.headers[0]) for message in found] == [
        (b"first", ("\\xff\\xfe", b"1")),
        (b"second", ("ce_id", b"3")),
    ]
    assert member.trouble() == []
