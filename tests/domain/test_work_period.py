"""A gig accrues the change of an entitlement: percent, thresholds and corrections are one mechanism."""

from dataclasses import dataclass

import pytest

from domain.assessment import UnlistedClass
from domain.assessors import Assessors
from domain.gig import Gig
from domain.rejections import InvariantBroken
from domain.totals import Cell
from domain.work_period import (
    AccrueGig,
    AdjustGig,
    ContributionAccrued,
    ContributionAdjusted,
    ContributionReversed,
    Line,
    ReassessPeriod,
    ReverseGig,
    counted,
    decider,
    is_about_all,
)
from tests.support.gigs import TENTH, assessors, gig, shipped, versions
from tests.support.scenario import Given

TEN = gig("trip-1", fare=10_00)
TWENTY = gig("trip-2", fare=20_00)
ACCRUED = ContributionAccrued(
    "uber", "tenth", 1, "2023-06", TEN, (Cell(1, 10_00, 600),), (Line("retirement", "platform", "uber", 1_00, 1_00),)
)


@dataclass(frozen=True)
class Month:
    """June on one platform under one program."""

    program: Assessors

    def accrue(self, facts: Gig) -> AccrueGig:
        return AccrueGig("uber", facts, "2023-06", self.program)

    def adjust(self, facts: Gig, counted: Gig) -> AdjustGig:
        return AdjustGig("uber", facts, counted, "2023-06", self.program)

    def cancel(self, facts: Gig, revision: int = 1, *, counted: bool = True) -> ReverseGig:
        return ReverseGig("uber", facts, revision, facts if counted else None, "cancelled", "2023-06", self.program)


JUNE = Month(assessors(*versions()))
WITH_THRESHOLD = Month(
    assessors(*versions(TENTH.replace("[[rules]]", '[[rules]]\nwhen = { base_at_least = "25.00" }')))
)


def lines(*amounts: tuple[int, int]) -> tuple[Line, ...]:
    return tuple([Line("retirement", "platform", "uber", amount, entitled) for amount, entitled in amounts])


# An empty period


def test_the_first_gig_accrues_its_whole_entitlement_and_carries_its_reasons() -> None:
    Given(decider).when(JUNE.accrue(TEN)).then(ACCRUED)


def test_a_gig_that_moves_no_money_still_writes_its_event() -> None:
    nothing = gig("trip-0", fare=0)
    Given(decider).when(JUNE.accrue(nothing)).then(
        ContributionAccrued("uber", "tenth", 1, "2023-06", nothing, (Cell(1, 0, 600),), ())
    )


def test_a_cancellation_that_arrives_first_is_remembered_without_lines() -> None:
    Given(decider).when(JUNE.cancel(TEN, counted=False)).then(
        ContributionReversed("uber", "tenth", 1, "2023-06", TEN, (), (), revision=1, reason="cancelled")
    )


def test_a_period_before_the_program_began_cannot_accrue() -> None:
    with pytest.raises(InvariantBroken):
        decider.decide(decider.initial, AccrueGig("uber", TEN, "2022-12", JUNE.program))


# A running period


def test_the_same_gig_decided_again_right_away_accrues_nothing() -> None:
    Given(decider, ACCRUED).when(JUNE.accrue(TEN)).then_nothing()


def test_a_gig_of_the_same_id_on_another_platform_is_another_gig() -> None:
    elsewhere = AccrueGig("lyft", TEN, "2023-06", JUNE.program)
    (event,) = Given(decider, ACCRUED).when(elsewhere).events
    assert event.totals == (Cell(2, 20_00, 1200),)


def test_a_further_gig_accrues_the_difference() -> None:
    Given(decider, ACCRUED).when(JUNE.accrue(TWENTY)).then(
        ContributionAccrued("uber", "tenth", 1, "2023-06", TWENTY, (Cell(2, 30_00, 1200),), lines((2_00, 3_00)))
    )


def test_a_line_that_did_not_move_stays_so_that_the_latest_event_is_enough() -> None:
    nothing = gig("trip-0", fare=0)
    Given(decider, ACCRUED).when(JUNE.accrue(nothing)).then(
        ContributionAccrued("uber", "tenth", 1, "2023-06", nothing, (Cell(2, 10_00, 1200),), lines((0, 1_00)))
    )


def test_the_latest_event_alone_is_enough_to_decide_the_next_gig() -> None:
    history = Given(decider).and_then(JUNE.accrue(TEN), JUNE.accrue(TWENTY))
    (latest,) = Given(decider).and_then(JUNE.accrue(TEN)).when(JUNE.accrue(TWENTY)).events
    third = JUNE.accrue(gig("trip-3", fare=7_77))
    assert Given(decider, latest).when(third).events == history.when(third).events


def test_rounding_does_not_drift_however_many_gigs_there_are() -> None:
    commands = [JUNE.accrue(gig(f"trip-{number}", fare=4)) for number in range(25)]
    entitled = Given(decider).and_then(*commands).state.lines
    assert sum(line.entitled_minor for line in entitled) == 10


def test_the_gig_that_reaches_a_threshold_accrues_for_those_before_it() -> None:
    (below,) = Given(decider).when(WITH_THRESHOLD.accrue(TEN)).events
    assert below.lines == ()
    (reaching,) = Given(decider, below).when(WITH_THRESHOLD.accrue(TWENTY)).events
    assert reaching.lines == lines((3_00, 3_00))


# A revised gig


def test_a_revised_gig_accrues_the_difference_to_what_counted() -> None:
    revised = gig("trip-1", revision=1, fare=14_00)
    Given(decider, ACCRUED).when(JUNE.adjust(revised, TEN)).then(
        ContributionAdjusted(
            platform_id="uber",
            program_id="tenth",
            program_version=1,
            period="2023-06",
            gig=revised,
            totals=(Cell(1, 14_00, 600),),
            lines=lines((40, 1_40)),
            replaced_revision=0,
        )
    )


def test_a_revision_that_lowers_a_gig_takes_back() -> None:
    revised = gig("trip-1", revision=1, fare=4_00)
    (event,) = Given(decider, ACCRUED).when(JUNE.adjust(revised, TEN)).events
    assert event.lines == lines((-60, 40))


def test_a_revision_that_falls_below_a_threshold_takes_everything_back() -> None:
    reached = Given(decider).and_then(WITH_THRESHOLD.accrue(TEN), WITH_THRESHOLD.accrue(TWENTY))
    (event,) = reached.when(WITH_THRESHOLD.adjust(gig("trip-2", revision=1, fare=14_99), TWENTY)).events
    assert event.lines == lines((-3_00, 0))


def test_a_line_that_fell_to_nothing_is_left_out_of_the_next_event() -> None:
    revised = gig("trip-2", revision=1, fare=1)
    fallen = Given(decider).and_then(
        WITH_THRESHOLD.accrue(TEN), WITH_THRESHOLD.accrue(TWENTY), WITH_THRESHOLD.adjust(revised, TWENTY)
    )
    (event,) = fallen.when(WITH_THRESHOLD.accrue(gig("trip-3", fare=1))).events
    assert event.lines == ()


def test_the_same_revision_decided_again_right_away_changes_nothing() -> None:
    revised = gig("trip-1", revision=1, fare=14_00)
    Given(decider, ACCRUED).and_then(JUNE.adjust(revised, TEN)).when(JUNE.adjust(revised, TEN)).then_nothing()


# A cancelled gig


def test_a_cancelled_gig_is_reversed_to_nothing() -> None:
    Given(decider, ACCRUED).when(JUNE.cancel(TEN)).then(
        ContributionReversed("uber", "tenth", 1, "2023-06", TEN, (), lines((-1_00, 0)), revision=1, reason="cancelled")
    )


def test_a_gig_cancelled_twice_right_away_is_reversed_once() -> None:
    Given(decider, ACCRUED).and_then(JUNE.cancel(TEN)).when(JUNE.cancel(TEN)).then_nothing()


def test_a_cancellation_leaves_the_other_gigs_what_they_are_entitled_to() -> None:
    both = Given(decider).and_then(JUNE.accrue(TEN), JUNE.accrue(TWENTY))
    (event,) = both.when(JUNE.cancel(TEN)).events
    assert (event.totals, event.lines) == ((Cell(1, 20_00, 600),), lines((-1_00, 2_00)))


def test_a_gig_may_count_again_after_it_was_cancelled() -> None:
    again = gig("trip-1", revision=2, fare=11_00)
    (event,) = Given(decider, ACCRUED).and_then(JUNE.cancel(TEN)).when(JUNE.accrue(again)).events
    assert event.lines == lines((1_10, 1_10))


# The version


def test_a_period_keeps_the_version_it_began_with() -> None:
    (second,) = versions(TENTH.replace("10 %", "20 %"), version=2)
    later = Month(assessors(*versions(), second))
    (event,) = Given(decider, ACCRUED).when(later.accrue(TWENTY)).events
    assert (event.program_version, event.lines) == (1, lines((2_00, 3_00)))
    (fresh,) = Given(decider).when(later.accrue(TWENTY)).events
    assert (fresh.program_version, fresh.lines) == (2, lines((4_00, 4_00)))


def test_lines_follow_the_program_over_several_benefits_and_payers() -> None:
    black_car = assessors(*shipped("black-car-fund"))
    (event,) = Given(decider).when(AccrueGig("uber", TEN, "2023-07", black_car)).events
    assert event.program_version == 2
    assert event.lines == (Line("workers_compensation", "customer", "uber", 28, 28),)


def test_what_the_program_no_longer_speaks_of_is_taken_back() -> None:
    obsolete = Line("health", "worker", "uber", 70, 70)
    before = ContributionAccrued("uber", "tenth", 1, "2023-06", TEN, ACCRUED.totals, (*ACCRUED.lines, obsolete))
    (event,) = Given(decider, before).when(JUNE.accrue(TWENTY)).events
    assert event.lines == (*lines((2_00, 3_00)), Line("health", "worker", "uber", -70, 0))


def test_a_period_in_which_nothing_counts_any_more_takes_the_version_in_force() -> None:
    emptied = Given(decider, ACCRUED).and_then(JUNE.cancel(TEN))
    (event,) = emptied.when(Month(later()).accrue(TWENTY)).events
    assert (event.program_version, event.lines) == (2, lines((4_00, 4_00)))
    (remembered,) = emptied.when(Month(later()).cancel(TWENTY, counted=False)).events
    assert (remembered.program_version, remembered.totals, remembered.lines) == (2, (), ())


# A capped amount


CAPPED = Month(assessors(*versions(TENTH + 'cap = { per_period = "2.00" }')))


def test_a_line_keeps_what_would_be_due_without_the_cap_where_that_is_something_else() -> None:
    (below,) = Given(decider).when(CAPPED.accrue(TEN)).events
    assert below.lines == lines((1_00, 1_00))
    (above,) = Given(decider, below).when(CAPPED.accrue(TWENTY)).events
    assert above.lines == (Line("retirement", "platform", "uber", 1_00, 2_00, 3_00),)


def test_a_cap_of_nothing_still_says_what_would_be_due() -> None:
    nothing = Month(assessors(*versions(TENTH + 'cap = { per_period = "0.00" }')))
    (event,) = Given(decider).when(nothing.accrue(TEN)).events
    assert event.lines == (Line("retirement", "platform", "uber", 0, 0, 1_00),)


# Several platforms in one period


STIPEND = TENTH.replace('period = "month"', 'period = "month"\nscope = "pooled"').replace(
    'amount = { kind = "percent", rate = "10 %" }', 'amount = { kind = "fixed", amount = "9.00" }'
)


class Pooled(Month):
    """June of one worker on all platforms."""

    def on(self, platform_id: str, facts: Gig) -> AccrueGig:
        return AccrueGig(platform_id, facts, "2023-06", self.program)

    def off(self, platform_id: str, facts: Gig) -> ReverseGig:
        return ReverseGig(platform_id, facts, 1, facts, "cancelled", "2023-06", self.program)


POOL = Pooled(assessors(*versions(STIPEND)))


def shared(*each: tuple[str, int, int]) -> tuple[Line, ...]:
    return tuple([Line("retirement", "platform", platform_id, *amounts) for platform_id, *amounts in each])


def test_the_gig_of_one_platform_moves_the_share_of_another_and_the_event_says_so() -> None:
    alone = Given(decider).and_then(POOL.on("uber", TEN))
    assert alone.state.lines == shared(("uber", 9_00, 9_00))
    (event,) = alone.when(POOL.on("lyft", gig("trip-1", engaged_seconds=300))).events
    assert (event.platform_id, event.lines) == ("lyft", shared(("lyft", 3_00, 3_00), ("uber", -3_00, 6_00)))
    assert event.totals == (Cell(1, 10_00, 600, platform_id="uber"), Cell(1, 10_00, 300, platform_id="lyft"))


def test_a_platform_whose_last_gig_is_cancelled_owes_nothing_and_the_others_all_of_it() -> None:
    both = Given(decider).and_then(POOL.on("uber", TEN), POOL.on("lyft", TEN))
    (event,) = both.when(POOL.off("uber", TEN)).events
    assert event.lines == shared(("lyft", 4_50, 9_00), ("uber", -4_50, 0))
    emptied = both.and_then(POOL.off("uber", TEN))
    (last,) = emptied.when(POOL.off("lyft", TEN)).events
    assert (last.totals, last.lines) == ((), shared(("lyft", -9_00, 0)))


def test_gigs_of_the_same_id_and_revision_on_two_platforms_are_two_gigs() -> None:
    once = Given(decider).and_then(POOL.on("uber", TEN))
    once.when(POOL.on("uber", TEN)).then_nothing()
    (event,) = once.when(POOL.on("lyft", TEN)).events
    assert [cell.gigs for cell in event.totals] == [1, 1]


def test_a_platform_cannot_take_out_what_another_reported() -> None:
    Given(decider).and_then(POOL.on("uber", TEN)).when(POOL.off("lyft", TEN)).then_refused(InvariantBroken)


# A version that was published late


def later(rate: str = "20 %", *numbers: int) -> Assessors:
    """The program with this rate since its beginning, in each of these further versions."""
    found = [each for number in numbers or (2,) for each in versions(TENTH.replace("10 %", rate), version=number)]
    return assessors(*versions(), *found)


def reassess(*facts: Gig, by: Assessors) -> ReassessPeriod:
    return ReassessPeriod({("uber", each.gig_id): each for each in facts}, "2023-06", by)


def test_a_late_version_accrues_the_difference_and_says_which_version_it_replaces() -> None:
    Given(decider).and_then(JUNE.accrue(TEN), JUNE.accrue(TWENTY)).when(reassess(TEN, TWENTY, by=later())).then(
        ContributionAdjusted(
            platform_id="uber",
            program_id="tenth",
            program_version=2,
            period="2023-06",
            gig=TWENTY,
            totals=(Cell(2, 30_00, 1_200),),
            lines=lines((3_00, 6_00)),
            replaced_revision=0,
            replaced_version=1,
        )
    )


def test_what_counts_by_the_version_in_force_is_not_re_assessed() -> None:
    Given(decider, ACCRUED).when(reassess(TEN, by=JUNE.program)).then_nothing()
    Given(decider, ACCRUED).and_then(reassess(TEN, by=later())).when(reassess(TEN, by=later())).then_nothing()
    Given(decider).when(reassess(by=later())).then_nothing()


def test_gigs_are_decided_by_the_late_version_from_then_on() -> None:
    moved = Given(decider, ACCRUED).and_then(reassess(TEN, by=later()))
    (event,) = moved.when(Month(later()).adjust(gig("trip-1", revision=1, fare=5_00), TEN)).events
    assert (event.program_version, event.lines) == (2, lines((-1_00, 1_00)))
    (event,) = moved.when(Month(later()).cancel(TEN)).events
    assert event.lines == lines((-2_00, 0))


def test_a_late_version_that_cannot_assess_a_gig_is_refused() -> None:
    by_class = versions(TENTH.replace('"10 %"', '{ by_vehicle_class = { car = "10 %" } }'), version=2)
    Given(decider, ACCRUED).when(reassess(TEN, by=assessors(*versions(), *by_class))).then_refused(UnlistedClass)


def test_gigs_that_are_not_those_that_count_are_not_re_assessed() -> None:
    Given(decider, ACCRUED).when(reassess(TEN, TWENTY, by=later())).then_refused(InvariantBroken)


def test_the_gigs_that_count_are_those_that_came_and_did_not_go_by_their_latest_facts() -> None:
    revised = gig("trip-1", revision=1, fare=14_00)
    history: list[object] = [ACCRUED]
    commands = (JUNE.accrue(TWENTY), JUNE.adjust(revised, TEN), JUNE.cancel(TWENTY), reassess(revised, by=later()))
    state = decider.fold([ACCRUED])
    for command in commands:
        events = decider.decide(state, command)
        state = decider.fold(events, state)
        history += events
    assert counted(history) == {("uber", "trip-1"): revised}
    assert [is_about_all(event) for event in history] == [False, False, False, False, True]


# A corrupt history


@pytest.mark.parametrize(
    "command", [JUNE.adjust(TWENTY, gig("trip-9", fare=99_00)), JUNE.cancel(gig("trip-9", fare=99_00))]
)
def test_a_gig_that_never_counted_cannot_be_taken_out(command: AdjustGig | ReverseGig) -> None:
    Given(decider, ACCRUED).when(command).then_refused(InvariantBroken)
    Given(decider).when(command).then_refused(InvariantBroken)


def test_negative_totals_stop_the_fold() -> None:
    with pytest.raises(InvariantBroken):
        decider.fold([ContributionAccrued("uber", "tenth", 1, "2023-06", TEN, (Cell(1, -1, 600),), ())])


def test_an_event_of_a_version_that_nobody_published_stops() -> None:
    unknown = ContributionAccrued("uber", "tenth", 7, "2023-06", TEN, ACCRUED.totals, ACCRUED.lines)
    Given(decider, unknown).when(JUNE.accrue(TWENTY)).then_refused(InvariantBroken, "version 7")
