"""From publishing a gig to seeing it in the worker's balance, at a steady rate.

Gigs are due at fixed times and the clock of each runs from its own due time, so that a publisher that lags counts as
well. A gig is visible once a read of the balance answers with a position at or after its event.
"""

import multiprocessing
from bisect import bisect_left
from time import monotonic, sleep

from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from projections import worker_balance
from tests.bench import gigs
from tests.bench.deployment import Deployment, wait_until

RATE = 2_000
WORKERS = 20_000
PAUSE_SECONDS = 0.003
#: What is published first, so that nothing is met for the first time while the clock runs.
WARM_UP_SECONDS = 3


def measure(exchange: Deployment, broker: BrokerSettings, platform_id: str, seconds: int) -> list[float]:
    """Seconds from due to visible of each gig, sorted."""
    count = RATE * (seconds + WARM_UP_SECONDS)
    topic = f"gigs.{platform_id}"
    seen: list[tuple[int, float]] = []
    with gigs.topic_of(broker, topic), exchange.process("project") as projector, exchange.process("ingest") as taker:
        wait_until(exchange.is_assigned, projector, taker, pause_seconds=0.05)
        start = monotonic() + 2.0
        publisher = multiprocessing.get_context("spawn").Process(
            target=_publish, args=(broker, topic, platform_id, count, start)
        )
        publisher.start()
        deadline = start + count / RATE + 60
        last = 0
        while last < count and monotonic() < deadline:
            position, _ = exchange.exchange.reads.rows(worker_balance.view, {"worker_id": "w-00000000"})
            if not seen or position > seen[-1][0]:
                seen.append((position, monotonic()))
                last = exchange.taken() if monotonic() > start + count / RATE else 0
            sleep(PAUSE_SECONDS)
        wait_until(exchange.is_settled, projector, taker, pause_seconds=0.01)
        seen.append((exchange.exchange.log.head(), monotonic()))
        publisher.join()
    exchange.check(count)
    return _latencies(exchange, seen, start)


def _publish(broker: BrokerSettings, topic: str, platform_id: str, count: int, start: float) -> None:
    with Publisher(broker, linger_ms=5) as publisher:
        for number in range(count):
            ahead = start + number / RATE - monotonic()
            if ahead > 0:
                sleep(ahead)
            worker_id = f"w-{number * 7_919 % WORKERS:08d}"
            publisher.send(topic, worker_id, *gigs.message(platform_id, worker_id, number, 1_690))


def _latencies(exchange: Deployment, seen: list[tuple[int, float]], start: float) -> list[float]:
    rows = exchange.exchange.datastore.read(
        "select notification_id, substring(encode(state, 'escape') from '\"gig_id\":\"g([0-9]+)')::bigint"
        " from exchange_events where topic like 'work-period.%%'"
    )
    positions = [position for position, _ in seen]
    return sorted(
        seen[bisect_left(positions, position)][1] - (start + number / RATE)
        for position, number in rows
        if number >= RATE * WARM_UP_SECONDS
    )
