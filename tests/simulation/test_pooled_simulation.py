"""Intake of platforms that share workers under a seeded storm: pooled streams lose nothing and double nothing.

Two or three processes on one PostgreSQL, each with a platform of its own at first. Owners change, the database is away
now and then, and each step may be a process's last. Whatever happens, what the lines of a stream add up to is what the
plain model makes of all platforms' gigs together. A failing seed is in the test's name.
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pytest

from domain.gig import Gig
from domain.identifiers import work_stream
from domain.message import Message, Partition
from domain.work_period import Contribution
from infra.event_log.log import ExchangeLog
from infra.postgres import schema as migrations
from infra.postgres.datastore import DatabaseSettings, Datastore
from tests.support.gigs import gig
from tests.support.pooled import PooledModel, plain_program, pooled_program
from tests.support.postgres_server import fresh_schema
from tests.support.simulated_intake import Process, Topic, assert_taken_once, run
from tests.support.taking import open_exchange

SEEDS: Final = range(20)
PLATFORMS_MAX: Final = 3
WORKERS: Final = 4
JUNE: Final = datetime.fromisoformat("2023-06-26T12:00:00-04:00")
MONTHS: Final = ("2023-06", "2023-07")


class Scene:
    """The topics of some platforms that share workers, what was reported on them, and what must come of it."""

    def __init__(self, log: ExchangeLog, name: str, platforms: int, rnd: random.Random) -> None:
        self.log = log
        self.name = name
        self.model = PooledModel()
        self._rnd = rnd
        platform_ids = [f"{name}-{number}" for number in range(platforms)]
        # The first counts by itself in another program as well, the last one has gigs of its own only there.
        members = {each: ["hours", "tenth"] if each == platform_ids[0] else ["hours"] for each in platform_ids}
        alone = f"{name}-alone"
        open_exchange(log, [], members | {alone: ["tenth"]})
        self.topics = [Topic(each) for each in (*platform_ids, alone)]

    @property
    def messages(self) -> dict[Partition, list[Message]]:
        """All topics."""
        return {at: messages for topic in self.topics for at, messages in topic.messages.items()}

    def fill(self, count: int) -> None:
        """Report gigs with repetitions, revisions, cancellations and moves, in an order of no platform's making."""
        rnd = self._rnd
        reports: list[tuple[Topic, Gig, bool]] = []
        for number in range(count):
            topic = rnd.choice(self.topics)
            reports.append((topic, self._some_gig(f"g-{number}", 0), False))
            for revision in range(1, rnd.choice([1, 1, 2, 3])):
                reports.append((topic, self._some_gig(f"g-{number}", revision), rnd.random() < 0.3))
        reports += rnd.sample(reports, len(reports) // 4)
        rnd.shuffle(reports)
        for topic, facts, cancelled in reports:
            topic.report(rnd.choice(topic.partitions), facts, cancelled=cancelled)
            if topic is not self.topics[-1]:
                self.model.report(topic.platform_id, facts, cancelled=cancelled)

    def _some_gig(self, gig_id: str, revision: int) -> Gig:
        """A gig of one of a few workers in one of two months, mostly in the state where the program holds."""
        rnd = self._rnd
        return gig(
            gig_id,
            revision=revision,
            fare=rnd.randrange(5_00, 90_00),
            worker_id=f"{self.name}-w-{rnd.randrange(WORKERS)}",
            completed_at=JUNE + timedelta(days=rnd.randrange(9)),
            engaged_seconds=rnd.randrange(4 * 3_600),
            jurisdiction=rnd.choice(["US-MA", "US-MA", "US-MA", "US-NY"]),
        )

    def assert_exact(self) -> None:
        """Each message counted once, each pooled stream gapless, each sum the model's."""
        assert_taken_once(self.log, self.messages)
        seconds: dict[tuple[str, str], dict[str, int]] = {}
        due: dict[tuple[str, str], dict[str, int]] = {}
        for work in [(f"{self.name}-w-{number}", month) for number in range(WORKERS) for month in MONTHS]:
            history = self._history(*work)
            if history and history[-1].totals:
                seconds[work] = {cell.platform_id: cell.engaged_seconds for cell in history[-1].totals}
            if sums := _accrued(history):
                due[work] = sums
            assert sums == (_entitled(history[-1]) if history else {})
        assert seconds == self.model.seconds()
        assert due == self.model.due()

    def _history(self, worker_id: str, month: str) -> list[Contribution]:
        stream = self.log.stream(work_stream("pooled", worker_id, "hours", month))
        assert [each.version for each in stream] == list(range(1, len(stream) + 1))
        return [each.event for each in stream if isinstance(each.event, Contribution)]


def _accrued(history: list[Contribution]) -> dict[str, int]:
    """The sum of all lines, by platform; what is zero is left out."""
    sums: Counter[str] = Counter()
    for line in [line for event in history for line in event.lines]:
        sums[line.platform_id] += line.amount_minor
    return {platform_id: amount for platform_id, amount in sums.items() if amount}


def _entitled(latest: Contribution) -> dict[str, int]:
    """What the latest event says is owed, by platform."""
    return {line.platform_id: line.entitled_minor for line in latest.lines if line.entitled_minor}


@pytest.fixture(scope="module")
def log(database: str) -> Iterator[ExchangeLog]:
    """One log for all simulations; each has platforms and workers of its own."""
    datastore = Datastore(DatabaseSettings(database, schema=fresh_schema(), pool_size=8))
    migrations.migrate(datastore)
    opened = ExchangeLog(datastore)
    open_exchange(opened, [pooled_program(), plain_program()], {})
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_on_platforms_that_share_workers_loses_and_doubles_nothing(log: ExchangeLog, seed: int) -> None:
    rnd = random.Random(seed)
    scene = Scene(log, f"shared-{seed}", rnd.choice([2, PLATFORMS_MAX]), rnd)
    scene.fill(70)
    messages = scene.messages
    partitions = sorted(messages)
    processes = [Process(messages, log, rnd) for _ in scene.topics[:-1]]
    for process, topic in zip(processes, scene.topics, strict=False):
        process.member.assign(topic.partitions)

    def decide(process: Process) -> None:
        chance = rnd.random()
        if chance < 0.2:
            process.work(settle=True)
            process.end()
            process.start(rnd.randrange(50))
        if chance < 0.5:
            process.member.assign(rnd.sample(partitions, rnd.randrange(1, len(partitions))))

    run(processes, messages, decide, lambda: rnd.random() < 0.5)
    scene.assert_exact()


@pytest.mark.parametrize("steps", range(24))
def test_a_crash_at_any_step_of_a_batch_that_platforms_share_loses_nothing(log: ExchangeLog, steps: int) -> None:
    scene = Scene(log, f"crash-{steps}", 2, random.Random(99))
    scene.fill(30)
    messages = scene.messages
    process = Process(messages, log)
    process.member.assign(messages)
    process.work(settle=True)
    process.end()
    process.start(steps)
    process.member.assign(messages)
    while process.work(settle=True) is not None:
        pass
    assert process.crashes == 1
    process.start(None)
    process.member.assign(messages)
    while process.work(settle=True):
        pass
    process.end()
    scene.assert_exact()
