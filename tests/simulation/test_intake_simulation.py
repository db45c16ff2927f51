"""Intake under a seeded storm: repetitions, reordering, owners that change, a database that is away, and crashes at
every step to the commit.

Two members of a group work on one PostgreSQL. Whatever happens to them, each message counts once and every sum is what
the plain model says. A failing seed is in the test's name.
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec
import pytest

from domain.gig import Gig
from domain.message import Message
from domain.work_period import Contribution
from infra.event_log.log import ExchangeLog
from infra.postgres import schema as migrations
from infra.postgres.datastore import DatabaseSettings, Datastore
from services import operations
from services.composition import shipped_programs
from services.operations import By
from tests.support.gigs import NOW, gig
from tests.support.plain_model import PlainModel
from tests.support.postgres_server import fresh_schema
from tests.support.simulated_intake import PARTITIONS, Process, Topic, assert_taken_once, run
from tests.support.taking import NoTopics

#: The last two once met a head that was remembered for too long.
SEEDS: Final = (*range(30), 34, 104)
MONDAY: Final = datetime.fromisoformat("2023-06-05T12:00:00-04:00")


@pytest.fixture(scope="module")
def log(database: str) -> Iterator[ExchangeLog]:
    """One log for all simulations; each has a platform of its own."""
    datastore = Datastore(DatabaseSettings(database, schema=fresh_schema(), pool_size=8))
    migrations.migrate(datastore)
    opened = ExchangeLog(datastore)
    operations.publish_shipped(opened, shipped_programs(), NOW)
    yield opened
    opened.close()


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
    assert_taken_once(log, topic.messages)
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


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_loses_and_doubles_nothing(log: ExchangeLog, seed: int) -> None:
    rnd = random.Random(seed)
    topic = new_topic(log, f"storm-{seed}")
    model = fill(topic, rnd, 40)
    processes = [Process(topic.messages, log, rnd), Process(topic.messages, log, rnd)]

    def decide(process: Process) -> None:
        chance = rnd.random()
        if chance < 0.25:
            process.work(settle=True)
            process.end()
            process.start(rnd.randrange(40))
        if chance < 0.6:
            process.member.assign(rnd.sample(topic.partitions, rnd.randrange(1, PARTITIONS + 1)))

    run(processes, topic.messages, decide, lambda: rnd.random() < 0.5)
    assert_exact(log, topic, model)


@pytest.mark.parametrize("steps", range(22))
def test_a_crash_at_any_step_of_a_batch_loses_and_doubles_nothing(log: ExchangeLog, steps: int) -> None:
    topic = new_topic(log, f"crash-{steps}")
    model = fill(topic, random.Random(99), 10)
    process = Process(topic.messages, log)
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
