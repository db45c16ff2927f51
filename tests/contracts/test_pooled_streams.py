"""Streams that platforms share, on a real PostgreSQL: processes that meet in them lose nothing and never deadlock."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from domain.gig import Gig, GigReport
from domain.identifiers import work_stream
from domain.message import QuarantinedMessage
from domain.rejections import Unavailable
from domain.work_period import Contribution
from infra.event_log.log import ExchangeLog
from infra.postgres import schema
from infra.postgres.datastore import DatabaseSettings, Datastore
from services.taker import Result
from tests.support.gigs import gig, report
from tests.support.pooled import PooledModel, plain_program, pooled_program
from tests.support.postgres_server import fresh_schema
from tests.support.taking import TakingProcess, open_exchange

HOUR = 3_600
MONTH = "2023-06"
#: Longer than any batch here takes, and longer than PostgreSQL waits before it looks for a deadlock.
LOCK_SECONDS = 5.0


@pytest.fixture
def log(database: str) -> Iterator[ExchangeLog]:
    """Two platforms in `hours` and one in `tenth` alone; `uber` is in both."""
    settings = DatabaseSettings(database, schema=fresh_schema(), pool_size=8, lock_timeout_ms=int(LOCK_SECONDS * 1_000))
    datastore = Datastore(settings)
    schema.migrate(datastore)
    log = ExchangeLog(datastore)
    members = {"uber": ["hours", "tenth"], "lyft": ["hours"], "alia": ["tenth"]}
    open_exchange(log, [pooled_program(), plain_program()], members)
    yield log
    datastore.close()


def trip(gig_id: str, hours: int = 1, **fields: Any) -> Gig:
    """A gig that `hours` takes."""
    return gig(gig_id, engaged_seconds=hours * HOUR, **({"jurisdiction": "US-MA"} | fields))


def pooled(log: ExchangeLog, worker_id: str = "w-1") -> list[Contribution]:
    """What stands in a worker's pooled stream."""
    events = [each.event for each in log.stream(work_stream("pooled", worker_id, "hours", MONTH))]
    return [event for event in events if isinstance(event, Contribution)]


def accrued(events: list[Contribution]) -> dict[str, int]:
    """The sum of all lines, by platform."""
    sums: Counter[str] = Counter()
    for event in events:
        for line in event.lines:
            sums[line.platform_id] += line.amount_minor
    return {platform: amount for platform, amount in sums.items() if amount}


def registered(log: ExchangeLog, *keys: tuple[str, str]) -> list[tuple[str, str]]:
    """Those of these gigs that the registry knows."""
    with log.transaction() as transaction:
        return sorted(transaction.registered(keys))


def at_once(*going: tuple[TakingProcess, list[list[GigReport]]]) -> list[Result]:
    """Let each process take its batches, beginning at the same moment; returns what all messages came to."""
    ready = Barrier(len(going))

    def run(process: TakingProcess, batches: list[list[GigReport]]) -> list[Result]:
        ready.wait()
        return [result for batch in batches for result in process.take(*batch)]

    with ThreadPoolExecutor(len(going)) as pool:
        return [result for each in [pool.submit(run, *one) for one in going] for result in each.result()]


def some_batches(rnd: random.Random, model: PooledModel, platform_id: str) -> list[list[GigReport]]:
    """Batches of gigs of a few workers, told to the model as well."""
    batches = []
    for batch in range(12):
        hours = [(number, rnd.randrange(1, 4), f"w-{rnd.randrange(8)}") for number in range(20)]
        facts = [trip(f"t-{batch}-{number}", spent, worker_id=worker_id) for number, spent, worker_id in hours]
        for each in facts:
            model.report(platform_id, each)
        batches.append([report(each, platform_id) for each in facts])
    return batches


def test_two_processes_that_share_workers_lose_nothing_and_never_conflict(log: ExchangeLog) -> None:
    model, rnd = PooledModel(), random.Random(4)
    first, second = TakingProcess(log), TakingProcess(log)
    at_once((first, some_batches(rnd, model, "uber")), (second, some_batches(rnd, model, "lyft")))
    assert (first.conflicts, second.conflicts) == ([], [])
    due = {(f"w-{number}", MONTH): accrued(pooled(log, f"w-{number}")) for number in range(8)}
    assert due == model.due()
    assert {len(of) for of in due.values()} == {2}
    for number in range(8):
        versions = [each.version for each in log.stream(work_stream("pooled", f"w-{number}", "hours", MONTH))]
        assert versions == list(range(1, len(versions) + 1))


def test_a_process_decides_on_what_another_wrote_while_it_waited(log: ExchangeLog) -> None:
    first, second = TakingProcess(log), TakingProcess(log)
    first.take(report(trip("t-1", 6), "uber"))
    second.take(report(trip("t-1", 6), "lyft"))
    first.take(report(trip("t-2", 3), "uber"))
    assert accrued(pooled(log)) == {"uber": 60_00, "lyft": 40_00}
    assert (first.conflicts, second.conflicts) == ([], [])


def test_the_same_new_gigs_reported_to_two_processes_count_once_and_without_a_deadlock(log: ExchangeLog) -> None:
    """In one batch the gigs stand beside gigs that platforms share, in the other they stand alone."""
    mixed, alone = TakingProcess(log), TakingProcess(log)
    rounds, seen = 15, Counter[object]()
    for number in range(rounds):
        plain = [report(trip(f"p-{number}-{each}"), "alia") for each in range(40)]
        shared = [report(trip(f"s-{number}-{each}"), "uber") for each in range(40)]
        seen.update(at_once((mixed, [shared + plain]), (alone, [plain[::-1]])))
    assert seen == {"new": rounds * 80, "duplicate": rounds * 40}
    assert not [why for why in mixed.conflicts + alone.conflicts if "deadlock" in why]


def test_a_gig_that_only_one_of_two_reports_says_to_be_shared_is_no_deadlock(log: ExchangeLog) -> None:
    """The same gigs of the same platform: in one batch a pooled program takes them, in the other none does."""
    inside, outside = TakingProcess(log), TakingProcess(log)
    rounds, seen = 15, Counter[str]()
    for number in range(rounds):
        here = [report(trip(f"g-{number}-{each}"), "lyft") for each in range(40)]
        there = [report(trip(f"g-{number}-{each}", jurisdiction="US-NY"), "lyft") for each in range(40)]
        results = at_once((inside, [here]), (outside, [there[::-1]]))
        seen.update([each.reason if isinstance(each, QuarantinedMessage) else each for each in results])
    assert seen == {"new": rounds * 40, "conflict": rounds * 40}
    assert not [why for why in inside.conflicts + outside.conflicts if "deadlock" in why]


def test_a_gig_that_ends_in_quarantine_is_not_registered(log: ExchangeLog) -> None:
    process = TakingProcess(log)
    process.take(report(trip("t-1"), "uber"))
    with log.datastore.transact() as rows:
        rows.execute("update exchange_events set state = '{' where originator_id like 'work:pooled:%'")
    good = report(trip("t-3", worker_id="w-2"), "uber")
    refused, taken = process.take(report(trip("t-2"), "lyft"), good)
    assert isinstance(refused, QuarantinedMessage)
    assert (refused.reason, taken) == ("defect", "new")
    assert registered(log, ("lyft", "t-2"), ("uber", "t-3")) == [("uber", "t-3")]


def test_a_batch_that_changes_nothing_shared_does_not_hold_the_append_lock(log: ExchangeLog, database: str) -> None:
    process = TakingProcess(log)
    process.take(report(trip("t-1"), "uber"))
    process.take(report(trip("t-1"), "uber"), report(trip("p-1"), "alia"))
    impatient = Datastore(DatabaseSettings(database, schema=log.datastore.schema, lock_timeout_ms=300))
    other = TakingProcess(ExchangeLog(impatient))
    with log.transaction() as holder:
        holder.lock_appends()
        assert other.take(report(trip("t-1"), "uber")) == ["duplicate"]
        with pytest.raises(Unavailable, match="lock timeout"):
            other.take(report(trip("t-2"), "uber"))
    impatient.close()


def test_the_latest_period_of_a_platform_is_found_in_streams_that_it_shares(log: ExchangeLog) -> None:
    process = TakingProcess(log)
    july = trip("t-2", completed_at=trip("t-2").completed_at.replace(month=7, day=10))
    process.take(report(trip("t-1"), "uber"), report(trip("t-1"), "lyft"), report(july, "lyft"))

    def last(platform_id: str) -> str | None:
        with log.transaction() as transaction:
            return transaction.last_accrued(platform_id, "hours")

    assert [last(platform) for platform in ("uber", "lyft", "alia")] == [MONTH, "2023-07", None]
    process.take(report(revised(july), "lyft", cancelled=True))
    assert last("lyft") == MONTH


def revised(facts: Gig) -> Gig:
    """The next revision of a gig."""
    return gig(
        facts.gig_id,
        revision=facts.revision + 1,
        worker_id=facts.worker_id,
        completed_at=facts.completed_at,
        engaged_seconds=facts.engaged_seconds,
        jurisdiction=facts.jurisdiction,
    )
