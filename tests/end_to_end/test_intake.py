"""What platforms publish to a real Apache Kafka, taken in by a real ingest process: every row of design §5."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec
import pytest
from kafka import KafkaProducer

from domain.gig import Gig
from domain.intake import IntakeRecorded
from domain.message import Partition, Quarantined
from domain.recorded_gig import GigRecorded
from domain.rejections import InvariantBroken
from domain.work_period import ContributionAccrued, ContributionAdjusted, ContributionReversed
from infra.kafka.producer import Headers, Publisher, cloudevent, structured_cloudevent
from infra.kafka.settings import BrokerSettings
from projections import platform_liability, worker_balance
from services import operations
from services.composition import now
from services.operations import By
from tests.support.exchange_processes import ProcessExchange, eventually, message, process_exchange
from tests.support.gigs import gig
from tests.support.postgres_server import fresh_schema

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

WEEKLY: Final = date(2022, 1, 3)
#: A gig of its own reaches the threshold of 150.00 a week: 4 % of it are 8.00.
FARE: Final = 200_00


class Running:
    """An exchange with one ingest process and one projector, a platform in a program, and others in other standings."""

    def __init__(self, exchange: ProcessExchange, producer: Any) -> None:
        self.exchange = exchange
        self._producer = producer
        run = uuid4().hex[:8]
        self.platform, self.idle = f"acme-{run}", f"idle-{run}"
        self.suspended, self.unknown, self.driving = f"banned-{run}", f"ghost-{run}", f"limo-{run}"
        exchange.register(self.platform, demo_weekly=WEEKLY)
        exchange.register(self.driving, demo_weekly=WEEKLY, black_car_fund=date(2023, 1, 1))
        for platform_id in (self.idle, self.suspended):
            exchange.register(platform_id)
        exchange.exchange.topics.create_topic(f"gigs.{self.unknown}", 1, 1)
        operations.suspend(exchange.exchange.log, self.suspended, "did not pay", By("test", now()))

    def send(self, platform_id: str, value: bytes | None, headers: Headers, key: str = "w-1") -> Partition:
        """Publish one message as it is; returns where it went."""
        sent = self._producer.send(f"gigs.{platform_id}", key=key.encode(), value=value, headers=headers).get(30)
        self.offset = int(sent.offset)
        return Partition(self.exchange.exchange.topics.cluster_id(), sent.topic, sent.partition)

    def report(self, facts: Gig, platform_id: str = "", *, cancelled: bool = False) -> None:
        """Publish a gig, keyed by its worker."""
        platform_id = platform_id or self.platform
        headers, value = message(facts, platform_id, cancelled=cancelled)
        self.send(platform_id, value, headers, facts.worker_id)

    def outcomes_of(self, *reports: Gig, cancelled: bool = False, platform_id: str = "") -> Counter[str]:
        """Publish gigs one after another and return what they came to."""
        topic = f"gigs.{platform_id or self.platform}"
        before = self.exchange.outcomes(topic)
        for facts in reports:
            self.report(facts, platform_id, cancelled=cancelled)
        self.exchange.wait_until_taken(topic)
        return self.exchange.outcomes(topic) - before

    def history(self, facts: Gig) -> list[object]:
        """The events of the log that are about this gig, in order."""
        of_gigs = (GigRecorded, ContributionAccrued, ContributionAdjusted, ContributionReversed)
        events = [each.event for each in self.exchange.events()]
        return [event for event in events if isinstance(event, of_gigs) and event.gig.gig_id == facts.gig_id]

    def balance(self, worker_id: str) -> dict[str, int]:
        """What a worker has, by benefit, once the projector has seen it all."""
        self.exchange.wait_until_projected()
        _, rows = self.exchange.exchange.reads.rows(worker_balance.view, {"worker_id": worker_id})
        return {benefit: pending for (_, benefit, _), (pending,) in rows.items() if pending}

    def quarantined(self, at: Partition, offset: int) -> Quarantined:
        """The message in quarantine that came from there."""
        self.exchange.wait_until_taken(at.topic)
        (number,) = self.exchange.sql(
            "select quarantine_id from quarantine where topic = %b and partition = %b and message_offset = %b",
            *(at.topic, at.number, offset),
        )
        found = self.exchange.exchange.reads.quarantined(number[0])
        assert found is not None
        return found


@pytest.fixture(scope="module")
def running(kafka: BrokerSettings, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Processes that this module's tests share; each test has workers and gigs of its own."""
    folder = tmp_path_factory.mktemp("intake")
    producer = KafkaProducer(**kafka.kwargs(), acks="all", linger_ms=0)
    with process_exchange(database, fresh_schema(), kafka, folder) as exchange:
        scene = Running(exchange, producer)
        ingest, projector = exchange.ingest(), exchange.project()
        yield scene
        producer.close()
        assert ingest.end() == 0
        assert projector.end() == 0


@pytest.fixture
def worker() -> str:
    """A worker that no other test knows."""
    return f"w-{uuid4().hex[:8]}"


@pytest.fixture
def trip(worker: str) -> Gig:
    """A gig of that worker which alone reaches the threshold."""
    return gig(f"trip-{uuid4().hex[:8]}", fare=FARE, worker_id=worker)


def changed(facts: Gig, **fields: Any) -> Gig:
    """The next revision of a gig, with these facts changed."""
    return msgspec.structs.replace(facts, revision=facts.revision + 1, **fields)


def test_a_new_gig_is_accrued_for_each_benefit(running: Running, trip: Gig) -> None:
    assert running.outcomes_of(trip) == {"new": 1}
    (event,) = running.history(trip)
    assert isinstance(event, ContributionAccrued)
    assert running.balance(trip.worker_id) == {"retirement": 4_00, "paid_leave": 2_40, "health": 1_60}


def test_a_gig_that_no_program_takes_is_recorded(running: Running, trip: Gig) -> None:
    assert running.outcomes_of(trip, platform_id=running.idle) == {"new": 1}
    (event,) = running.history(trip)
    assert event == GigRecorded(running.idle, trip)


def test_a_gig_reported_twice_is_credited_once(running: Running, trip: Gig) -> None:
    assert running.outcomes_of(trip, trip) == {"new": 1, "duplicate": 1}
    assert running.outcomes_of(trip) == {"duplicate": 1}
    assert sum(running.balance(trip.worker_id).values()) == 8_00


def test_a_revised_gig_accrues_the_difference(running: Running, trip: Gig) -> None:
    assert running.outcomes_of(trip, changed(trip, earnings={"fare": 300_00})) == {"new": 1, "revised": 1}
    first, second = running.history(trip)
    assert isinstance(first, ContributionAccrued)
    assert isinstance(second, ContributionAdjusted)
    assert sum(line.amount_minor for line in second.lines) == 4_00
    assert sum(running.balance(trip.worker_id).values()) == 12_00


def test_a_cancelled_gig_is_reversed_to_zero(running: Running, trip: Gig) -> None:
    running.outcomes_of(trip)
    assert running.outcomes_of(changed(trip), cancelled=True) == {"cancelled": 1}
    _, reversal = running.history(trip)
    assert isinstance(reversal, ContributionReversed)
    assert reversal.reason == "cancelled"
    assert running.balance(trip.worker_id) == {}


def test_a_cancellation_that_comes_first_makes_the_older_revision_stale(running: Running, trip: Gig) -> None:
    assert running.outcomes_of(changed(trip), cancelled=True) == {"cancelled": 1}
    assert running.outcomes_of(trip) == {"stale": 1}
    (reversal,) = running.history(trip)
    assert isinstance(reversal, ContributionReversed)
    assert reversal.lines == ()
    assert running.balance(trip.worker_id) == {}


def test_a_lower_revision_is_stale(running: Running, trip: Gig) -> None:
    assert running.outcomes_of(changed(trip, earnings={"fare": 300_00}), trip) == {"new": 1, "stale": 1}
    assert sum(running.balance(trip.worker_id).values()) == 12_00


def test_the_same_revision_with_other_content_is_a_conflict(running: Running, trip: Gig) -> None:
    running.outcomes_of(trip)
    other = msgspec.structs.replace(trip, earnings={"fare": 1})
    headers, value = message(other, running.platform)
    at = running.send(running.platform, value, headers, trip.worker_id)
    found = running.quarantined(at, running.offset)
    assert found.refused.reason == "conflict"
    assert found.refused.message.value == value
    assert sum(running.balance(trip.worker_id).values()) == 8_00


def test_a_gig_that_moves_to_another_worker_leaves_the_first(running: Running, trip: Gig, worker: str) -> None:
    other = f"{worker}-other"
    running.outcomes_of(trip)
    assert running.outcomes_of(changed(trip, worker_id=other)) == {"revised": 1}
    _, reversal, accrual = running.history(trip)
    assert isinstance(reversal, ContributionReversed)
    assert reversal.reason == "moved"
    assert isinstance(accrual, ContributionAccrued)
    assert running.balance(worker) == {}
    assert sum(running.balance(other).values()) == 8_00


def test_a_gig_that_moves_to_another_week_leaves_the_first(running: Running, trip: Gig) -> None:
    running.outcomes_of(trip)
    assert running.outcomes_of(changed(trip, completed_at=trip.completed_at - timedelta(days=7))) == {"revised": 1}
    accrued, reversal, accrual = running.history(trip)
    assert [each.period for each in (accrued, reversal, accrual)] == ["2023-W26", "2023-W26", "2023-W25"]  # type: ignore[attr-defined]
    assert sum(running.balance(trip.worker_id).values()) == 8_00


def test_a_gig_that_a_program_takes_no_more_is_reversed_there_only(running: Running, trip: Gig) -> None:
    in_new_york = msgspec.structs.replace(trip, jurisdiction="US-NY", service="ride")
    running.outcomes_of(in_new_york, platform_id=running.driving)
    assert running.balance(trip.worker_id)["workers_compensation"] == 6_00
    in_jersey = changed(in_new_york, jurisdiction="US-NJ")
    assert running.outcomes_of(in_jersey, platform_id=running.driving) == {"revised": 1}
    kinds = [(type(event).__name__, event.program_id) for event in running.history(trip)[2:]]  # type: ignore[attr-defined]
    assert sorted(kinds) == [("ContributionAdjusted", "demo-weekly"), ("ContributionReversed", "black-car-fund")]
    assert sum(running.balance(trip.worker_id).values()) == 8_00


def test_what_a_platform_owes_is_what_its_workers_have(running: Running) -> None:
    running.exchange.wait_until_projected()
    reads = running.exchange.exchange.reads
    _, owed = reads.rows(platform_liability.view, {"program_id": "demo-weekly"})
    ((due,),) = running.exchange.sql(
        "select coalesce(sum(pending_minor), 0)::bigint from worker_balance join view on live_version = version"
        " where name = 'worker_balance' and benefit <> 'workers_compensation'"
    )
    assert sum(accrued for (accrued,) in owed.values()) == due > 0


def test_structured_mode_says_the_same_as_binary_mode(running: Running, trip: Gig) -> None:
    about: dict[str, Any] = {"type": "gig.completed.v1", "source": f"/platforms/{running.platform}", "id": "1"}
    data = msgspec.json.encode(trip)
    before = running.exchange.outcomes(f"gigs.{running.platform}")
    for write in (cloudevent, structured_cloudevent):
        headers, value = write(data, subject=trip.worker_id, **about)
        running.send(running.platform, value, headers, trip.worker_id)
    running.exchange.wait_until_taken(f"gigs.{running.platform}")
    came = running.exchange.outcomes(f"gigs.{running.platform}") - before
    assert came == {"new": 1, "duplicate": 1}


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_messages_are_read(running: Running, trip: Gig, compression: str) -> None:
    headers, value = message(trip, running.platform)
    with Publisher(running.exchange.broker, compression=compression) as publisher:
        publisher.send(f"gigs.{running.platform}", trip.worker_id, value, headers)
    running.exchange.wait_until_taken(f"gigs.{running.platform}")
    assert sum(running.balance(trip.worker_id).values()) == 8_00


def test_a_new_topic_is_taken_while_running(running: Running, trip: Gig) -> None:
    platform_id = f"new-{uuid4().hex[:8]}"
    topic = running.exchange.register(platform_id, demo_weekly=WEEKLY)
    running.report(trip, platform_id)
    running.exchange.wait_until_taken(topic, seconds=15)
    assert sum(running.balance(trip.worker_id).values()) == 8_00


def test_messages_of_an_aborted_transaction_are_not_taken(running: Running, trip: Gig, worker: str) -> None:
    # A topic of its own: after a transaction the broker's last offset is a marker that no consumer sees.
    platform_id = f"tx-{uuid4().hex[:8]}"
    topic = running.exchange.register(platform_id, partitions=1, demo_weekly=WEEKLY)
    aborted = msgspec.structs.replace(trip, gig_id=f"{trip.gig_id}-aborted")
    producer = KafkaProducer(**running.exchange.broker.kwargs(), transactional_id=platform_id)
    try:
        producer.init_transactions()
        for facts, finish in ((aborted, producer.abort_transaction), (trip, producer.commit_transaction)):
            producer.begin_transaction()
            headers, value = message(facts, platform_id)
            producer.send(topic, key=worker.encode(), value=value, headers=headers).get(30)
            finish()
    finally:
        producer.close()
    eventually("the committed gig taken", lambda: running.history(trip))
    assert running.history(aborted) == []
    assert running.exchange.outcomes(topic) == {"new": 1}


COORDINATES = {"ce_specversion": "1.0", "ce_id": "1", "ce_type": "gig.completed.v1"}


def with_field(facts: Gig, name: str, value: object) -> bytes:
    """The gig as JSON with one field set to what it may not be (`...`: left out)."""
    fields = msgspec.to_builtins(facts)
    fields.pop(name, None)
    return msgspec.json.encode(fields if value is ... else fields | {name: value})


def with_raw(facts: Gig, old: bytes, new: bytes) -> bytes:
    """The gig as JSON with some bytes replaced."""
    value = msgspec.json.encode(facts)
    assert old in value
    return value.replace(old, new)


FAR = (datetime.now(UTC) + timedelta(days=3)).isoformat()
BROKEN_DATA: dict[str, tuple[Any, str]] = {
    "broken JSON": (lambda facts: msgspec.json.encode(facts)[:-5], "malformed"),
    "an empty value": (lambda _: b"", "malformed"),
    "a missing field": (lambda facts: with_field(facts, "worker_id", ...), "malformed"),
    "a wrong type": (lambda facts: with_field(facts, "gig_id", 7), "malformed"),
    "an amount below zero": (lambda facts: with_field(facts, "earnings", {"fare": -1}), "malformed"),
    "an amount above a trillion": (lambda facts: with_field(facts, "earnings", {"fare": 10**12 + 1}), "malformed"),
    "a float amount": (lambda facts: with_raw(facts, b"20000", b"20000.0"), "malformed"),
    "a boolean amount": (lambda facts: with_field(facts, "earnings", {"fare": True}), "malformed"),
    "an amount of 10^30": (lambda facts: with_raw(facts, b"20000", b"1" + b"0" * 30), "malformed"),
    "engaged for a month and a second": (
        lambda facts: with_field(facts, "engaged_seconds", 31 * 86_400 + 1),
        "malformed",
    ),
    "an unknown currency": (lambda facts: with_field(facts, "currency", "XXQ"), "unknown_currency"),
    "a time without an offset": (lambda facts: with_field(facts, "completed_at", "2023-06-29T22:18:22"), "malformed"),
    "the far future": (lambda facts: with_field(facts, "completed_at", FAR), "out_of_range"),
    "the last century": (lambda facts: with_field(facts, "completed_at", "1999-12-31T23:59:59Z"), "out_of_range"),
    "a component that is no name": (lambda facts: with_field(facts, "earnings", {"Fare!": 1}), "malformed"),
    "a zero byte in an id": (lambda facts: with_field(facts, "gig_id", "a\0b"), "malformed"),
    "invalid UTF-8": (lambda facts: with_raw(facts, facts.gig_id.encode(), b"trip-\xff\xfe"), "malformed"),
    "JSON nested without end": (lambda _: b"[" * 100_000, "malformed"),
}


@pytest.mark.parametrize("kind", BROKEN_DATA)
def test_broken_data_goes_into_quarantine_whole(running: Running, trip: Gig, kind: str) -> None:
    write, reason = BROKEN_DATA[kind]
    headers, _ = message(trip, running.platform)
    headers = [*headers, ("x-trace", b"\x00\xff")]
    value = write(trip)
    at = running.send(running.platform, value, headers, trip.worker_id)
    found = running.quarantined(at, running.offset)
    assert (found.refused.reason, found.state) == (reason, "open")
    assert found.refused.detail
    kept = found.refused.message
    assert (kept.partition, kept.offset) == (at, running.offset)
    assert (kept.key, kept.value, kept.headers) == (trip.worker_id.encode(), value, tuple(headers))
    assert abs((kept.timestamp_ms or 0) / 1000 - datetime.now(UTC).timestamp()) < 3_600
    assert running.history(trip) == []


Envelope = dict[str, str | None]
BROKEN_ENVELOPE: dict[str, tuple[Envelope, str]] = {
    "no attributes": (dict.fromkeys([*COORDINATES, "ce_source", "content-type"]), "not_a_cloudevent"),
    "another version": ({"ce_specversion": "0.3"}, "not_a_cloudevent"),
    "no id": ({"ce_id": ""}, "not_a_cloudevent"),
    "another content type": ({"content-type": "text/xml"}, "not_a_cloudevent"),
    "an unknown type": ({"ce_type": "gig.started.v1"}, "unsupported_type"),
    "another platform's source": ({"ce_source": "/platforms/other"}, "wrong_source"),
    "another worker as subject": ({"ce_subject": "w-somebody-else"}, "malformed"),
    "structured mode without an envelope": ({"content-type": "application/cloudevents+json"}, "not_a_cloudevent"),
}


@pytest.mark.parametrize("kind", BROKEN_ENVELOPE)
def test_a_broken_envelope_goes_into_quarantine(running: Running, trip: Gig, kind: str) -> None:
    attributes, reason = BROKEN_ENVELOPE[kind]
    headers, value = message(trip, running.platform)
    said = {name: part.decode() for name, part in headers} | attributes
    written = [(name, part.encode()) for name, part in said.items() if part is not None]
    at = running.send(running.platform, value, written, trip.worker_id)
    found = running.quarantined(at, running.offset)
    assert found.refused.reason == reason
    assert found.refused.message.headers == tuple(written)
    assert running.history(trip) == []


def test_a_tombstone_goes_into_quarantine(running: Running, trip: Gig) -> None:
    headers, _ = message(trip, running.platform)
    at = running.send(running.platform, None, headers, trip.worker_id)
    found = running.quarantined(at, running.offset)
    assert (found.refused.reason, found.refused.message.value) == ("not_a_cloudevent", None)


@pytest.mark.parametrize(("standing", "reason"), [("unknown", "unknown_platform"), ("suspended", "suspended_platform")])
def test_a_platform_that_may_not_report_goes_into_quarantine(
    running: Running, trip: Gig, standing: str, reason: str
) -> None:
    platform_id = getattr(running, standing)
    headers, value = message(trip, platform_id)
    at = running.send(platform_id, value, headers, trip.worker_id)
    assert running.quarantined(at, running.offset).refused.reason == reason


def test_what_is_in_quarantine_keeps_nobody_waiting(running: Running, trip: Gig) -> None:
    topic = f"gigs.{running.platform}"
    before = running.exchange.outcomes(topic)
    headers, _ = message(trip, running.platform)
    for _ in range(5):
        running.send(running.platform, b"{", headers, trip.worker_id)
    running.report(trip)
    running.exchange.wait_until_taken(topic)
    assert running.exchange.outcomes(topic) - before == {"new": 1, "quarantined": 5}


def test_each_message_was_counted_once_and_nothing_was_a_defect(running: Running) -> None:
    topics = [f"gigs.{running.platform}", f"gigs.{running.driving}", f"gigs.{running.idle}"]
    running.exchange.wait_until_taken(*topics)
    for topic in topics:
        sent = sum(held.end for held in running.exchange.ranges(topic).values())
        assert running.exchange.outcomes(topic).total() == sent
    assert running.exchange.sql("select 1 from quarantine where reason = 'defect'") == []


def test_sigterm_finishes_the_batch_and_leaves_the_group(kafka: BrokerSettings, database: str, tmp_path: Path) -> None:
    platform_id = f"term-{uuid4().hex[:8]}"
    session_ms = 60_000
    with process_exchange(database, fresh_schema(), kafka, tmp_path) as exchange:
        topic = exchange.register(platform_id, demo_weekly=WEEKLY)
        first = exchange.ingest(session_timeout_ms=session_ms, batch_size=100)
        with Publisher(kafka) as publisher:
            for number in range(3_000):
                headers, value = message(gig(f"g-{number}", worker_id=f"w-{number % 300}"), platform_id)
                publisher.send(topic, f"w-{number % 300}", value, headers)
        eventually("the first batches", lambda: exchange.outcomes(topic))
        assert first.end() == 0
        exchange.ingest(session_timeout_ms=session_ms)
        # Had the first not left, the second would wait out its session of a minute.
        exchange.wait_until_taken(topic, seconds=40)
        assert exchange.outcomes(topic) == {"new": 3_000}
        for at in exchange.ranges(topic):
            assert_contiguous(exchange.intake(at))


def assert_contiguous(intake: list[object]) -> None:
    """Each batch began where the one before it ended."""
    reached = 0
    for event in intake:
        if isinstance(event, IntakeRecorded):
            if event.from_offset != reached:
                raise InvariantBroken(f"from {event.from_offset} after {reached}")
            reached = event.to_offset
