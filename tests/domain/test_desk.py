"""The desk takes reports one after another: whole or not at all, and each gig once."""

from datetime import datetime
from typing import Any

import pytest

from domain.desk import EMPTY, Desk, Head, head, prepare
from domain.gig import GigReport
from domain.identifiers import work_stream
from domain.platform import PlatformReinstated
from domain.recorded import NewEvent
from domain.registry import ConflictingReport, EventRef, RegisteredGig, Step
from domain.rejections import InvariantBroken
from domain.work_period import ContributionAccrued, ContributionAdjusted, ContributionReversed, ReverseGig
from tests.support.gigs import TENTH as TENTH_TEXT
from tests.support.gigs import configuration, gig, report, shipped, versions
from tests.support.memory_exchange import MemoryExchange

TENTH = versions()
EXCHANGE = configuration(
    [TENTH, shipped("demo-weekly")], {"uber": ["tenth"], "lyft": ["tenth", "demo-weekly"], "idle": []}
)
JUNE = work_stream("uber", "w-1", "tenth", "2023-06")
JULY = work_stream("uber", "w-1", "tenth", "2023-07")


def revised(revision: int = 1, **fields: Any) -> GigReport:
    return report(gig(revision=revision, **fields))


def exchange(*said: GigReport) -> MemoryExchange:
    """An exchange that took these reports one by one."""
    there = MemoryExchange(EXCHANGE)
    there.take_in_batches(said, 1)
    return there


def written(new_events: list[NewEvent]) -> list[tuple[str, int, type]]:
    return [(new.stream, new.version, type(new.event)) for new in new_events]


# An exchange that knows nothing


def test_a_new_gig_is_written_to_every_stream_that_it_counts_in() -> None:
    assert written(exchange(report(gig(), "lyft")).log) == [
        (work_stream("lyft", "w-1", "tenth", "2023-06"), 1, ContributionAccrued),
        (work_stream("lyft", "w-1", "demo-weekly", "2023-W26"), 1, ContributionAccrued),
    ]


def test_a_gig_reported_twice_is_credited_once() -> None:
    there = MemoryExchange(EXCHANGE)
    assert there.take(report(gig()), report(gig())) == ["new", "duplicate"]
    assert there.take(report(gig())) == ["duplicate"]
    assert written(there.log) == [(JUNE, 1, ContributionAccrued)]


def test_the_same_gig_id_on_two_platforms_is_two_gigs() -> None:
    there = MemoryExchange(EXCHANGE)
    assert there.take(report(gig()), report(gig(), "lyft")) == ["new", "new"]


def test_gigs_of_one_batch_see_each_other() -> None:
    there = MemoryExchange(EXCHANGE)
    there.take(report(gig("trip-1")), report(gig("trip-2")), report(gig("trip-3")))
    assert [
        line.entitled_minor for events in there.contributions().values() for event in events for line in event.lines
    ] == [
        1_00,
        2_00,
        3_00,
    ]


# An exchange that knows a gig


def test_a_correction_in_the_same_stream_adjusts() -> None:
    there = exchange(report(gig()))
    assert there.take(revised(fare=12_00)) == ["revised"]
    assert written(there.log)[1:] == [(JUNE, 2, ContributionAdjusted)]


def test_a_correction_to_another_period_is_written_to_both_streams_at_once() -> None:
    there = exchange(report(gig()))
    assert there.take(revised(completed_at=datetime.fromisoformat("2023-07-01T09:00:00-04:00"))) == ["revised"]
    assert written(there.log)[1:] == [(JUNE, 2, ContributionReversed), (JULY, 1, ContributionAccrued)]


def test_a_gig_may_be_reported_corrected_and_cancelled_within_one_batch() -> None:
    there = MemoryExchange(EXCHANGE)
    cancellation = report(gig(revision=2, fare=12_00), cancelled=True)
    assert there.take(report(gig()), revised(fare=12_00), cancellation, report(gig())) == [
        "new",
        "revised",
        "cancelled",
        "stale",
    ]
    assert (there.accrued(), there.totals()) == ({}, {})


def test_a_gig_whose_cancellation_came_first_is_stale_when_it_arrives() -> None:
    there = MemoryExchange(EXCHANGE)
    assert there.take(report(gig(revision=1), cancelled=True)) == ["cancelled"]
    assert there.take(report(gig())) == ["stale"]
    assert written(there.log) == [(JUNE, 1, ContributionReversed)]
    assert there.accrued() == {}


def test_a_conflicting_report_leaves_everything_as_it_was() -> None:
    there = exchange(report(gig()))
    desk = Desk(EXCHANGE, {}, there.registry, {})
    with pytest.raises(ConflictingReport):
        desk.take(prepare(EXCHANGE, report(gig(fare=99_00))))
    assert (desk.new_events, desk.registered) == ([], {})


# Corruption


def test_a_corrupt_stream_refuses_its_own_gigs_and_the_others_go_on() -> None:
    sound = work_stream("uber", "w-2", "tenth", "2023-06")
    desk = Desk(EXCHANGE, {JUNE: InvariantBroken("unreadable"), sound: EMPTY}, {}, {})
    with pytest.raises(InvariantBroken):
        desk.take(prepare(EXCHANGE, report(gig("trip-1"))))
    assert desk.take(prepare(EXCHANGE, report(gig("trip-2", worker_id="w-2")))) == "new"
    assert [new.stream for new in desk.new_events] == [sound]


def test_a_stream_that_was_not_read_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(InvariantBroken, match="was not read"):
        Desk(EXCHANGE, {}, {}, {}).take(prepare(EXCHANGE, report(gig())))


def test_a_report_is_taken_whole_or_not_at_all() -> None:
    weekly = work_stream("lyft", "w-1", "demo-weekly", "2023-W26")
    desk = Desk(EXCHANGE, {weekly: InvariantBroken("unreadable")}, {}, {})
    with pytest.raises(InvariantBroken):
        desk.take(prepare(EXCHANGE, report(gig(), "lyft")))
    assert (desk.new_events, desk.new_heads, desk.registered) == ([], {}, {})


def test_a_correction_whose_earlier_facts_cannot_be_read_is_refused() -> None:
    there = exchange(report(gig()))
    lost = {ref: InvariantBroken("unreadable") for row in there.registry.values() for ref in row.events}
    desk = Desk(EXCHANGE, {}, there.registry, lost)
    with pytest.raises(InvariantBroken):
        desk.take(prepare(EXCHANGE, revised()))


def test_the_latest_event_of_a_stream_is_where_it_stands() -> None:
    there = exchange(report(gig()), report(gig("trip-2")))
    assert head(2, there.streams[JUNE][-1]).version == 2
    recorded = exchange(report(gig(), "idle"))
    assert isinstance(head(1, *[new.event for new in recorded.log]), Head)
    with pytest.raises(InvariantBroken, match="PlatformReinstated"):
        head(3, PlatformReinstated())


# A gig that is looked at again


def test_steps_are_carried_out_one_after_another_and_the_row_names_their_events() -> None:
    there = exchange(report(gig("trip-1")), report(gig("trip-2")))
    again = Desk(EXCHANGE, {JUNE: head(2, there.streams[JUNE][-1]), JULY: EMPTY}, there.registry, {})
    said = report(gig("trip-1"))
    (prepared,) = prepare(EXCHANGE, said).steps
    out = ReverseGig("uber", said.gig, 0, said.gig, "moved", "2023-06", EXCHANGE.assessors("tenth"))
    refs = [*again.carry_out(Step(JUNE, out)), *again.carry_out(prepared)]
    assert refs == [EventRef(JUNE, 3), EventRef(JUNE, 4)]
    again.reregister(said, refs)
    assert again.registered == {("uber", "trip-1"): RegisteredGig(0, False, said.digest, (EventRef(JUNE, 4),))}
    assert written(again.new_events) == [(JUNE, 3, ContributionReversed), (JUNE, 4, ContributionAccrued)]


def test_a_gig_of_a_class_that_a_later_version_dropped_can_still_be_cancelled() -> None:
    by_class = '{ by_vehicle_class = { car = "10 %", bike = "5 %" } }'
    first = versions(TENTH_TEXT.replace('"10 %"', by_class))
    exchange = MemoryExchange(configuration([first], {"uber": ["tenth"]}))
    exchange.take(report(gig(vehicle_class="bike", fare=10_00)))
    (second,) = versions(TENTH_TEXT.replace('"10 %"', by_class.replace(', bike = "5 %"', "")), version=2)
    exchange.configuration = configuration([(*first, second)], {"uber": ["tenth"]})
    exchange.take(report(gig(vehicle_class="bike", fare=10_00, revision=1), cancelled=True))
    assert (exchange.accrued(), exchange.quarantine) == ({}, [])


def test_a_period_that_comes_to_more_than_can_be_told_exactly_takes_no_more_gigs() -> None:
    tenfold = versions(TENTH_TEXT.replace('"10 %"', '"1000 %"'))
    exchange = MemoryExchange(configuration([tenfold], {"uber": ["tenth"]}))
    for number in range(901):
        exchange.take(report(gig(f"trip-{number}", fare=10**12)))
    assert [code for _, code in exchange.quarantine] == ["amount_too_large"]
    assert list(exchange.accrued().values()) == [{("retirement", "platform", "uber"): 900 * 10**13}]
