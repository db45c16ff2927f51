"""The gig registry recognises repetitions and turns corrections into commands for the streams they concern."""

from datetime import date, datetime
from typing import Any

import pytest

from domain.assessors import Assessors
from domain.gig import Gig, GigReport
from domain.recorded_gig import GigRecorded, RecordGig
from domain.registry import (
    ConflictingReport,
    EventRef,
    RegisteredGig,
    Standing,
    Step,
    registered,
    retaken,
    steps,
    verdict,
)
from domain.rule import AppliesTo
from domain.work_period import AccrueGig, AdjustGig, ContributionAccrued, ContributionReversed, ReverseGig
from tests.support.gigs import configuration, gig, report, versions

TENTH = versions(applies_to=AppliesTo(services=("ride",)))
FIFTH = versions(id="fifth", effective_from=date(2023, 4, 1), period="quarter")
EXCHANGE = configuration([TENTH, FIFTH], {"uber": ["tenth"], "lyft": ["tenth", "fifth"]})

JUNE = "work:uber:w-1:tenth:2023-06"
JULY = "work:uber:w-1:tenth:2023-07"
FIRST = gig("trip-1")


def tenth() -> Assessors:
    return EXCHANGE.assessors("tenth")


def revised(revision: int = 1, **fields: Any) -> Gig:
    return gig("trip-1", revision=revision, **fields)


def accrued(facts: Gig = FIRST, stream: str = JUNE) -> Standing:
    return Standing(stream, ContributionAccrued("uber", "tenth", 1, stream.rpartition(":")[2], facts, (), ()))


def reversed_(facts: Gig = FIRST, revision: int = 1, stream: str = JUNE, reason: Any = "cancelled") -> Standing:
    period = stream.rpartition(":")[2]
    return Standing(
        stream,
        ContributionReversed("uber", "tenth", 1, period, facts, (), (), revision=revision, reason=reason),
    )


def leads_to(said: GigReport, *standings: Standing) -> list[Step]:
    return steps(said, EXCHANGE.takings(said.platform_id, said.gig), standings, EXCHANGE)


# What a report is to the registry


def known(said: GigReport) -> RegisteredGig:
    return registered(said, None, [EventRef(JUNE, 1)])


def test_a_gig_that_nobody_reported_is_new() -> None:
    assert verdict(None, report(FIRST)) == "new"


def test_the_same_revision_with_the_same_content_is_a_duplicate() -> None:
    assert verdict(known(report(FIRST)), report(FIRST)) == "duplicate"


def test_a_higher_revision_corrects_and_a_lower_one_is_stale() -> None:
    assert verdict(known(report(FIRST)), report(revised())) == "revised"
    assert verdict(known(report(revised())), report(FIRST)) == "stale"
    assert verdict(known(report(revised(), cancelled=True)), report(FIRST)) == "stale"


def test_the_same_revision_with_other_content_is_a_conflict() -> None:
    with pytest.raises(ConflictingReport, match="revision 0 of gig trip-1"):
        verdict(known(report(FIRST)), report(gig("trip-1", fare=11_00)))
    with pytest.raises(ConflictingReport):
        verdict(known(report(FIRST)), report(FIRST, cancelled=True))


# A new gig


def test_a_new_gig_is_accrued_under_every_program_that_takes_it() -> None:
    assert leads_to(report(FIRST, "lyft")) == [
        Step("work:lyft:w-1:tenth:2023-06", AccrueGig("lyft", FIRST, "2023-06", tenth())),
        Step("work:lyft:w-1:fifth:2023-Q2", AccrueGig("lyft", FIRST, "2023-Q2", EXCHANGE.assessors("fifth"))),
    ]


def test_a_new_gig_that_no_program_takes_is_recorded_under_its_month() -> None:
    delivery = gig("trip-1", service="delivery")
    assert leads_to(report(delivery)) == [
        Step("work:uber:w-1:none:2023-06", RecordGig("uber", delivery, cancelled=False))
    ]


def test_a_cancellation_that_arrives_first_is_remembered_where_the_gig_would_have_counted() -> None:
    assert leads_to(report(revised(), cancelled=True)) == [
        Step(JUNE, ReverseGig("uber", revised(), 1, None, "cancelled", "2023-06", tenth()))
    ]


def test_a_cancellation_that_arrives_first_of_a_gig_that_no_program_takes_is_recorded() -> None:
    delivery = revised(service="delivery")
    assert leads_to(report(delivery, cancelled=True)) == [
        Step("work:uber:w-1:none:2023-06", RecordGig("uber", delivery, cancelled=True))
    ]


# A gig that counts


def test_new_facts_for_the_same_stream_adjust_it() -> None:
    facts = revised(fare=12_00)
    assert leads_to(report(facts), accrued()) == [Step(JUNE, AdjustGig("uber", facts, FIRST, "2023-06", tenth()))]


def test_new_facts_for_another_worker_are_reversed_in_the_old_stream_and_accrued_in_the_new() -> None:
    facts = revised(worker_id="w-2")
    assert leads_to(report(facts), accrued()) == [
        Step(JUNE, ReverseGig("uber", FIRST, 1, FIRST, "moved", "2023-06", tenth())),
        Step("work:uber:w-2:tenth:2023-06", AccrueGig("uber", facts, "2023-06", tenth())),
    ]


def test_new_facts_for_another_period_are_reversed_in_the_old_stream_and_accrued_in_the_new() -> None:
    facts = revised(completed_at=datetime.fromisoformat("2023-07-01T00:00:00-04:00"))
    assert leads_to(report(facts), accrued()) == [
        Step(JUNE, ReverseGig("uber", FIRST, 1, FIRST, "moved", "2023-06", tenth())),
        Step(JULY, AccrueGig("uber", facts, "2023-07", tenth())),
    ]


def test_new_facts_that_no_program_takes_are_reversed_and_recorded() -> None:
    facts = revised(service="delivery")
    assert leads_to(report(facts), accrued()) == [
        Step(JUNE, ReverseGig("uber", FIRST, 1, FIRST, "moved", "2023-06", tenth())),
        Step("work:uber:w-1:none:2023-06", RecordGig("uber", facts, cancelled=False)),
    ]


def test_a_cancellation_reverses_what_counts() -> None:
    assert leads_to(report(revised(), cancelled=True), accrued()) == [
        Step(JUNE, ReverseGig("uber", FIRST, 1, FIRST, "cancelled", "2023-06", tenth()))
    ]


def test_a_cancellation_reverses_where_the_gig_counts_and_not_where_its_own_facts_lead_to() -> None:
    facts = revised(worker_id="w-2")
    assert leads_to(report(facts, cancelled=True), accrued()) == [
        Step(JUNE, ReverseGig("uber", FIRST, 1, FIRST, "cancelled", "2023-06", tenth(), reported=facts))
    ]


# A gig that counts no more


def test_a_gig_that_was_cancelled_counts_again_by_a_higher_revision() -> None:
    facts = revised(2)
    assert leads_to(report(facts), reversed_()) == [Step(JUNE, AccrueGig("uber", facts, "2023-06", tenth()))]


def test_a_gig_that_was_cancelled_may_count_elsewhere_with_nothing_to_reverse() -> None:
    facts = revised(2, worker_id="w-2")
    assert leads_to(report(facts), reversed_()) == [
        Step("work:uber:w-2:tenth:2023-06", AccrueGig("uber", facts, "2023-06", tenth()))
    ]


def test_a_gig_cancelled_again_by_a_higher_revision_is_remembered_with_nothing_to_take_out() -> None:
    assert leads_to(report(revised(2), cancelled=True), reversed_()) == [
        Step(JUNE, ReverseGig("uber", FIRST, 2, None, "cancelled", "2023-06", tenth()))
    ]


# A recorded gig


def test_a_recorded_gig_that_a_program_takes_by_its_new_facts_is_accrued() -> None:
    recorded = Standing("work:uber:w-1:none:2023-06", GigRecorded("uber", gig("trip-1", service="delivery")))
    facts = revised(service="ride")
    assert leads_to(report(facts), recorded) == [Step(JUNE, AccrueGig("uber", facts, "2023-06", tenth()))]


def test_a_recorded_gig_is_cancelled_by_a_record() -> None:
    recorded = Standing("work:uber:w-1:none:2023-06", GigRecorded("uber", gig("trip-1", service="delivery")))
    facts = revised(service="delivery")
    assert leads_to(report(facts, cancelled=True), recorded) == [
        Step("work:uber:w-1:none:2023-06", RecordGig("uber", facts, cancelled=True))
    ]


def test_a_recorded_gig_is_cancelled_where_it_stands_and_not_where_the_facts_of_the_cancellation_lead_to() -> None:
    stream = "work:uber:w-1:none:2023-06"
    recorded = Standing(stream, GigRecorded("uber", gig("trip-1", service="delivery")))
    facts = revised(worker_id="w-2", service="ride")
    assert leads_to(report(facts, cancelled=True), recorded) == [Step(stream, RecordGig("uber", facts, cancelled=True))]


def test_a_gig_that_left_its_program_and_was_recorded_is_cancelled_where_it_stands_now() -> None:
    moved = reversed_(reason="moved")
    recorded = Standing("work:uber:w-1:none:2023-06", GigRecorded("uber", revised(service="delivery")))
    facts = revised(2, service="delivery")
    assert leads_to(report(facts, cancelled=True), moved, recorded) == [
        Step("work:uber:w-1:none:2023-06", RecordGig("uber", facts, cancelled=True))
    ]


def test_a_gig_that_was_recorded_before_it_counted_is_cancelled_where_it_counts() -> None:
    recorded = Standing("work:uber:w-1:none:2023-06", GigRecorded("uber", gig("trip-1", service="delivery")))
    counts = accrued(revised())
    assert leads_to(report(revised(2), cancelled=True), recorded, counts) == [
        Step(JUNE, ReverseGig("uber", revised(), 2, revised(), "cancelled", "2023-06", tenth()))
    ]


def test_a_gig_cancelled_again_is_remembered_where_it_stood_last() -> None:
    recorded = Standing("work:uber:w-1:none:2023-06", GigRecorded("uber", gig("trip-1", service="delivery")))
    cancelled = reversed_(revised(), revision=2)
    assert leads_to(report(revised(3), cancelled=True), recorded, cancelled) == [
        Step(JUNE, ReverseGig("uber", revised(), 3, None, "cancelled", "2023-06", tenth()))
    ]


# A gig that is looked at again


def again(said: GigReport, *standings: Standing) -> list[Step]:
    return retaken(said, EXCHANGE.takings(said.platform_id, said.gig), standings, EXCHANGE)


NONE = "work:uber:w-1:none:2023-06"


def test_a_gig_that_counts_where_it_should_leads_to_nothing() -> None:
    assert again(report(FIRST), accrued()) == []
    delivery = gig("trip-1", service="delivery")
    assert again(report(delivery), Standing(NONE, GigRecorded("uber", delivery))) == []


def test_a_recorded_gig_that_a_program_takes_by_now_is_accrued_by_the_facts_reported_last() -> None:
    assert again(report(FIRST), Standing(NONE, GigRecorded("uber", FIRST))) == [
        Step(JUNE, AccrueGig("uber", FIRST, "2023-06", tenth()))
    ]


def test_a_gig_that_its_program_takes_no_more_is_reversed_under_its_own_revision_and_recorded() -> None:
    delivery = gig("trip-1", service="delivery")
    assert again(report(delivery), accrued(delivery)) == [
        Step(JUNE, ReverseGig("uber", delivery, 0, delivery, "moved", "2023-06", tenth())),
        Step(NONE, RecordGig("uber", delivery, cancelled=False)),
    ]


def test_a_gig_that_one_of_two_programs_takes_no_more_stays_in_the_other() -> None:
    fifth = ContributionAccrued("uber", "fifth", 1, "2023-Q2", FIRST, (), ())
    quarter = "work:uber:w-1:fifth:2023-Q2"
    assert again(report(FIRST), accrued(), Standing(quarter, fifth)) == [
        Step(quarter, ReverseGig("uber", FIRST, 0, FIRST, "moved", "2023-Q2", EXCHANGE.assessors("fifth")))
    ]


def test_a_gig_stays_in_the_period_that_was_recorded() -> None:
    assert again(report(FIRST), accrued(stream=JULY)) == []


def test_a_gig_that_came_out_of_a_program_comes_back_into_it() -> None:
    recorded = Standing(NONE, GigRecorded("uber", FIRST))
    assert again(report(FIRST), reversed_(revision=0, reason="moved"), recorded) == [
        Step(JUNE, AccrueGig("uber", FIRST, "2023-06", tenth()))
    ]


# The row after a report


def test_the_row_holds_the_latest_report() -> None:
    said = report(revised(), cancelled=True)
    assert registered(said, known(report(FIRST)), [EventRef(JUNE, 2)]) == RegisteredGig(
        1, True, said.digest, (EventRef(JUNE, 2),)
    )


def test_the_row_names_the_latest_event_of_each_program_that_ever_took_the_gig() -> None:
    first = registered(report(FIRST, "lyft"), None, [EventRef(JUNE, 7), EventRef("work:lyft:w-1:fifth:2023-Q2", 3)])
    moved = registered(report(revised()), first, [EventRef(JUNE, 8), EventRef(JULY, 1)])
    assert moved.events == (EventRef(JULY, 1), EventRef("work:lyft:w-1:fifth:2023-Q2", 3))
    lost = registered(report(revised(2)), moved, [EventRef(JULY, 2), EventRef("work:lyft:w-1:none:2023-06", 1)])
    assert set(lost.events) == {
        EventRef(JULY, 2),
        EventRef("work:lyft:w-1:fifth:2023-Q2", 3),
        EventRef("work:lyft:w-1:none:2023-06", 1),
    }
