"""The yardstick: what this machine can do when nothing is checked. No example of style for the exchange itself.

Apache Kafka → kafka-python → dedupe, decide, encode → PostgreSQL, and a projector that folds the log into one balance
table beside it. One hard-wired program, no validation, no quarantine, no fence, no corrections, no API. The gigs are
published first; the clock runs from the first poll until the last row of the view is committed.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from random import Random
from typing import Any
from uuid import UUID

import orjson
import psycopg
from kafka import KafkaConsumer, TopicPartition

from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from tests.bench.gigs import PARTITIONS, topic_of
from tests.bench.servers import Servers

TOPIC = "bare-limit"
BATCH = 1_000

_TABLES = """
    drop table if exists bare_event, bare_gig, bare_offset, bare_balance, bare_position;
    create table bare_event (originator_id text, originator_version bigint, topic text, state bytea,
        notification_id bigserial, primary key (originator_id, originator_version));
    create unique index on bare_event (notification_id);
    create table bare_gig (gig uuid primary key, stream text, revision int, digest bytea);
    create table bare_offset (part int primary key, off bigint);
    create table bare_balance (worker text, benefit text, pending bigint, primary key (worker, benefit))
        with (fillfactor = 70);
    create table bare_position (pos bigint);
    insert into bare_position values (0);
"""


@dataclass(frozen=True, slots=True)
class Line:
    benefit: str
    payer: str
    amount_minor: int
    entitled_minor: int


@dataclass(frozen=True, slots=True)
class Accrued:
    gig_id: str
    revision: int
    worker_id: str
    platform_id: str
    program_id: str
    program_version: int
    period: str
    currency: str
    base_minor: int
    engaged_minutes: int
    total_base_minor: int
    total_engaged_minutes: int
    gigs: int
    lines: tuple[Line, ...]


@dataclass(slots=True)
class State:
    version: int = 0
    base: int = 0
    engaged: int = 0
    gigs: int = 0
    entitled: dict[str, int] = field(default_factory=dict)


@contextmanager
def published(broker: BrokerSettings, gigs: int, workers: int) -> Iterator[None]:
    """The yardstick's own topic with its own, leaner gigs."""
    random = Random(7)
    with topic_of(broker, TOPIC):
        with Publisher(broker, compression=None) as publisher:
            for number in range(gigs):
                worker = f"w-{random.randrange(workers):08d}"
                gig = {
                    "gig_id": f"g{number:012d}",
                    "revision": 0,
                    "worker_id": worker,
                    "completed_at": "2026-01-01T00:00:00Z",
                    "engaged_seconds": 1_261,
                    "gross": random.randrange(500, 6_000),
                    "minutes": 32,
                    "currency": "USD",
                    "earnings": {"fare": 1_690, "tip": 300},
                    "service": "ride",
                    "vehicle_class": "car",
                    "jurisdiction": "US-NY",
                }
                publisher.send(TOPIC, worker, orjson.dumps(gig), [])
        yield


def run(at: Servers, gigs: int) -> float:
    """Gigs per second of one ingest process and one projector, each a process of its own."""
    with psycopg.connect(at.dsn, autocommit=True) as connection:
        connection.execute(_TABLES.encode())
    spawn = multiprocessing.get_context("spawn")
    start, ended = spawn.Event(), spawn.Queue()
    ready = spawn.Barrier(3)
    workers = [
        spawn.Process(target=_ingest, args=(at.dsn, at.broker.bootstrap_servers, gigs, ready, start, ended)),
        spawn.Process(target=_project, args=(at.dsn, gigs, ready, start, ended)),
    ]
    for worker in workers:
        worker.start()
    ready.wait(60)
    begun = time.perf_counter()
    start.set()
    last: float = max(ended.get(timeout=600) for _ in workers)
    for worker in workers:
        worker.join()
    return gigs / (last - begun)


def _decide(state: State, gig: dict[str, Any]) -> Accrued:
    base, engaged = state.base + gig["gross"], state.engaged + gig["minutes"]
    entitled = _entitled(base)
    lines = [Line(name, "platform", minor - state.entitled.get(name, 0), minor) for name, minor in entitled.items()]
    return Accrued(
        gig["gig_id"],
        0,
        gig["worker_id"],
        "acme",
        "prog",
        1,
        "2026-01",
        gig["currency"],
        gig["gross"],
        gig["minutes"],
        base,
        engaged,
        state.gigs + 1,
        tuple(lines),
    )


def _entitled(base: int) -> dict[str, int]:
    total = (base * 40 + 500) // 1000
    first, second = total // 2, total * 3 // 10
    return {"retirement": first, "paid_leave": second, "health": total - first - second}


def _evolve(state: State, event: Accrued) -> None:
    state.version += 1
    state.base = event.total_base_minor
    state.engaged = event.total_engaged_minutes
    state.gigs = event.gigs
    state.entitled = {line.benefit: line.entitled_minor for line in event.lines}


def _ingest(dsn: str, broker: str, gigs: int, ready: Any, start: Event, ended: "Queue[float]") -> None:
    consumer = KafkaConsumer(
        bootstrap_servers=broker,
        group_id=None,
        max_poll_records=BATCH,
        fetch_max_bytes=16 << 20,
        max_partition_fetch_bytes=4 << 20,
        enable_auto_commit=False,
    )
    partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)
    states: dict[str, State] = {}
    taken = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        ready.wait(60)
        start.wait()
        while taken < gigs:
            polled = consumer.poll(timeout_ms=200, max_records=BATCH)
            if polled:
                taken += _take(connection, states, polled)
    ended.put(time.perf_counter())
    consumer.close()


def _take(connection: psycopg.Connection, states: dict[str, State], polled: dict[TopicPartition, list[Any]]) -> int:
    gigs = [orjson.loads(record.value) for records in polled.values() for record in records]
    keys = [UUID(bytes=blake2b(f"acme/{gig['gig_id']}".encode(), digest_size=16).digest()) for gig in gigs]
    with connection.transaction():
        found = connection.execute(
            "insert into bare_gig (gig, revision) select unnest(%b::uuid[]), 0 on conflict do nothing returning gig",
            [keys],
        )
        new = {key for (key,) in found}
        streams = [f"work:acme:{gig['worker_id']}:prog:2026-01" for gig in gigs]
        _read(connection, states, streams)
        ids: list[str] = []
        versions: list[int] = []
        bodies: list[bytes] = []
        for gig, key, stream in zip(gigs, keys, streams, strict=True):
            if key in new:
                state = states[stream]
                event = _decide(state, gig)
                _evolve(state, event)
                ids.append(stream)
                versions.append(state.version)
                bodies.append(orjson.dumps({"at": "2026-01-01T00:00:00Z", "data": event}))
        for partition, records in polled.items():
            connection.execute(
                "insert into bare_offset values (%s, %s) on conflict (part) do update set off = excluded.off",
                [partition.partition, records[-1].offset],
            )
        connection.execute("lock table bare_event in exclusive mode")
        connection.execute(
            "insert into bare_event (originator_id, originator_version, topic, state)"
            " select a, b, %s, d from unnest(%b::text[], %b::bigint[], %b::bytea[]) t (a, b, d)",
            ["work-period.contribution-accrued.v1", ids, versions, bodies],
        )
    return len(gigs)


def _read(connection: psycopg.Connection, states: dict[str, State], streams: list[str]) -> None:
    missing = list({stream for stream in streams if stream not in states})
    if missing:
        connection.execute(
            "select distinct on (originator_id) originator_id, originator_version, state from bare_event"
            " where originator_id = any(%b) order by originator_id, originator_version desc",
            [missing],
        ).fetchall()
        states.update({stream: State() for stream in missing})


def _project(dsn: str, gigs: int, ready: Any, start: Event, ended: "Queue[float]") -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        ready.wait(60)
        start.wait()
        position = folded = 0
        while folded < gigs:
            rows = connection.execute(
                "select notification_id, state from bare_event where notification_id > %s"
                " order by notification_id limit 5000",
                [position],
                binary=True,
            ).fetchall()
            if rows:
                position = rows[-1][0]
                folded += len(rows)
                _write(connection, position, [orjson.loads(state)["data"] for _, state in rows])
            else:
                time.sleep(0.02)
    ended.put(time.perf_counter())


def _write(connection: psycopg.Connection, position: int, events: list[dict[str, Any]]) -> None:
    balances: dict[tuple[str, str], int] = {}
    for event in events:
        for line in event["lines"]:
            key = (event["worker_id"], line["benefit"])
            balances[key] = balances.get(key, 0) + line["amount_minor"]
    ordered = sorted(balances.items())
    columns = [[key[0] for key, _ in ordered], [key[1] for key, _ in ordered], [minor for _, minor in ordered]]
    with connection.transaction():
        connection.execute(
            "insert into bare_balance select * from unnest(%b::text[], %b::text[], %b::bigint[])"
            " on conflict (worker, benefit) do update set pending = bare_balance.pending + excluded.pending",
            columns,
        )
        connection.execute("update bare_position set pos = %s", [position])
