"""What a program makes of totals: a pure function, exact until a rule rounds."""

from datetime import date

import pytest

from domain.assessment import Assessor, Entitled
from domain.program_file import read
from domain.rejections import InvariantBroken
from domain.totals import Cell, Totals, plus
from tests.support.gigs import TENTH, assessors, gig, shipped, versions

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
    entitled = assessor.entitlement(totals(assessor, *fares), "uber")
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
    assert amounts(assessor(TENTH)) == {("retirement", "platform"): 0}
    assert amounts(assessor(TENTH.replace('per = "period"', 'per = "gig"'))) == {("retirement", "platform"): 0}


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
    (entitled,) = Assessor(shipped("black-car-fund")[0]).entitlement((Cell(1, 25_95, 600, (78,)),), "uber")
    assert entitled == Entitled("workers_compensation", "customer", "uber", 78)


# Versions


def test_an_event_that_names_a_version_nobody_published_stops() -> None:
    with pytest.raises(InvariantBroken):
        assessors(*versions()).of_version(2)


def test_a_period_before_the_first_version_has_no_assessor() -> None:
    assert assessors(*versions()).find("2022-12") is None
    with pytest.raises(InvariantBroken):
        assessors(*versions()).in_force("2022-12")


def test_each_period_has_the_assessor_of_the_version_in_force() -> None:
    program = assessors(*versions(), *versions(version=2, effective_from=date(2023, 7, 1)))
    assert [program.in_force(period).version.version for period in ("2023-06", "2023-07")] == [1, 2]
    assert program.in_force("2023-07") is program.of_version(2)


# Explanations


def test_a_gig_rounded_by_itself_is_explained_by_its_own_earnings() -> None:
    black_car = Assessor(shipped("black-car-fund")[0])
    facts = gig(earnings={"fare": 16_90, "airport_fee": 2_50, "tip": 3_00})
    (sentence,) = black_car.explain(facts, (), totals(black_car, 19_40))
    assert sentence == "3 % of 19.40 (fare 16.90 + airport fee 2.50) = 0.582 → 0.58, half up per gig"


def test_a_gig_in_a_period_is_explained_by_the_sums_before_and_after() -> None:
    weekly = Assessor(shipped("demo-weekly")[0])
    facts = gig(fare=50_00)
    (below,) = weekly.explain(facts, (), totals(weekly, 50_00))
    assert below == (
        "4 % of 50.00 so far in the week (0.00 before) = 2.00 → 2.00, half up per week; "
        "the threshold of 150.00 in the week is not reached, so nothing is due yet"
    )
    (reached,) = weekly.explain(facts, totals(weekly, 110_22), totals(weekly, 110_22, 50_00))
    assert reached == (
        "4 % of 160.22 so far in the week (110.22 before) = 6.4088 → 6.41, half up per week; "
        "the threshold of 150.00 in the week is reached; "
        "split 5 : 3 : 2 over retirement, paid_leave, health, the last taking what rounding leaves"
    )
