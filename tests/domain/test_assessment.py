"""What a program makes of totals: a pure function, exact until a rule rounds."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from domain.assessment import Assessor, Entitled, UnlistedClass, check
from domain.gig import Gig
from domain.program_file import read
from domain.rejections import Malformed
from domain.rule import Base
from domain.totals import Cell, Totals, plus
from tests.support.gigs import TENTH, gig, shipped, versions

TWO_RULES = (
    TENTH.replace(
        'rounding = { direction = "half_up"', 'payer = "worker"\nrounding = { direction = "floor", to = "1.00"'
    )
    + """
[[rules]]
amount = { kind = "percent", rate = "7.5 %" }
rounding = { direction = "ceiling", per = "period" }
benefits = [{ benefit = "retirement", weight = 2 }, { benefit = "health" }]
"""
)


def totals(assessor: Assessor, *fares: int) -> Totals:
    """The totals of gigs with these fares."""
    sums: Totals = ()
    for fare in fares:
        sums = plus(sums, assessor.measure(gig(fare=fare)))
    return sums


def amounts(assessor: Assessor, *fares: int) -> dict[tuple[str, str], int]:
    """The entitlement of gigs with these fares."""
    entitled = assessor.entitlement(totals(assessor, *fares), "2023-06", "uber")
    return {(each.benefit, each.payer): each.amount_minor for each in entitled}


def assessor(text: str) -> Assessor:
    return Assessor(read(text)[0])


# The base


def test_the_base_counts_the_components_of_the_program_and_no_others() -> None:
    black_car = Assessor(shipped("black-car-fund")[0])
    facts = gig(earnings={"fare": 16_90, "tip": 3_00, "toll": 6_55, "airport_fee": 2_50, "surge": 9_99})
    assert black_car.measure(facts) == Cell(1, 25_95, 600, (78,))


def test_a_component_that_a_gig_does_not_have_counts_nothing() -> None:
    assert assessor(TENTH).measure(gig(earnings={"tip": 3_00})) == Cell(1, 0, 600)


# Percent and rounding


def test_rounding_per_period_rounds_the_sum_once() -> None:
    assert amounts(assessor(TENTH), 4, 4, 4) == {("retirement", "platform"): 1}


def test_rounding_per_gig_rounds_each_gig() -> None:
    per_gig = assessor(TENTH.replace('per = "period"', 'per = "gig"'))
    assert amounts(per_gig, 4, 4, 4) == {("retirement", "platform"): 0}
    assert amounts(per_gig, 5, 5, 5) == {("retirement", "platform"): 3}


def test_a_rule_may_round_to_a_coarser_unit_than_the_cent() -> None:
    to_the_dollar = assessor(TENTH.replace('per = "period"', 'per = "period", to = "1.00"'))
    assert amounts(to_the_dollar, 94_99) == {("retirement", "platform"): 9_00}
    assert amounts(to_the_dollar, 95_00) == {("retirement", "platform"): 10_00}


def test_nothing_worked_is_nothing_due() -> None:
    assert amounts(assessor(TENTH)) == {}
    assert amounts(assessor(TENTH.replace('per = "period"', 'per = "gig"'))) == {}


# Thresholds


def test_below_a_threshold_nothing_is_due_and_from_it_on_everything() -> None:
    weekly = Assessor(shipped("demo-weekly")[0])
    assert sum(amounts(weekly, 149_99).values()) == 0
    assert sum(amounts(weekly, 150_00).values()) == 6_00
    assert sum(amounts(weekly, 100_00, 50_00).values()) == 6_00


def test_a_rule_that_rounds_per_gig_can_have_a_threshold_too() -> None:
    text = TENTH.replace('per = "period" }', 'per = "gig" }\nwhen = { base_at_least = "20.00" }')
    assert amounts(assessor(text), 10_05, 9_94) == {("retirement", "platform"): 0}
    assert amounts(assessor(text), 10_05, 9_95) == {("retirement", "platform"): 1_01 + 1_00}


# Benefits and payers


def test_an_amount_is_split_over_benefits_by_weight_and_the_last_takes_the_rest() -> None:
    weekly = Assessor(shipped("demo-weekly")[0])
    assert amounts(weekly, 160_22) == {  # 4 % are 6.4088, rounded 6.41
        ("retirement", "platform"): 3_20,
        ("paid_leave", "platform"): 1_92,
        ("health", "platform"): 1_29,
    }


def test_each_rule_is_rounded_by_itself_and_stands_under_its_payer() -> None:
    assert amounts(assessor(TWO_RULES), 99_99) == {
        ("retirement", "worker"): 9_00,
        ("retirement", "platform"): 5_00,
        ("health", "platform"): 2_50,
    }


def test_two_rules_for_the_same_benefit_and_payer_add_up() -> None:
    twice = TENTH + TENTH[TENTH.index("[[rules]]") :]
    assert amounts(assessor(twice), 10_00) == {("retirement", "platform"): 2_00}


def test_the_platform_owes_what_others_bear() -> None:
    (entitled,) = Assessor(shipped("black-car-fund")[0]).entitlement((Cell(1, 25_95, 600, (78,)),), "2023-06", "uber")
    assert entitled == Entitled("workers_compensation", "customer", "uber", 78, 78)


# Classes


BY_CLASS = TENTH.replace(
    'components = ["fare"]',
    'components = ["fare"]\ndeduction = { by_vehicle_class = { car = "60 %", bike = "33.333 %" } }',
)


def of_classes(program: Assessor, *gigs: Gig) -> Totals:
    sums: Totals = ()
    for facts in gigs:
        sums = plus(sums, program.measure(facts))
    return sums


def test_deductions_are_chosen_gig_by_gig_and_the_base_stays_exact() -> None:
    program = assessor(BY_CLASS)
    cells = of_classes(program, gig("trip-1", vehicle_class="car"), gig("trip-2", vehicle_class="bike"))
    assert cells == (Cell(1, 10_00, 600, vehicle_class="car"), Cell(1, 10_00, 600, vehicle_class="bike"))
    assert program.base(cells) == 4_00 + Fraction("666.67")
    (entitled,) = program.entitlement(cells, "2023-06", "uber")
    assert entitled.amount_minor == 107


@pytest.mark.parametrize("vehicle_class", [None, "truck", ""])
def test_a_gig_of_a_class_that_is_not_listed_cannot_be_assessed(vehicle_class: str | None) -> None:
    with pytest.raises(UnlistedClass, match="expected one of bike, car") as refusal:
        assessor(BY_CLASS).measure(gig(vehicle_class=vehicle_class))
    assert (refusal.value.key, refusal.value.code) == ("vehicle_class", "unlisted_class")


def test_classes_that_a_program_does_not_tell_apart_share_a_cell() -> None:
    cells = of_classes(
        assessor(TENTH), gig(vehicle_class="car"), gig("trip-2", vehicle_class="bike", worker_class="old")
    )
    assert cells == (Cell(2, 20_00, 1_200),)


def test_the_tables_of_a_program_list_the_same_classes() -> None:
    with pytest.raises(Malformed, match="some lack bike") as refusal:
        assessor(BY_CLASS.replace('rate = "10 %"', 'rate = { by_vehicle_class = { car = "10 %" } }'))
    assert refusal.value.key == "by_vehicle_class"


def test_no_more_than_everything_can_be_deducted() -> None:
    with pytest.raises(Malformed) as refusal:
        assessor(TENTH.replace('components = ["fare"]', 'components = ["fare"]\ndeduction = "100.1 %"'))
    assert refusal.value.key == "base.deduction"


# Pooled over platforms


STIPEND = (
    TENTH.replace('period = "month"', 'period = "month"\nscope = "pooled"')
    .replace('{ kind = "percent", rate = "10 %" }', '{ kind = "fixed", amount = "1.00" }')
    .replace("2023-01-01\n", '2023-01-01\nshare_by = "engaged_time"\n')
)


def owed(text: str, *gigs: tuple[str, Gig]) -> dict[str, int]:
    """What each platform owes."""
    program = assessor(text)
    sums: Totals = ()
    for platform_id, facts in gigs:
        sums = plus(sums, program.measure(facts, platform_id))
    return {each.platform_id: each.amount_minor for each in program.entitlement(sums, "2023-06", "uber")}


def test_platforms_owe_their_shares_by_engaged_time_and_together_the_whole_once() -> None:
    assert owed(STIPEND, ("uber", gig(engaged_seconds=20)), ("lyft", gig(engaged_seconds=10))) == {
        "lyft": 33,
        "uber": 67,
    }


def test_of_equal_remainders_the_first_platform_by_id_is_served_first() -> None:
    three = [(platform_id, gig()) for platform_id in ("uber", "lyft", "gett")]
    assert owed(STIPEND, *three) == {"gett": 34, "lyft": 33, "uber": 33}


@pytest.mark.parametrize(("share_by", "shares"), [("base", (25, 75)), ("gigs", (67, 33)), ("engaged_time", (80, 20))])
def test_a_pooled_program_says_what_platforms_share_by(share_by: str, shares: tuple[int, int]) -> None:
    text = STIPEND.replace("engaged_time", share_by)
    work = [("lyft", gig(fare=1_00, engaged_seconds=40)), ("lyft", gig(fare=0, engaged_seconds=40))]
    assert owed(text, *work, ("uber", gig(fare=3_00, engaged_seconds=20))) == dict(
        zip(("lyft", "uber"), shares, strict=True)
    )


@pytest.mark.parametrize("share_by", ["base", "engaged_time"])
def test_where_there_is_nothing_to_share_by_gigs_count(share_by: str) -> None:
    idle = gig(fare=0, engaged_seconds=0)
    assert owed(STIPEND.replace("engaged_time", share_by), ("uber", idle), ("uber", idle), ("lyft", idle)) == {
        "lyft": 33,
        "uber": 67,
    }


def test_by_base_platforms_share_by_what_is_left_after_deductions() -> None:
    text = STIPEND.replace("engaged_time", "base").replace(
        'components = ["fare"]',
        'components = ["fare"]\ndeduction = { by_vehicle_class = { car = "60 %", bike = "20 %" } }',
    )
    assert owed(text, ("uber", gig(vehicle_class="car")), ("lyft", gig(vehicle_class="bike"))) == {
        "lyft": 67,
        "uber": 33,
    }


# Checking what no key alone can tell


@pytest.mark.parametrize(
    ("replaced", "key"),
    [
        ({"id": "pooled"}, "id"),
        ({"currency": "XXX"}, "currency"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"effective_from": date(2023, 1, 2)}, "effective_from"),
        ({"share_by": "gigs"}, "share_by"),
        ({"base": Base(("fare", "fare"))}, "base.components"),
    ],
)
def test_a_version_that_cannot_be_carried_out_is_refused(replaced: dict[str, Any], key: str) -> None:
    (version,) = versions(**replaced)
    with pytest.raises(Malformed) as refusal:
        check(version)
    assert refusal.value.key == key
