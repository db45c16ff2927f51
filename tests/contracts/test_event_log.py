"""The log on a real PostgreSQL: what it promises to deciders, to ingest, to whoever follows it, and to the library."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date
from threading import Barrier, Event
from typing import Any

import msgspec
import pytest

from domain import platform
from domain.configuration import Configuration
from domain.desk import EMPTY, Desk, GigKey, prepare
from domain.gig import GigReport
from domain.identifiers import platform_stream
from domain.message import Message, OffsetClaim, Partition, QuarantinedMessage
from domain.platform import JoinProgram, PlatformReinstated, PlatformSuspended, RegisterPlatform
from domain.recorded import NewEvent, Recorded
from domain.registry import EventRef, RegisteredGig
from domain.rejections import Conflict, InvariantBroken, Unavailable
from infra.event_log.log import ExchangeLog
from infra.event_log.mapper import StreamEvent
from infra.postgres import schema
from infra.postgres.datastore import DatabaseSettings, Datastore
from infra.postgres.offsets import accept_gap, take_over
from infra.postgres.reads import Reads
from infra.postgres.views import ViewRecorder
from projections.catalogue import VIEWS
from projections.view import Key, Values
from services.projector import Projector
from services.replay import rebuild, replay
from tests.support.gigs import NOW, TENTH, configuration, gig, report, versions
from tests.support.postgres_server import fresh_schema

STREAM = "platform:acme"
AT = Partition("cluster", "gigs.acme", 0)


@pytest.fixture
def log(database: str) -> Iterator[ExchangeLog]:
    """An empty log in a schema of its own."""
    datastore = Datastore(DatabaseSettings(database, schema=fresh_schema(), pool_size=16))
    schema.migrate(datastore)
    yield ExchangeLog(datastore)
    datastore.close()


@pytest.fixture
def views(log: ExchangeLog) -> ViewRecorder:
    """The views of that log, at position 0."""
    recorder = ViewRecorder(log.datastore)
    recorder.ensure(VIEWS)
    return recorder


def events(stream: str, first: int, count: int) -> list[NewEvent]:
    """Events of one stream under successive versions."""
    return [NewEvent(stream, first + number, PlatformSuspended(f"{first + number}")) for number in range(count)]


def append(log: ExchangeLog, *new: NewEvent) -> None:
    """Append in one transaction."""
    with log.transaction() as transaction:
        transaction.append(new, NOW)


def stored(log: ExchangeLog, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    """The rows of a statement on the log's schema."""
    return log.datastore.read(statement, *parameters)


# Streams and positions


def test_what_was_appended_is_read_in_order_with_all_that_is_known_of_it(log: ExchangeLog) -> None:
    with log.transaction() as transaction:
        transaction.append([*events(STREAM, 1, 2), *events("platform:bolt", 1, 1)], NOW, actor="ada")
    assert [(each.stream, each.version) for each in log.after(0, 10)] == [
        (STREAM, 1),
        (STREAM, 2),
        ("platform:bolt", 1),
    ]
    first, second = log.stream(STREAM)
    assert first == Recorded(first.position, STREAM, 1, NOW, "ada", PlatformSuspended("1"))
    assert second.position > first.position
    assert log.head() == log.after(0, 10)[-1].position
    assert log.after(second.position, 10)[0].stream == "platform:bolt"
    assert log.after(0, 1) == [first]


def test_an_empty_log_stands_at_position_zero(log: ExchangeLog) -> None:
    assert (log.head(), log.after(0, 10), log.stream(STREAM)) == (0, [], [])


def test_heads_are_the_latest_events_and_events_are_found_where_they_stand(log: ExchangeLog) -> None:
    append(log, *events(STREAM, 1, 3), *events("platform:bolt", 1, 1))
    with log.transaction() as transaction:
        heads = transaction.heads([STREAM, "platform:bolt", "platform:none"])
        found = transaction.events_at([EventRef(STREAM, 2), EventRef(STREAM, 9)])
    assert heads == {EventRef(STREAM, 3): PlatformSuspended("3"), EventRef("platform:bolt", 1): PlatformSuspended("1")}
    assert found == {EventRef(STREAM, 2): PlatformSuspended("2")}


def test_a_corrupt_event_is_handed_out_as_an_error_beside_the_others(log: ExchangeLog) -> None:
    append(log, *events(STREAM, 1, 1), *events("platform:bolt", 1, 1))
    stored(log, "update exchange_events set state = '{' where originator_id = %b returning 1", STREAM)
    with log.transaction() as transaction:
        heads = transaction.heads([STREAM, "platform:bolt"])
    assert isinstance(heads[EventRef(STREAM, 1)], InvariantBroken)
    assert heads[EventRef("platform:bolt", 1)] == PlatformSuspended("1")
    with pytest.raises(InvariantBroken, match="position 1"):
        log.after(0, 10)


def test_streams_are_read_whole_with_an_error_in_place_of_what_is_corrupt(log: ExchangeLog) -> None:
    append(log, *events(STREAM, 1, 3), *events("platform:bolt", 1, 1))
    stored(log, "update exchange_events set state = '{' where originator_version = 2 returning 1")
    with log.transaction() as transaction:
        found = transaction.streams([STREAM, "platform:bolt", "platform:none", STREAM])
    first, broken, third = found[STREAM]
    assert (first, third) == (PlatformSuspended("1"), PlatformSuspended("3"))
    assert isinstance(broken, InvariantBroken)
    assert (found["platform:bolt"], found["platform:none"]) == ([PlatformSuspended("1")], [])


def test_streams_are_listed_by_worker_and_no_worker_is_cut_in_two(log: ExchangeLog) -> None:
    reads = Reads(log.datastore)
    streams = [f"work:acme:w-{worker}:none:2023-0{month}" for worker in (2, 1, 3) for month in (6, 5)]
    append(log, *[new for stream in streams for new in events(stream, 1, 2)], *events(STREAM, 1, 1))
    first = reads.worker_streams("", 3)
    assert sorted(first) == sorted((f"w-{stream[12]}", stream) for stream in streams if stream[12] in "12")
    assert sorted(reads.worker_streams("w-2", 3)) == sorted(("w-3", stream) for stream in streams if stream[12] == "3")
    assert reads.worker_streams("w-3", 3) == []


def test_a_version_that_is_taken_is_a_conflict_and_nothing_is_written(log: ExchangeLog) -> None:
    append(log, *events(STREAM, 1, 2))
    with pytest.raises(Conflict):
        append(log, *events("platform:bolt", 1, 1), *events(STREAM, 2, 1))
    assert [each.stream for each in log.after(0, 10)] == [STREAM, STREAM]


def test_a_transaction_that_fails_leaves_nothing(log: ExchangeLog) -> None:
    def fail() -> None:
        with log.transaction() as transaction:
            transaction.append(events(STREAM, 1, 1), NOW)
            raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        fail()
    assert log.head() == 0


@pytest.mark.parametrize("through", ["transaction", "library"])
def test_a_reader_that_follows_positions_misses_nothing_while_eight_append(log: ExchangeLog, through: str) -> None:
    writers, batches = 8, 25
    ready, done = Barrier(writers), Event()

    def write(writer: int) -> int:
        rnd, stream, version = random.Random(writer), f"platform:{writer}", 1
        ready.wait()
        for _ in range(batches):
            count = rnd.randrange(1, 6)
            if through == "library":
                log.save(
                    *[
                        StreamEvent(each.stream, each.version, NOW, each.event)
                        for each in events(stream, version, count)
                    ]
                )
            else:
                append(log, *events(stream, version, count))
            version += count
        return version - 1

    def follow() -> list[Recorded]:
        seen: list[Recorded] = []
        while True:
            last_round = done.is_set()
            while page := log.after(seen[-1].position if seen else 0, 7):
                seen += page
            if last_round:
                return seen

    with ThreadPoolExecutor(writers + 1) as pool:
        following = pool.submit(follow)
        writing = [pool.submit(write, writer) for writer in range(writers)]
        wait(writing)
        done.set()
        written = {f"platform:{writer}": each.result() for writer, each in enumerate(writing)}
        seen = following.result()
    positions = [each.position for each in seen]
    assert positions == sorted(set(positions))
    assert {(each.stream, each.version) for each in seen} == {
        (stream, version) for stream, last in written.items() for version in range(1, last + 1)
    }
    assert len(seen) == sum(written.values())


def test_of_two_that_decide_on_the_same_state_one_has_to_decide_anew(log: ExchangeLog) -> None:
    ready = Barrier(2)

    def write(_: int) -> bool:
        ready.wait()
        try:
            append(log, *events(STREAM, 1, 1))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, range(2))) == [False, True]


def test_a_worker_finds_all_streams_of_theirs(log: ExchangeLog) -> None:
    streams = ["work:acme:w-1:tenth:2023-06", "work:bolt:w-1:none:2023-06", "work:acme:w-2:tenth:2023-06"]
    append(log, *[NewEvent(stream, 1, PlatformReinstated()) for stream in streams])
    append(log, *[NewEvent(stream, 2, PlatformReinstated()) for stream in streams])
    assert stored(log, "select stream from worker_stream where worker_id = 'w-1' order by 1") == [
        (stream,) for stream in streams[:2]
    ]


# The library's own paths


def test_the_library_saves_to_the_log_and_reads_it(log: ExchangeLog) -> None:
    recordings = log.save(
        StreamEvent(STREAM, 1, NOW, PlatformSuspended("late"), "ada"), StreamEvent(STREAM, 2, NOW, PlatformReinstated())
    )
    assert [each.notification.id for each in recordings] == [each.position for each in log.stream(STREAM)]
    found: Any = log.repository.get(STREAM, projector_func=history)
    assert [each.event for each in found] == [PlatformSuspended("late"), PlatformReinstated()]
    assert found[0].actor == "ada"
    notified = log.notification_log.select(start=1, limit=10)
    assert [(each.originator_id, each.originator_version, each.topic) for each in notified] == [
        (STREAM, 1, "platform.suspended.v1"),
        (STREAM, 2, "platform.reinstated.v1"),
    ]


def history(_initial: Any, events: Any) -> Any:
    """A projection as the library calls it, which keeps the events themselves."""
    return list(events)


def test_the_library_is_refused_a_version_that_is_taken(log: ExchangeLog) -> None:
    append(log, *events(STREAM, 1, 1))
    with pytest.raises(Conflict):
        log.save(StreamEvent(STREAM, 1, NOW, PlatformReinstated()))


def test_a_command_is_decided_on_the_whole_stream(log: ExchangeLog) -> None:
    for command in (RegisterPlatform("acme", "Acme"), JoinProgram("tenth", "month", date(2023, 1, 1))):
        with log.transaction() as transaction:
            transaction.raise_epoch()
            transaction.execute(platform.decider, platform_stream("acme"), command, now=NOW)
    with log.transaction() as transaction:
        state, again = transaction.execute(platform.decider, STREAM, RegisterPlatform("acme", "Acme"), now=NOW)
    assert again == []
    assert state.is_member("tenth", date(2023, 6, 1))
    assert log.configuration().platforms == {"acme": state}
    assert log.configuration().epoch == 2


# The configuration's epoch


def test_a_change_of_configuration_waits_for_batches_that_share_it(log: ExchangeLog, database: str) -> None:
    with log.transaction() as batch:
        assert batch.share_epoch() == 0
        impatient = DatabaseSettings(database, schema=log.datastore.schema, lock_timeout_ms=200)
        other = ExchangeLog(Datastore(impatient))
        with pytest.raises(Unavailable, match="lock timeout"), other.transaction() as change:
            change.raise_epoch()
        with other.transaction() as reader:
            assert reader.share_epoch() == 0
        other.datastore.close()
    with log.transaction() as change:
        assert change.raise_epoch() == 1


# Offsets


def claim(epoch: int, old: int, new: int) -> OffsetClaim:
    """A claim on the one partition of these tests."""
    return OffsetClaim(AT, epoch, old, new)


def own(log: ExchangeLog, topic_id: str = "t-1") -> tuple[int, int]:
    """Take the partition over; returns epoch and next offset."""
    with log.transaction() as transaction:
        (assignment,) = take_over(transaction, [(AT, topic_id)], NOW)
    return assignment.epoch, assignment.next_offset


def move(log: ExchangeLog, *claims: OffsetClaim) -> dict[Partition, int]:
    """Move offsets on in a transaction of their own."""
    with log.transaction() as transaction:
        return transaction.take_offsets(claims)


def test_offsets_move_for_their_owner_and_from_where_they_stand(log: ExchangeLog) -> None:
    epoch, start = own(log)
    assert start == 0
    assert move(log, claim(epoch, 0, 10)) == {AT: 2}
    assert move(log, claim(epoch, 0, 10)) == {}
    assert move(log, claim(epoch, 5, 20)) == {}
    assert move(log, claim(epoch, 10, 20)) == {AT: 3}
    assert own(log) == (epoch + 1, 20)


def test_a_new_owner_fences_the_former_one(log: ExchangeLog) -> None:
    first, _ = own(log)
    second, _ = own(log)
    assert second > first
    assert move(log, claim(first, 0, 10)) == {}
    assert move(log, claim(second, 0, 10)) == {AT: 2}


def test_partitions_of_one_batch_are_fenced_one_by_one(log: ExchangeLog) -> None:
    other = Partition("cluster", "gigs.acme", 1)
    with log.transaction() as transaction:
        one, two = take_over(transaction, [(AT, "t-1"), (other, "t-1")], NOW)
    own(log)
    claims = [OffsetClaim(AT, one.epoch, 0, 5), OffsetClaim(other, two.epoch, 0, 5)]
    assert move(log, *claims) == {other: 2}


def test_a_new_topic_of_the_same_name_begins_at_zero_with_an_event(log: ExchangeLog) -> None:
    epoch, _ = own(log)
    move(log, claim(epoch, 0, 10))
    assert own(log, "t-2") == (epoch + 1, 0)
    reasons = [each.event.reason for each in log.stream("intake:cluster:gigs.acme:0")]  # type: ignore[attr-defined]
    assert reasons == ["new", "recreated"]


def test_taking_over_again_writes_no_event(log: ExchangeLog) -> None:
    for _ in range(3):
        own(log)
    assert len(log.stream("intake:cluster:gigs.acme:0")) == 1


def test_a_gap_is_accepted_aloud_and_fences_the_owner(log: ExchangeLog) -> None:
    epoch, _ = own(log)
    move(log, claim(epoch, 0, 10))
    with log.transaction() as transaction:
        accept_gap(transaction, AT, 50, NOW, "ada")
    assert move(log, claim(epoch, 10, 20)) == {}
    assert own(log) == (epoch + 2, 50)
    assert log.after(0, 10)[-1].actor == "ada"


def test_many_that_take_over_at_once_get_different_epochs(log: ExchangeLog) -> None:
    own(log)
    with ThreadPoolExecutor(8) as pool:
        epochs = [epoch for epoch, _ in pool.map(lambda _: own(log), range(16))]
    assert sorted(epochs) == list(range(2, 18))


def test_many_that_take_over_a_new_partition_at_once_never_share_an_epoch(log: ExchangeLog) -> None:
    ready = Barrier(4)

    def first(_: int) -> int | None:
        ready.wait()
        try:
            return own(log)[0]
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as pool:
        epochs = [epoch for epoch in pool.map(first, range(4)) if epoch is not None]
    assert len(set(epochs)) == len(epochs) >= 1
    assert len(log.stream("intake:cluster:gigs.acme:0")) == 1


# The registry


KEY: GigKey = ("acme", "g-1")
ROW = RegisteredGig(0, False, b"digest", (EventRef("work:acme:w-1:tenth:2023-06", 1),))


def test_the_registry_keeps_what_was_reported_last(log: ExchangeLog) -> None:
    with log.transaction() as transaction:
        transaction.register({KEY: ROW})
    revised = RegisteredGig(1, True, b"other", (*ROW.events, EventRef("work:acme:w-2:tenth:2023-06", 1)))
    with log.transaction() as transaction:
        assert transaction.registered([KEY, ("acme", "g-2")]) == {KEY: ROW}
        transaction.reregister({KEY: revised})
    with log.transaction() as transaction:
        assert transaction.registered([KEY]) == {KEY: revised}


def test_a_gig_registered_by_two_is_a_conflict_for_one(log: ExchangeLog) -> None:
    with log.transaction() as transaction:
        transaction.register({KEY: ROW})
    with pytest.raises(Conflict), log.transaction() as transaction:
        transaction.register({KEY: ROW})


def test_a_row_that_is_being_corrected_is_waited_for(log: ExchangeLog, database: str) -> None:
    with log.transaction() as transaction:
        transaction.register({KEY: ROW})
    impatient = ExchangeLog(Datastore(DatabaseSettings(database, schema=log.datastore.schema, lock_timeout_ms=200)))
    with log.transaction() as transaction:
        transaction.registered([KEY])
        with pytest.raises(Unavailable, match="lock timeout"), impatient.transaction() as other:
            other.registered([KEY])
    impatient.datastore.close()


# Quarantine


def test_rows_can_be_read_without_a_lock(log: ExchangeLog) -> None:
    row = RegisteredGig(0, False, b"d", (EventRef("work:acme:w-1:none:2023-06", 1),))
    with log.transaction() as transaction:
        transaction.register({("acme", "trip-1"): row})
    with log.transaction() as holding:
        holding.registered([("acme", "trip-1")])
        with log.transaction() as transaction:
            assert transaction.registered([("acme", "trip-1")], lock=False) == {("acme", "trip-1"): row}


# Whoever follows programs and platforms


def test_changes_of_programs_and_platforms_come_in_order_and_nothing_else_does(log: ExchangeLog) -> None:
    take(log, *trips(1, 1))
    append(log, *events("platform:bolt", 1, 1), *events("program:alia", 1, 1), *events(STREAM, 1, 2))
    with log.transaction() as transaction:
        found = transaction.changes_after(0)
        assert [each.stream for each in found] == ["platform:bolt", "program:alia", STREAM, STREAM]
        assert transaction.changes_after(found[1].position) == found[2:]
        assert transaction.changes_after(found[-1].position) == []


def test_a_follower_is_remembered_and_never_goes_back(log: ExchangeLog) -> None:
    with log.transaction() as transaction:
        assert transaction.followed("reassessment") == 0
        transaction.follow("reassessment", 7)
        transaction.follow("reassessment", 3)
    with log.transaction() as transaction:
        assert (transaction.followed("reassessment"), transaction.followed("another")) == (7, 0)


def test_a_message_is_kept_once_and_whole(log: ExchangeLog) -> None:
    message = Message(AT, "t-1", 7, 1_700_000_000_000, None, b"\x00\xff", (("trace", b"\xff"), ("empty", None)))
    for reason in ("malformed", "defect"):
        with log.transaction() as transaction:
            transaction.quarantine([QuarantinedMessage(message, reason, "why")], NOW)
    assert stored(log, "select reason, message_offset, message_value, message_key from quarantine") == [
        ("malformed", 7, b"\x00\xff", None)
    ]


# A process that stops inside its transaction


def test_a_transaction_left_idle_is_taken_away_and_frees_its_locks(database: str) -> None:
    settings = DatabaseSettings(database, schema=fresh_schema(), idle_in_transaction_timeout_ms=300)
    datastore = Datastore(settings)
    schema.migrate(datastore)
    log = ExchangeLog(datastore)
    released = Event()

    def sleep_inside() -> None:
        with log.transaction() as sleeper:
            sleeper.append(events(STREAM, 1, 1), NOW)
            # The append lock is held, and nothing more is said; another append gets it all the same.
            append(log, *events("platform:bolt", 1, 1))
            released.set()
            sleeper.share_epoch()

    with pytest.raises(Unavailable):
        sleep_inside()
    assert released.is_set()
    assert [each.stream for each in log.after(0, 10)] == ["platform:bolt"]
    datastore.close()


def test_a_database_that_is_not_there_is_unavailable() -> None:
    datastore = Datastore(DatabaseSettings("postgresql://nobody@127.0.0.1:1/none", pool_size=1))
    datastore.pool.timeout = 1.0
    with pytest.raises(Unavailable), datastore.transact():
        pass
    datastore.close()


# Views


CONFIGURATION: Configuration = configuration([versions(TENTH)], {"acme": ["tenth"]})


def take(log: ExchangeLog, *reports: GigReport) -> None:
    """Take new gigs into the log."""
    ready = [prepare(CONFIGURATION, each) for each in reports]
    desk = Desk(CONFIGURATION, {step.stream: EMPTY for each in ready for step in each.steps}, {}, {})
    for prepared in ready:
        desk.take(prepared)
    append(log, *desk.new_events)


def trips(first: int, count: int) -> list[GigReport]:
    """New gigs of as many workers, so that each begins a stream."""
    numbers = range(first, first + count)
    return [report(gig(f"g-{number}", worker_id=f"w-{number}"), "acme") for number in numbers]


def project(log: ExchangeLog, views: ViewRecorder) -> None:
    """Fold what is there."""
    projector = Projector(log, views, lambda _: None)
    while projector.step():
        pass


def balances(log: ExchangeLog) -> int:
    """How much the live version of the workers' balances holds, in minor units."""
    ((total,),) = stored(
        log,
        "select coalesce(sum(pending_minor), 0)::bigint from worker_balance join view on live_version = version"
        " where name = 'worker_balance'",
    )
    assert isinstance(total, int)
    return total


def tracked(log: ExchangeLog) -> list[str]:
    """The versions of views that have a position."""
    return [str(name) for (name,) in stored(log, "select application_name from exchange_tracking order by 1")]


def ignore(_reached: int, _total: int) -> None:
    """Progress that nobody watches."""


def test_views_move_only_from_where_they_stand(log: ExchangeLog, views: ViewRecorder) -> None:
    view = VIEWS[0]
    live, position = views.live(VIEWS)[view.name]
    assert position == 0
    row: dict[Key, Values] = {("w-1", "retirement", "USD"): (5,)}
    views.write([(view, live, row)], 0, 10)
    with pytest.raises(Conflict, match="does not stand at position 0 any more"):
        views.write([(view, live, row)], 0, 10)
    views.write([(view, live, row)], 10, 20)
    assert views.live(VIEWS)[view.name] == (live, 20)
    assert balances(log) == 10


def test_two_projectors_fold_each_event_once(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 50))
    ready = Barrier(2)

    def run(_: int) -> None:
        ready.wait()
        projector = Projector(log, views, lambda _: None)
        while True:
            try:
                if not projector.step():
                    return
            except Conflict:
                continue

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
    assert balances(log) == 50 * 100
    assert replay(log, views, ignore).differences == []


def test_a_rebuild_takes_the_place_of_equal_views(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 30))
    project(log, views)
    found = rebuild(log, views, ignore)
    assert (found.differences, found.events, found.rows["worker_balance"]) == ([], 30, 30)
    assert tracked(log) == ["platform_liability.2", "worker_balance.2", "worker_source.2"]
    assert balances(log) == 30 * 100
    take(log, *trips(30, 1))
    project(log, views)
    assert replay(log, views, ignore).differences == []


def test_a_rebuild_that_differs_switches_only_when_accepted(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 3))
    project(log, views)
    stored(log, "update worker_balance set pending_minor = 7 where worker_id = 'w-1' returning 1")
    refused = rebuild(log, views, ignore)
    ((view, key, old, new),) = [msgspec.structs.astuple(each) for each in refused.differences]
    assert (view, key, old, new) == ("worker_balance", ("w-1", "retirement", "USD"), (7,), (100,))
    assert balances(log) == 207
    assert tracked(log) == ["platform_liability.1", "worker_balance.1", "worker_source.1"]
    accepted = rebuild(log, views, ignore, accept_differences=True)
    assert accepted.differences == refused.differences
    assert balances(log) == 300


def test_a_rebuild_waits_for_views_that_are_behind(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 5))
    new = views.begin(VIEWS)
    assert views.switch(VIEWS, new, log.head(), accept_differences=True) is None
    with pytest.raises(Conflict, match="moved on"):
        rebuild(log, views, ignore)
    assert tracked(log) == ["platform_liability.1", "worker_balance.1", "worker_source.1"]


def test_the_projector_goes_on_while_views_are_rebuilt(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 200))
    done = Event()

    def follow() -> None:
        projector = Projector(log, views, lambda _: None)
        number = 200
        while not done.is_set():
            take(log, *trips(number, 1))
            number += 1
            try:
                projector.step()
            except Conflict:
                continue

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        try:
            found = rebuild(log, views, ignore)
        finally:
            done.set()
        following.result()
    assert found.differences == []
    project(log, views)
    assert replay(log, views, ignore).differences == []


def test_versions_that_a_killed_rebuild_left_are_cleaned_by_the_next(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 2))
    project(log, views)
    orphan = views.begin(VIEWS)
    views.write([(VIEWS[0], orphan[VIEWS[0].name], {("w-9", "health", "USD"): (1,)})], 0, 1)
    rebuild(log, views, ignore)
    assert tracked(log) == ["platform_liability.3", "worker_balance.3", "worker_source.3"]
    assert stored(log, "select distinct version from worker_balance") == [(3,)]


def test_a_replay_says_where_a_stored_view_differs(log: ExchangeLog, views: ViewRecorder) -> None:
    take(log, *trips(0, 2))
    project(log, views)
    stored(log, "delete from worker_source where worker_id = 'w-1' returning 1")
    found = replay(log, views, ignore)
    assert [(each.view, each.key[0], each.stored) for each in found.differences] == [("worker_source", "w-1", None)]
    assert found.position == log.head()


# The schema


def test_migrating_twice_changes_nothing_and_many_may_do_it_at_once(database: str) -> None:
    settings = DatabaseSettings(database, schema=fresh_schema(), pool_size=2)
    stores = [Datastore(settings) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(schema.migrate, stores))
    assert sorted(map(len, applied)) == [0, 0, 0, len(schema.migrations())]
    assert schema.migrate(stores[0]) == []
    schema.check(stores[0])
    for store in stores:
        store.close()


def test_a_schema_that_is_newer_or_another_is_refused(log: ExchangeLog) -> None:
    stored(log, "insert into schema_migration (number, name, digest) values (9999, '9999_later', 'x') returning 1")
    with pytest.raises(schema.SchemaMismatch, match="9999_later"):
        schema.migrate(log.datastore)
    stored(log, "delete from schema_migration where number = 9999 returning 1")
    stored(log, "update schema_migration set digest = 'x' where number = 1 returning 1")
    with pytest.raises(schema.SchemaMismatch, match="is not the one"):
        schema.check(log.datastore)


def test_a_schema_without_an_exchange_is_refused(database: str) -> None:
    datastore = Datastore(DatabaseSettings(database, schema=fresh_schema()))
    with pytest.raises(schema.SchemaMismatch):
        schema.check(datastore)
    datastore.close()
