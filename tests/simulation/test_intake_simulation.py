"""Intake under a seeded storm: repetitions, reordering, owners that change, a database that is away, and crashes at
every step to the commit.

Two members of a group work on one PostgreSQL. Whatever happens to them, each message counts once and every sum is what
the plain model says. A failing seed is in the test's name.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from domain.gig import Gig
from domain.identifiers import intake_stream
from domain.intake import IntakeRecorded, decider
from domain.message import Assignment, Message, Partition
from domain.rejections import Conflict, Unavailable
from domain.work_period import Contribution
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from infra.postgres import offsets
from infra.postgres import schema as migrations
from infra.postgres.datastore import DatabaseSettings, Datastore
from services import operations
from services.composition import shipped_programs
from services.ingest import Ingest, IngestSettings
from services.operations import By
from services.ports import LogTransaction
from tests.support.exchange_processes import message
from tests.support.gigs import NOW, gig
from tests.support.plain_model import PlainModel
from tests.support.postgres_server import fresh_schema
from tests.support.scripted_gigs import CLUSTER

#: The last two once met a head that was remembered for too long.
SEEDS: Final = (*range(30), 34, 104)
PARTITIONS: Final = 3
MONDAY: Final = datetime.fromisoformat("2023-06-05T12:00:00-04:00")
TOPIC_ID: Final = "simulated"


class Crash(BaseException):
    """The process is gone; what it held in memory with it."""


class Fate:
    """Counts the steps of a process and ends it at the one that was drawn; now and then the database is away."""

    def __init__(self, steps: int | None, rnd: random.Random | None = None) -> None:
        self.left = steps
        self._rnd = rnd

    def ask(self) -> None:
        """One step that needs the database; raises `Unavailable` where it is away, or `Crash`."""
        self.step()
        if self._rnd is not None and self._rnd.random() < 0.02:
            raise Unavailable("away for a moment")

    def step(self) -> None:
        """One step further; raises `Crash` at the last."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


class FragileTransaction:
    """A transaction in which each step may be the last."""

    def __init__(self, transaction: LogTransaction, fate: Fate) -> None:
        self._transaction = transaction
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._transaction, name)

        def fragile(*arguments: Any) -> Any:
            self._fate.ask()
            return method(*arguments)

        return fragile


class FragileLog:
    """A log whose user may be gone before, in and after each transaction."""

    def __init__(self, log: ExchangeLog, fate: Fate) -> None:
        self._log = log
        self._fate = fate

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A transaction that may not come to its end, or whose end nobody hears of."""
        self._fate.ask()
        with self._log.transaction() as transaction:
            yield FragileTransaction(transaction, self._fate)
            self._fate.ask()
        # It is committed, and the answer may be lost on its way.
        self._fate.ask()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Topic:
    """What platforms reported, by partition."""

    def __init__(self, platform_id: str) -> None:
        self.platform_id = platform_id
        self.partitions = [Partition(CLUSTER, f"gigs.{platform_id}", number) for number in range(PARTITIONS)]
        self.messages: dict[Partition, list[Message]] = {at: [] for at in self.partitions}

    def report(self, at: Partition, facts: Gig, *, cancelled: bool) -> None:
        """Append a message."""
        headers, value = message(facts, self.platform_id, cancelled=cancelled)
        log = self.messages[at]
        log.append(Message(at, TOPIC_ID, len(log), None, facts.worker_id.encode(), value, tuple(headers)))


class Member:
    """A member of the group that owns what it is told to; it learns late of what it has lost."""

    def __init__(self, topic: Topic, log: ExchangeLog, fate: Fate) -> None:
        self._topic = topic
        self._log = log
        self._fate = fate
        self._wanted: set[Partition] = set()
        self._owned: dict[Partition, Assignment] = {}
        self._fetched: dict[Partition, int] = {}

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Take these over, whoever has them."""
        self._wanted |= set(partitions)

    def poll(self, _timeout_ms: int, max_messages: int) -> dict[Partition, list[Message]]:
        """What comes next of each partition."""
        self._fate.step()
        self._claim()
        polled = {}
        for at in self._owned:
            start = self._fetched[at]
            if messages := self._topic.messages[at][start : start + max_messages]:
                polled[at] = messages
                self._fetched[at] = start + len(messages)
        self._fate.step()
        return polled

    def _claim(self) -> None:
        claimed = [(at, TOPIC_ID) for at in sorted(self._wanted)]
        if claimed:
            with self._log.transaction() as transaction:
                assignments = offsets.take_over(transaction, claimed, NOW)
            self._owned |= {each.partition: each for each in assignments}
            self._fetched |= {each.partition: each.next_offset for each in assignments}
            self._wanted.clear()

    def assignment(self, partition: Partition) -> Assignment | None:
        """How it is owned, as far as this member knows."""
        return self._owned.get(partition)

    def advance(self, partition: Partition, next_offset: int) -> None:
        """Note what was committed."""
        self._fate.step()
        if owned := self._owned.get(partition):
            self._owned[partition] = msgspec.structs.replace(owned, next_offset=next_offset)

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Its offset is not where we thought: take it over anew."""
        for partition in partitions:
            self._owned.pop(partition, None)
            self._wanted.add(partition)

    def trouble(self) -> list[str]:
        """There is none."""
        return []

    def close(self) -> None:
        """Nothing is open."""


class Process:
    """One ingest process, started anew after each crash."""

    def __init__(self, topic: Topic, log: ExchangeLog, rnd: random.Random | None = None) -> None:
        self._topic = topic
        self._log = log
        self._rnd = rnd
        self.crashes = 0
        self.start(None)

    def start(self, steps: int | None) -> None:
        """Start with nothing in memory; it is to crash after so many steps."""
        fate = Fate(steps, self._rnd)
        self.member = Member(self._topic, self._log, fate)
        sizes = IngestSettings(batch_size=5, cached_streams=20)
        self._ingest = Ingest(FragileLog(self._log, fate), self.member, wire.report, lambda: NOW, sizes)

    def work(self, *, settle: bool) -> int | None:
        """One step of work; None where it was the last."""
        try:
            taken = self._ingest.step()
            if settle:
                self._ingest.settle()
            elif self._ingest._under_way:
                # Committed or not, and not heard of yet: the same in every run of this seed.
                wait([self._ingest._under_way[1]])
        except (Conflict, Unavailable):
            return 1
        except Crash:
            self.crashes += 1
            self.end()
            return None
        return taken

    def end(self) -> None:
        """Let the thread of a crashed process go."""
        with suppress(Crash, Conflict, Unavailable):
            self._ingest.close()


@pytest.fixture(scope="module")
def log(database: str) -> Iterator[ExchangeLog]:
    """One log for all simulations; each has a platform of its own."""
    datastore = Datastore(DatabaseSettings(database, schema=fresh_schema(), pool_size=8))
    migrations.migrate(datastore)
    opened = ExchangeLog(datastore)
    operations.publish_shipped(opened, shipped_programs(), NOW)
    yield opened
    opened.close()


class NoTopics:
    """Topics are the simulation's business."""

    def create_topic(self, name: str, partitions: int, replication: int) -> None:
        """Nothing to make."""


def new_topic(log: ExchangeLog, platform_id: str) -> Topic:
    """An empty topic of a platform that is a member of `demo-weekly`."""
    by = By("simulation", NOW)
    operations.register(log, NoTopics(), operations.NewTopic(), platform_id, platform_id, by)
    operations.join(log, platform_id, "demo-weekly", datetime(2022, 1, 3, tzinfo=NOW.tzinfo).date(), by)
    return Topic(platform_id)


def fill(topic: Topic, rnd: random.Random, count: int) -> PlainModel:
    """Report gigs with repetitions, revisions, cancellations and moves, in an order of no platform's making."""
    model = PlainModel()
    reports: list[tuple[Gig, bool]] = []
    for number in range(count):
        facts = some_gig(rnd, f"g-{number}", 0)
        reports.append((facts, False))
        for revision in range(1, rnd.choice([1, 1, 2, 3])):
            reports.append((some_gig(rnd, f"g-{number}", revision), rnd.random() < 0.3))
    reports += rnd.sample(reports, len(reports) // 4)
    rnd.shuffle(reports)
    for facts, cancelled in reports:
        model.report(topic.platform_id, facts, cancelled=cancelled)
        topic.report(rnd.choice(topic.partitions), facts, cancelled=cancelled)
    return model


def some_gig(rnd: random.Random, gig_id: str, revision: int) -> Gig:
    """A gig of one of a few workers in one of two weeks, so that they meet."""
    at = MONDAY + timedelta(days=rnd.randrange(14))
    fare = rnd.randrange(5_00, 90_00)
    return gig(gig_id, revision=revision, fare=fare, worker_id=f"w-{rnd.randrange(4)}", completed_at=at)


def assert_exact(log: ExchangeLog, topic: Topic, model: PlainModel) -> None:
    """Each message counted once, each stream gapless, each sum the model's."""
    outcomes: Counter[str] = Counter()
    for at, messages in topic.messages.items():
        events = [each.event for each in log.stream(intake_stream(at.cluster, at.topic, at.number))]
        assert decider.fold(events).next_offset == len(messages)  # type: ignore[arg-type]
        for event in events:
            outcomes.update(event.outcomes if isinstance(event, IntakeRecorded) else {})
    assert outcomes.total() == sum(map(len, topic.messages.values()))
    assert log.datastore.read("select reason, detail from quarantine where topic = %b", topic.partitions[0].topic) == []
    due: dict[tuple[str, str, str], Counter[str]] = {}
    fares: dict[tuple[str, str, str], tuple[int, int]] = {}
    workers = {facts.worker_id for facts in (msgspec.json.decode(m.value or b"", type=Gig) for m in _all(topic))}
    for worker_id in sorted(workers):
        for week in ("2023-W23", "2023-W24"):
            stream = log.stream(f"work:{topic.platform_id}:{worker_id}:demo-weekly:{week}")
            assert [each.version for each in stream] == list(range(1, len(stream) + 1))
            for event in [each.event for each in stream if isinstance(each.event, Contribution)]:
                work = topic.platform_id, worker_id, week
                for line in event.lines:
                    due.setdefault(work, Counter())[line.benefit] += line.amount_minor
                fares[work] = (event.totals[0].gigs, event.totals[0].base_minor) if event.totals else (0, 0)
    assert {work: found for work, found in fares.items() if found[0]} == model.fares()
    lines = {work: {benefit: amount for benefit, amount in sums.items() if amount} for work, sums in due.items()}
    assert {work: benefits for work, benefits in lines.items() if benefits} == model.due()
    with log.transaction() as transaction:
        stored = transaction.registered(list(model.gigs))
    assert {key: (row.revision, row.cancelled) for key, row in stored.items()} == model.standing()


def _all(topic: Topic) -> Iterator[Message]:
    for messages in topic.messages.values():
        yield from messages


def run(processes: list[Process], topic: Topic, decide: Callable[[Process], None], settle: Callable[[], bool]) -> None:
    """Let processes work in turn until one of them, left alone with everything, finds nothing more to do."""
    for _ in range(40):
        for process in processes:
            decide(process)
            if process.work(settle=settle()) is None:
                process.start(None)
    for process in processes:
        process.end()
    last = processes[0]
    last.start(None)
    last.member.assign(topic.partitions)
    while last.work(settle=True):
        pass
    last.end()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_loses_and_doubles_nothing(log: ExchangeLog, seed: int) -> None:
    rnd = random.Random(seed)
    topic = new_topic(log, f"storm-{seed}")
    model = fill(topic, rnd, 40)
    processes = [Process(topic, log, rnd), Process(topic, log, rnd)]

    def decide(process: Process) -> None:
        chance = rnd.random()
        if chance < 0.25:
            process.work(settle=True)
            process.end()
            process.start(rnd.randrange(40))
        if chance < 0.6:
            process.member.assign(rnd.sample(topic.partitions, rnd.randrange(1, PARTITIONS + 1)))

    run(processes, topic, decide, lambda: rnd.random() < 0.5)
    assert_exact(log, topic, model)


@pytest.mark.parametrize("steps", range(22))
def test_a_crash_at_any_step_of_a_batch_loses_and_doubles_nothing(log: ExchangeLog, steps: int) -> None:
    topic = new_topic(log, f"crash-{steps}")
    model = fill(topic, random.Random(99), 10)
    process = Process(topic, log)
    process.member.assign(topic.partitions)
    process.work(settle=True)
    process.end()
    process.start(steps)
    process.member.assign(topic.partitions)
    while process.work(settle=True) is not None:
        pass
    assert process.crashes == 1
    process.start(None)
    process.member.assign(topic.partitions)
    while process.work(settle=True):
        pass
    process.end()
    assert_exact(log, topic, model)
