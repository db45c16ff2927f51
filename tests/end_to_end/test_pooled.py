"""Two platforms that share their workers, on a real Kafka and a real PostgreSQL, taken in by several processes.

Their topics have different numbers of partitions, so that the gigs of one worker come to different processes, and meet
in one pooled stream. One process is killed on the way.
"""

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Final

import pytest

from domain.gig import Gig
from domain.identifiers import worker_of
from domain.work_period import Contribution
from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from projections import platform_liability, worker_balance
from services import operations
from services.composition import now
from services.operations import By
from tests.support.exchange_processes import Process, ProcessExchange, eventually, message, process_exchange
from tests.support.gigs import gig
from tests.support.pooled import PooledModel, pooled_program
from tests.support.postgres_server import fresh_schema

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

GIGS: Final = 8_000
WORKERS: Final = 300
JUNE: Final = datetime(2023, 6, 12, 12, tzinfo=UTC)
PARTITIONS: Final = {"north": 4, "south": 2}

#: Platform, facts and whether they are a cancellation.
Report = tuple[str, Gig, bool]


def some_reports(rnd: random.Random) -> list[Report]:
    """Gigs with repetitions, revisions, cancellations and moves to other workers."""
    reports: list[Report] = []
    for number in range(GIGS):
        platform_id = rnd.choice(sorted(PARTITIONS))
        reports.append((platform_id, some_gig(rnd, f"g-{number}", 0), False))
        if rnd.random() < 0.2:
            reports.append((platform_id, some_gig(rnd, f"g-{number}", 1), rnd.random() < 0.4))
    reports += rnd.sample(reports, len(reports) // 10)
    rnd.shuffle(reports)
    return reports


def some_gig(rnd: random.Random, gig_id: str, revision: int) -> Gig:
    """A gig of some worker on some day of June."""
    return gig(
        gig_id,
        revision=revision,
        worker_id=f"w-{rnd.randrange(WORKERS)}",
        completed_at=JUNE + timedelta(days=rnd.randrange(10)),
        engaged_seconds=rnd.randrange(600, 7_200),
        jurisdiction=rnd.choice(["US-MA", "US-MA", "US-MA", "US-NY"]),
    )


def publish(exchange: ProcessExchange, reports: list[Report], model: PooledModel) -> None:
    """Publish reports, and tell the model."""
    with Publisher(exchange.broker) as publisher:
        for platform_id, facts, cancelled in reports:
            headers, value = message(facts, platform_id, cancelled=cancelled)
            publisher.send(f"gigs.{platform_id}", facts.worker_id, value, headers)
            model.report(platform_id, facts, cancelled=cancelled)


def accrued(exchange: ProcessExchange) -> dict[tuple[str, str], dict[str, int]]:
    """The sum of all lines of each pooled stream, by platform; what is zero is left out."""
    sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in exchange.events():
        if isinstance(each.event, Contribution) and each.event.program_id == "hours":
            for line in each.event.lines:
                sums[worker_of(each.stream) or "", each.event.period][line.platform_id] += line.amount_minor
    found = {work: {who: amount for who, amount in of.items() if amount} for work, of in sums.items()}
    return {work: of for work, of in found.items() if of}


def assert_views_are(exchange: ProcessExchange, model: PooledModel) -> None:
    """Platforms owe and workers have what the model says, to the cent."""
    exchange.wait_until_projected()
    due = model.due()
    owed = sum((Counter(of) for of in due.values()), Counter[str]())
    _, rows = exchange.exchange.reads.rows(platform_liability.view, {"program_id": "hours"})
    assert {platform_id: amount for (platform_id, *_), (amount,) in rows.items()} == owed
    for (worker_id, _), shares in due.items():
        _, has = exchange.exchange.reads.rows(worker_balance.view, {"worker_id": worker_id})
        assert sum(pending for (_, benefit, _), (pending, *_) in has.items() if benefit == "stipend") == sum(
            shares.values()
        )


def wait_for_batches(processes: list[Process], count: int = 1) -> None:
    """Wait until each of these processes has taken so many batches more than now."""
    seen = [len(each.logged("batch")) for each in processes]
    eventually(
        "batches taken by each",
        lambda: all(len(each.logged("batch")) >= was + count for each, was in zip(processes, seen, strict=True)),
    )


def start_taking(exchange: ProcessExchange, reports: list[Report], model: PooledModel) -> list[Process]:
    """Two processes, of which each has taken something by now; these reports are published meanwhile, 50 at a time."""
    processes = [exchange.ingest(batch_size=50) for _ in range(2)]

    def have_all_taken() -> bool:
        publish(exchange, [reports.pop() for _ in range(50)], model)
        sleep(0.2)
        return all(each.logged("batch") for each in processes)

    eventually("both have joined", have_all_taken)
    return processes


def test_processes_that_share_workers_are_exact_though_one_is_killed(
    kafka: BrokerSettings, database: str, tmp_path: Path
) -> None:
    reports = some_reports(random.Random(2025))
    with process_exchange(database, fresh_schema(), kafka, tmp_path) as exchange:
        for version in pooled_program():
            operations.publish(exchange.exchange.log, version, By("test", now()))
        topics = [
            exchange.register(each, partitions=count, hours=date(2023, 1, 1)) for each, count in PARTITIONS.items()
        ]
        operations.join(exchange.exchange.log, "north", "demo-weekly", date(2022, 1, 3), By("test", now()))
        model = PooledModel()
        projector = exchange.project()
        waiting = list(reports)
        first, second = start_taking(exchange, waiting, model)
        publish(exchange, waiting, model)
        wait_for_batches([first, second])
        first.kill()
        assert not exchange.has_taken(*topics), "all was taken before the process was killed"
        third = exchange.ingest(batch_size=200)
        exchange.wait_until_taken(*topics)
        assert exchange.outcomes(*topics).total() == len(reports)
        # The broker may hold topics of other tests, which are read as well.
        assert exchange.sql("select reason, detail from quarantine where topic = any(%b)", topics) == []
        assert accrued(exchange) == model.due()
        assert {len(of) for of in model.due().values()} >= {2}
        assert_views_are(exchange, model)
        assert [each.end() for each in (second, third, projector)] == [0, 0, 0]
