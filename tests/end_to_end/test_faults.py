"""Processes killed, stopped and cut off, brokers and databases that go away: nothing is lost or doubled."""

import gc
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any, Final

import msgspec
import psycopg
import pytest
from kafka import KafkaAdminClient, TopicPartition

from domain import intake
from domain.gig import Gig
from domain.intake import IntakeRecorded, IntakeStarted
from domain.message import Partition
from domain.recorded import NewEvent
from domain.work_period import Contribution
from infra.embedded.database import EmbeddedDatabase, embedded_database
from infra.event_log.recorder import ExchangeRecorder
from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from projections import platform_liability, worker_balance
from services.replay import replay
from tests.support.exchange_processes import Process, ProcessExchange, eventually, message, process_exchange
from tests.support.fixtures import missing_kafka
from tests.support.gigs import gig
from tests.support.kafka_server import KafkaNotAvailable, KafkaServer, start_kafka_jars
from tests.support.memory_exchange import registry_of
from tests.support.plain_model import PlainModel

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # kafka-python leaves sockets to the garbage collector when a broker does not answer.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WEEKLY: Final = date(2022, 1, 3)
PLATFORMS: Final = ("acme", "bolt")
MONDAY: Final = datetime.fromisoformat("2023-06-05T12:00:00-04:00")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of this module's own, which its tests stop and start."""
    try:
        started = start_kafka_jars(tmp_path_factory.mktemp("kafka"))
    except KafkaNotAvailable as error:
        missing_kafka(error)
    yield started
    started.stop()
    gc.collect()


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    """A database of this module's own, which its tests stop and start."""
    with embedded_database(tmp_path_factory.mktemp("database")) as started:
        yield started


@pytest.fixture
def exchange(
    server: KafkaServer, postgresql: EmbeddedDatabase, schema: str, tmp_path: Path
) -> Iterator[ProcessExchange]:
    """An exchange in which `acme` and `bolt` are members of `demo-weekly`."""
    with process_exchange(postgresql.dsn, schema, BrokerSettings(server.bootstrap), tmp_path) as made:
        yield made
    # What kafka-python left is found here, where its warnings are expected, and not in somebody else's test.
    gc.collect()


class Traffic:
    """What platforms report, sent to Kafka and told to the model."""

    def __init__(self, exchange: ProcessExchange, **topics: int) -> None:
        self._exchange = exchange
        self.model = PlainModel()
        self.sent: Counter[str] = Counter()
        self.broken = 0
        for platform_id, partitions in (topics or dict.fromkeys(PLATFORMS, 4)).items():
            exchange.register(platform_id, partitions=partitions, demo_weekly=WEEKLY)
            self.sent[f"gigs.{platform_id}"] = 0

    @property
    def topics(self) -> list[str]:
        """All topics that were reported to."""
        return list(self.sent)

    def report(
        self, publisher: Publisher, platform_id: str, facts: Gig, *, cancelled: bool = False, key: str = ""
    ) -> None:
        """Report a gig, keyed by its worker unless told otherwise."""
        headers, value = message(facts, platform_id, cancelled=cancelled)
        self.model.report(platform_id, facts, cancelled=cancelled)
        self.publish(publisher, platform_id, key or facts.worker_id, value, headers)

    def break_one(self, publisher: Publisher, platform_id: str) -> None:
        """Report what nobody can read."""
        self.broken += 1
        self.publish(publisher, platform_id, "w-broken", b'{"gig_id": ', message(gig(), platform_id)[0])

    def publish(self, publisher: Publisher, platform_id: str, key: str, value: bytes, headers: Any) -> None:
        """Send and count."""
        publisher.send(f"gigs.{platform_id}", key, value, headers)
        self.sent[f"gigs.{platform_id}"] += 1

    def some(self, platform_id: str, first: int, count: int, workers: int = 50) -> None:
        """Report plain gigs, numbered from `first`."""
        with Publisher(self._exchange.broker) as publisher:
            for number in range(first, first + count):
                self.report(publisher, platform_id, plain(number, workers))


def plain(number: int, workers: int = 50) -> Gig:
    """A gig told by its number."""
    return gig(f"g-{number}", fare=20_00 + number % 97, worker_id=f"w-{number % workers}")


def mixed(rnd: random.Random, count: int, workers: int) -> Iterator[tuple[str, Gig, bool]]:
    """Gigs with everything that platforms do to them: repeat, revise, cancel, move to another worker or week."""
    for number in range(count):
        platform_id = rnd.choice(PLATFORMS)
        first = gig(
            f"g-{number}",
            fare=rnd.randrange(5_00, 90_00),
            worker_id=f"w-{rnd.randrange(workers)}",
            completed_at=MONDAY + timedelta(days=rnd.randrange(28)),
        )
        yield platform_id, first, False
        change = rnd.random()
        if change < 0.10:
            yield platform_id, first, False
        elif change < 0.20:
            yield platform_id, revised(first, earnings={"fare": rnd.randrange(5_00, 90_00)}), False
        elif change < 0.25:
            yield platform_id, revised(first, worker_id=f"w-{rnd.randrange(workers)}"), False
        elif change < 0.30:
            yield platform_id, revised(first, completed_at=first.completed_at + timedelta(days=7)), False
        elif change < 0.35:
            yield platform_id, revised(first), True
        elif change < 0.37:
            moved = revised(first, worker_id=f"w-{rnd.randrange(workers)}")
            yield from ((platform_id, each, False) for each in (revised(moved), moved, first))


def revised(facts: Gig, **fields: Any) -> Gig:
    """The next revision of a gig, with these facts changed."""
    return msgspec.structs.replace(facts, revision=facts.revision + 1, **fields)


def assert_exact(exchange: ProcessExchange, traffic: Traffic) -> None:
    """Log, registry, offsets, intake and views are what the plain model says, to the cent and to the message."""
    exchange.wait_until_projected()
    assert_intake_adds_up(exchange, traffic)
    assert_log_is_whole(exchange, traffic.model)
    assert_views_agree(exchange, traffic.model)


def assert_intake_adds_up(exchange: ProcessExchange, traffic: Traffic) -> None:
    """Each message was counted once, and offsets are a fold of the log."""
    outcomes = exchange.outcomes(*traffic.topics)
    assert outcomes.total() == traffic.sent.total()
    assert outcomes["quarantined"] == traffic.broken
    ((kept,),) = exchange.sql("select count(*) from quarantine where topic = any(%b)", traffic.topics)
    assert kept == traffic.broken
    for at, next_offset in exchange.next_offsets(*traffic.topics).items():
        events = exchange.intake(at)
        assert intake.decider.fold(events).next_offset == next_offset  # type: ignore[arg-type]
        assert gaps(events) == []


def gaps(events: list[object]) -> list[tuple[int, int]]:
    """Where a batch did not begin where the one before it had ended."""
    found, reached = [], 0
    for event in events:
        if isinstance(event, IntakeStarted):
            reached = event.offset
        elif isinstance(event, IntakeRecorded):
            found += [(reached, event.from_offset)] if event.from_offset != reached else []
            reached = event.to_offset
    return found


def assert_log_is_whole(exchange: ProcessExchange, model: PlainModel) -> None:
    """Streams are gapless, positions rise, every work period stands at the model's sums, the registry is a fold."""
    assert (
        exchange.sql(
            "select originator_id from exchange_events group by 1"
            " having count(*) <> max(originator_version) or min(originator_version) <> 1"
        )
        == []
    )
    events = exchange.events()
    last: dict[str, Contribution] = {}
    moved: dict[str, Counter[str]] = {}
    for each in events:
        if isinstance(each.event, Contribution):
            last[each.stream] = each.event
            sums = moved.setdefault(each.stream, Counter())
            for line in each.event.lines:
                sums[line.benefit] += line.amount_minor
    found = {
        (event.platform_id, stream.split(":")[2], event.period): (event.totals[0].gigs, event.totals[0].base_minor)
        for stream, event in last.items()
        if event.totals
    }
    assert found == model.fares()
    due = {
        (last[stream].platform_id, stream.split(":")[2], last[stream].period): {
            benefit: amount for benefit, amount in sums.items() if amount
        }
        for stream, sums in moved.items()
    }
    assert {work: benefits for work, benefits in due.items() if benefits} == model.due()
    assert_registry_is_a_fold(exchange, model, [NewEvent(each.stream, each.version, each.event) for each in events])


def assert_registry_is_a_fold(exchange: ProcessExchange, model: PlainModel, log: list[NewEvent]) -> None:
    """What the registry holds is what the log says, and what was reported last."""
    keys = list(model.gigs)
    with exchange.exchange.log.transaction() as transaction:
        stored = transaction.registered(keys)
    assert {key: (row.revision, row.cancelled) for key, row in stored.items()} == model.standing()
    assert stored == registry_of(log)
    assert exchange.sql("select count(*) from gig_registry") == [(len(keys),)]


def assert_views_agree(exchange: ProcessExchange, model: PlainModel) -> None:
    """The stored views are what a replay makes of the log, and what the model says."""
    found = replay(exchange.exchange.log, exchange.exchange.views, lambda *_: None)
    assert found.differences == []
    assert found.position == exchange.exchange.log.head()
    _, stored = exchange.exchange.views.snapshot([worker_balance.view, platform_liability.view])
    balances = {(worker, benefit): row[0] for (worker, benefit, _), row in stored["worker_balance"].items() if row[0]}
    assert balances == model.balances()
    owed = stored["platform_liability"].items()
    assert {(platform_id, week): row[0] for (platform_id, _, week, *_), row in owed if row[0]} == model.liabilities()


# Killed


ROUNDS: Final = 25
KILLS: Final = 50


class Killer(Thread):
    """Kills the projector again and again, at moments of its own choosing, while the log grows."""

    def __init__(self, exchange: ProcessExchange, rnd: random.Random) -> None:
        super().__init__(daemon=True)
        self._exchange = exchange
        self._rnd = rnd
        self.kills = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while self.kills < KILLS:
                projector = self._exchange.project()
                self._let_it_work()
                assert projector.runs, projector.said()
                projector.kill()
                self.kills += 1
        except BaseException as error:
            self.error = error

    def _let_it_work(self) -> None:
        deadline = monotonic() + 3
        began = self._position()
        while self._position() == began and monotonic() < deadline:
            sleep(0.01)
        sleep(self._rnd.random() * 0.2)

    def _position(self) -> int:
        return self._exchange.exchange.reads.position(worker_balance.view)


@pytest.mark.timeout(600)
def test_fifty_kills_of_ingest_and_fifty_of_the_projector_change_nothing(exchange: ProcessExchange) -> None:
    rnd = random.Random(11)
    traffic = Traffic(exchange)
    reports = list(mixed(rnd, 20_000, workers=600))
    portion = -(-len(reports) // ROUNDS)
    members = [exchange.ingest(batch_size=50) for _ in range(3)]
    killer = Killer(exchange, random.Random(12))
    killer.start()
    inside = 0
    for number in range(ROUNDS):
        publish(exchange, traffic, reports[number * portion : (number + 1) * portion])
        wait_for_progress(exchange, traffic)
        sleep(rnd.random() * 0.25)
        victims = rnd.sample(range(len(members)), 2)
        inside += kill(exchange, [members[index] for index in victims])
        for index in victims:
            members[index] = exchange.ingest(batch_size=50)
    exchange.wait_until_taken(*traffic.topics)
    killer.join(120)
    assert (killer.kills, killer.error) == (KILLS, None)
    exchange.project()
    assert_exact(exchange, traffic)
    assert inside > 0, "no kill fell into a transaction"
    assert [member.end() for member in members] == [0, 0, 0]


def publish(exchange: ProcessExchange, traffic: Traffic, reports: list[tuple[str, Gig, bool]]) -> None:
    """Report some gigs, now and then a broken one."""
    with Publisher(exchange.broker) as publisher:
        for index, (platform_id, facts, cancelled) in enumerate(reports):
            traffic.report(publisher, platform_id, facts, cancelled=cancelled)
            if index % 200 == 0:
                traffic.break_one(publisher, platform_id)


def taken(exchange: ProcessExchange, traffic: Traffic) -> int:
    """How many messages were taken so far."""
    return sum(exchange.next_offsets(*traffic.topics).values())


def wait_for_progress(exchange: ProcessExchange, traffic: Traffic) -> None:
    """Wait until more was taken than by now."""
    began = taken(exchange, traffic)
    eventually("messages taken", lambda: taken(exchange, traffic) > began)


def kill(exchange: ProcessExchange, victims: list[Process]) -> int:
    """Kill processes where they stand; returns how many transactions of ingest were open when they stopped."""
    assert [victim.said() for victim in victims if not victim.runs] == []
    for victim in victims:
        victim.pause()
    count = len(open_transactions(exchange))
    for victim in victims:
        victim.kill()
    return count


def open_transactions(exchange: ProcessExchange) -> list[tuple[Any, ...]]:
    """Transactions of ingest processes that are open: state, and what they wait for."""
    return exchange.sql(
        "select state, wait_event from pg_stat_activity where application_name = 'benefits ingest'"
        " and xact_start is not null and pid <> pg_backend_pid()"
    )


# Stopped past their session


def test_a_member_stopped_between_batches_is_succeeded_and_writes_nothing_when_it_wakes(
    exchange: ProcessExchange,
) -> None:
    traffic = Traffic(exchange, acme=2)
    zombie = exchange.ingest(batch_size=20)
    exchange.project()
    traffic.some("acme", 0, 2_000)
    eventually("the first batches", lambda: taken(exchange, traffic) > 0)
    pause_between_batches(exchange, zombie)
    reached = taken(exchange, traffic)
    assert reached < 2_000, "it was to be stopped in the midst of its work"
    exchange.ingest()
    exchange.wait_until_taken(*traffic.topics)
    # All that was done while it was still stopped; what it had fetched is taken by now.
    zombie.resume()
    traffic.some("acme", 2_000, 500)
    exchange.wait_until_taken(*traffic.topics)
    assert_exact(exchange, traffic)
    eventually("the sleeper is ready again", zombie.is_ready)
    assert zombie.end() == 0


def pause_between_batches(exchange: ProcessExchange, process: Process) -> None:
    """Stop the only ingest process at a moment when it has no transaction open."""

    def stopped_outside() -> bool:
        process.pause()
        # What it had sent before it stopped, the server may still be working on.
        settled = monotonic() + 0.2
        while open_transactions(exchange):
            if monotonic() > settled:
                process.resume()
                return False
        return True

    eventually("stopped between batches", stopped_outside)


def test_a_member_stopped_inside_its_transaction_loses_it_and_blocks_nobody(exchange: ProcessExchange) -> None:
    traffic = Traffic(exchange, acme=2)
    zombie = exchange.ingest(batch_size=100)
    exchange.project()
    traffic.some("acme", 0, 100)
    exchange.wait_until_taken(*traffic.topics)
    with append_lock(exchange):
        traffic.some("acme", 100, 500)
        eventually("the batch waits for the append lock", lambda: ("active", "advisory") in open_transactions(exchange))
        zombie.pause()
        exchange.ingest()
    began = monotonic()
    # The lock is granted to a process that does not run: it holds it until the database takes its transaction away.
    exchange.wait_until_taken(*traffic.topics)
    waited = monotonic() - began
    assert waited < 60, f"the new owner needed {waited:.0f} s"
    zombie.resume()
    traffic.some("acme", 600, 500)
    exchange.wait_until_taken(*traffic.topics)
    assert_exact(exchange, traffic)
    eventually("the sleeper is ready again", zombie.is_ready)
    assert zombie.end() == 0


class append_lock:  # noqa: N801  a context manager is used like a function
    """Hold the lock that every append takes last, from a connection of the test's own."""

    def __init__(self, exchange: ProcessExchange) -> None:
        recorder = exchange.exchange.log.recorder
        assert isinstance(recorder, ExchangeRecorder)
        self._key = recorder.append_lock
        self._connection = psycopg.connect(exchange.database)

    def __enter__(self) -> None:
        self._connection.execute("select pg_advisory_xact_lock(%s)", [self._key])

    def __exit__(self, *_: object) -> None:
        self._connection.rollback()
        self._connection.close()


def test_two_processes_in_one_workers_stream_lose_and_double_nothing(exchange: ProcessExchange) -> None:
    traffic = Traffic(exchange, acme=4)
    members = [exchange.ingest(batch_size=50) for _ in range(2)]
    exchange.project()
    probes = iter(range(1_000_000, 2_000_000))

    def both_take() -> bool:
        with Publisher(exchange.broker) as publisher:
            for _ in range(8):
                number = next(probes)
                traffic.report(publisher, "acme", plain(number, workers=2), key=f"key-{number}")
        exchange.wait_until_taken(*traffic.topics)
        return all(member.logged("batch") for member in members)

    eventually("both members take gigs", both_take)
    with Publisher(exchange.broker) as publisher:
        for number in range(3_000):
            # One worker's gigs on all partitions, so on both members.
            traffic.report(publisher, "acme", plain(number, workers=2), key=f"key-{number}")
    exchange.wait_until_taken(*traffic.topics)
    assert_exact(exchange, traffic)
    assert sum(conflicts(member) for member in members) > 0, "they never met"
    assert [member.end() for member in members] == [0, 0]


def conflicts(process: Process) -> float:
    """How often a process decided a batch anew."""
    lines = process.metrics().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("benefits_ingest_conflicts_total"))


# Servers that go away


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_database_that_goes_away_and_comes_back_is_waited_for(
    exchange: ProcessExchange, postgresql: EmbeddedDatabase, how: str
) -> None:
    traffic = Traffic(exchange)
    ingest, projector = exchange.ingest(batch_size=50), exchange.project()
    traffic.some("acme", 0, 4_000)
    eventually("the first batches", lambda: taken(exchange, traffic) > 0)
    try:
        getattr(postgresql, how)()
        traffic.some("bolt", 4_000, 500)
        for process in (ingest, projector):
            wait_until_not_ready(process)
    finally:
        postgresql.start()
    exchange.wait_until_taken(*traffic.topics)
    assert_exact(exchange, traffic)
    for process in (ingest, projector):
        eventually(f"{process.name} is ready again", process.is_ready)
        assert process.end() == 0


def wait_until_not_ready(process: Process) -> None:
    """Wait until `/readyz` is red."""
    eventually(f"{process.name} says that it is not ready", lambda: process.is_ready() is False)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_that_goes_away_and_comes_back_is_waited_for(
    exchange: ProcessExchange, server: KafkaServer, how: str
) -> None:
    traffic = Traffic(exchange)
    ingest, _ = exchange.ingest(batch_size=50), exchange.project()
    traffic.some("acme", 0, 4_000)
    eventually("the first batches", lambda: taken(exchange, traffic) > 0)
    try:
        getattr(server, how)()
        wait_until_not_ready(ingest)
    finally:
        server.start()
    traffic.some("bolt", 4_000, 500)
    exchange.wait_until_taken(*traffic.topics)
    eventually("ingest is ready again", ingest.is_ready)
    assert_exact(exchange, traffic)
    assert ingest.end() == 0


# Offsets that mean something else, or nothing


@pytest.mark.parametrize("count", [10, 60, 150], ids=["shorter", "as long", "longer"])
def test_a_topic_made_anew_is_taken_from_its_beginning(exchange: ProcessExchange, count: int) -> None:
    traffic = Traffic(exchange, acme=1)
    exchange.project()
    ingest = exchange.ingest()
    traffic.some("acme", 0, 60)
    exchange.wait_until_taken("gigs.acme")
    topics = exchange.exchange.topics
    topics.delete_topic("gigs.acme")
    eventually("the topic is gone", lambda: not topics.topic_ids(["gigs.acme"]))
    topics.create_topic("gigs.acme", 1, 1)
    traffic.some("acme", 60, count)
    ((at, _),) = exchange.ranges("gigs.acme").items()
    eventually("the new topic noticed", lambda: len(starts(exchange, at)) == 2)
    exchange.wait_until_taken("gigs.acme")
    first, second = starts(exchange, at)
    assert (first.reason, second.reason, second.offset) == ("new", "recreated", 0)
    assert first.topic_id != second.topic_id
    exchange.wait_until_projected()
    assert_log_is_whole(exchange, traffic.model)
    assert_views_agree(exchange, traffic.model)
    assert ingest.end() == 0


def starts(exchange: ProcessExchange, at: Partition) -> list[IntakeStarted]:
    """When the intake of a partition began, and where."""
    return [event for event in exchange.intake(at) if isinstance(event, IntakeStarted)]


def test_an_offset_that_is_gone_stops_its_partition_until_an_operator_accepts_the_gap(
    exchange: ProcessExchange,
) -> None:
    traffic = Traffic(exchange, acme=1, bolt=1)
    traffic.some("acme", 0, 50)
    first = exchange.ingest()
    exchange.wait_until_taken(*traffic.topics)
    assert first.end() == 0
    traffic.some("acme", 50, 100)
    delete_before(exchange, "gigs.acme", 120)

    ingest, _ = exchange.ingest(), exchange.project()
    traffic.some("bolt", 1_000, 100)
    exchange.wait_until_taken("gigs.bolt")
    wait_until_not_ready(ingest)
    eventually(
        "the log says why", lambda: any("gigs.acme/0: offset 50" in str(line) for line in ingest.logged("trouble"))
    )
    ((at, _),) = exchange.ranges("gigs.acme").items()
    assert exchange.next_offsets("gigs.acme") == {at: 50}
    assert ingest.is_ready() is False

    operator = exchange.ingest("--accept-gap", "gigs.acme/0=120")
    assert operator.ended() == 0, operator.said()
    exchange.wait_until_taken("gigs.acme")
    assert [(each.reason, each.offset) for each in starts(exchange, at)] == [("new", 0), ("gap_accepted", 120)]
    assert exchange.outcomes("gigs.acme") == {"new": 50 + 30}
    eventually("ingest is ready again", ingest.is_ready)
    assert ingest.end() == 0


def delete_before(exchange: ProcessExchange, topic: str, offset: int) -> None:
    """Let the broker forget what stands before an offset, as its retention does."""
    admin = KafkaAdminClient(**exchange.broker.kwargs())
    try:
        admin.delete_records({TopicPartition(topic, 0): offset})
    finally:
        admin.close()


# A corrupt stream


def test_a_corrupt_stream_holds_up_only_its_own_workers_gigs(exchange: ProcessExchange) -> None:
    traffic = Traffic(exchange, acme=2)
    ingest = exchange.ingest(cached_streams=0)
    with Publisher(exchange.broker) as publisher:
        for number, worker in enumerate(["w-1", "w-2"]):
            traffic.report(publisher, "acme", gig(f"g-{number}", worker_id=worker))
    exchange.wait_until_taken("gigs.acme")
    eventually("ingest is ready", ingest.is_ready)
    exchange.sql(
        "update exchange_events set state = %b where originator_id like 'work:acme:w-1:%%' returning 1", b'{"recorded'
    )
    with Publisher(exchange.broker) as publisher:
        for number, worker in enumerate(["w-1", "w-2", "w-3"], 10):
            traffic.report(publisher, "acme", gig(f"g-{number}", worker_id=worker))
    exchange.wait_until_taken("gigs.acme")
    assert exchange.outcomes("gigs.acme") == {"new": 4, "quarantined": 1}
    (refused,) = exchange.exchange.reads.quarantine()
    assert refused.refused.reason == "defect"
    assert refused.refused.message.key == b"w-1"
    wait_until_not_ready(ingest)
    assert ingest.end() == 0
