"""A gig's arithmetic in words, for each kind of rule: what an auditor would write down to check it."""

from fractions import Fraction

import pytest

from domain.assessment import Assessor
from domain.gig import Gig
from domain.money import plain
from domain.program_file import read
from domain.totals import Totals, plus
from domain.wording import explain, explain_share
from tests.support.gigs import TENTH, gig, shipped

MONTH, QUARTER = "2023-06", "2023-Q2"
RULES = TENTH[: TENTH.index("[[rules]]")]
PER_GIG = '{ direction = "half_up", per = "gig" }'
PER_PERIOD = '{ direction = "half_up", per = "period" }'
POOLED = shipped("massachusetts-health-stipend")[0]
HOURS = 3_600


def assessor(amount: str, rounding: str = PER_PERIOD, more: str = "", base: str = "") -> Assessor:
    """The plain program with this amount, rounding and whatever else of its one rule."""
    rule = f'[[rules]]\namount = {amount}\nrounding = {rounding}\nbenefits = [{{ benefit = "retirement" }}]\n{more}\n'
    return Assessor(read(RULES.replace('components = ["fare"]', f'components = ["fare", "toll"]\n{base}') + rule)[0])


def said(assessor: Assessor, *gigs: Gig, period: str = MONTH) -> str:
    """What is said of the last of these gigs, by a program of one rule."""
    (sentence,) = sentences(assessor, *[("uber", each) for each in gigs], period=period)
    return sentence


def sentences(assessor: Assessor, *gigs: tuple[str, Gig], period: str) -> list[str]:
    """What is said of the last of these gigs of platforms."""
    before: Totals = ()
    after: Totals = ()
    for platform_id, each in gigs:
        before, after = after, plus(after, assessor.measure(each, platform_id))
    platform_id, last = gigs[-1]
    return explain(assessor, last, platform_id, period, before, after)


# Percent


def test_a_gig_rounded_by_itself_is_explained_by_its_own_earnings() -> None:
    facts = gig(earnings={"fare": 16_90, "airport_fee": 2_50, "tip": 3_00})
    assert said(Assessor(shipped("black-car-fund")[0]), facts) == (
        "3 % of 19.40 (fare 16.90 + airport fee 2.50) = 0.582 → 0.58, half up per gig"
    )


def test_the_sentence_that_everybody_quotes() -> None:
    facts = gig(earnings={"fare": 31_20, "toll": 3_00})
    assert said(assessor('{ kind = "percent", rate = "2.75 %" }', PER_GIG), facts) == (
        "2.75 % of 34.20 (fare 31.20 + toll 3.00) = 0.9405 → 0.94, half up per gig"
    )


def test_a_gig_that_earned_nothing_that_counts_has_nothing_to_name() -> None:
    assert said(assessor('{ kind = "percent", rate = "4 %" }', PER_GIG), gig(earnings={"tip": 5_00})) == (
        "4 % of 0.00 = 0.00 → 0.00, half up per gig"
    )


def test_a_gig_in_a_period_is_explained_by_the_sums_before_and_after() -> None:
    weekly = Assessor(shipped("demo-weekly")[0])
    assert said(weekly, gig(fare=50_00), period="2023-W26") == (
        "4 % of 50.00 so far in the week (0.00 before) = 2.00 → 2.00, half up per week; "
        "the threshold of 150.00 in the week is not reached, so nothing is due yet"
    )
    assert said(weekly, gig(fare=110_22), gig(fare=50_00), period="2023-W26") == (
        "4 % of 160.22 so far in the week (110.22 before) = 6.4088 → 6.41, half up per week; "
        "the threshold of 150.00 in the week is reached; "
        "split 5 : 3 : 2 over retirement, paid_leave, health, the last taking what rounding leaves"
    )


def test_totals_that_are_the_same_before_say_nothing_of_before() -> None:
    tenth = Assessor(read(TENTH)[0])
    totals = plus((), tenth.measure(gig(fare=50_00)))
    assert explain(tenth, gig(fare=50_00), "uber", MONTH, totals, totals) == [
        "10 % of 50.00 so far in the month = 5.00 → 5.00, half up per month"
    ]


def test_a_rate_over_an_amount_names_both() -> None:
    assert said(assessor('{ kind = "percent", rate = "60 %", over = "500.00" }'), gig(fare=600_00)) == (
        "60 % of what 600.00 so far in the month (0.00 before) has above 500.00 = 60.00 → 60.00, half up per month"
    )


def test_a_coarser_unit_is_named() -> None:
    to_the_dollar = assessor(
        '{ kind = "percent", rate = "10 %" }', '{ direction = "floor", per = "period", to = "1.00" }'
    )
    assert said(to_the_dollar, gig(fare=95_90)) == (
        "10 % of 95.90 so far in the month (0.00 before) = 9.59 → 9.00, floor to 1.00 per month"
    )


# Time, gigs and fixed amounts


def test_an_amount_per_hour_is_prorated_to_the_second() -> None:
    per_hour = assessor('{ kind = "per_hour", amount = "2.00" }')
    assert said(per_hour, gig(engaged_seconds=5_400), gig(engaged_seconds=1)) == (
        "2.00 per hour for 1 h 30 min 1 s so far in the month (1 h 30 min before) = 3.0005555555… → 3.00, "
        "half up per month"
    )
    assert said(assessor('{ kind = "per_hour", amount = "2.00" }', PER_GIG), gig(engaged_seconds=1_800)) == (
        "2.00 per hour for 30 min = 1.00 → 1.00, half up per gig"
    )


def test_an_amount_per_gig_counts_the_gigs() -> None:
    assert said(assessor('{ kind = "per_gig", amount = "5.00" }'), *[gig()] * 24) == (
        "5.00 per gig for 24 gigs so far in the month (23 before) = 120.00 → 120.00, half up per month"
    )
    assert said(assessor('{ kind = "per_gig", amount = "5.00" }', PER_GIG), gig()) == (
        "5.00 for the gig → 5.00, half up per gig"
    )


def test_a_fixed_amount_is_what_it_is() -> None:
    assert said(assessor('{ kind = "fixed", amount = "20" }'), gig()) == "a fixed 20.00 → 20.00, half up per month"


# Amounts made of others


def test_the_lesser_of_two_shows_both() -> None:
    assert said(Assessor(shipped("washington-hb2812")[0]), gig(fare=20_00, engaged_seconds=1_800)) == (
        "the lesser of 15 % of 20.00 (fare 20.00) = 3.00 and 2.00 per hour for 30 min = 1.00, so 1.00 → 1.00, "
        "half up per gig"
    )


def test_the_greatest_of_three_names_what_was_measured_in_full_only_once() -> None:
    amount = """{ kind = "greater", of = [
        { kind = "percent", rate = "1 %" }, { kind = "percent", rate = "2 %", over = "50.00" },
        { kind = "fixed", amount = "0.50" } ] }"""
    assert said(assessor(amount.replace("\n", " ")), gig(fare=60_00)) == (
        "the greatest of 1 % of 60.00 so far in the month (0.00 before) = 0.60, 2 % of what 60.00 has above 50.00 = "
        "0.20 and a fixed 0.50, so 0.60 → 0.60, half up per month"
    )


def test_amounts_within_amounts_stand_in_brackets() -> None:
    lesser = '{ kind = "lesser", of = [{ kind = "percent", rate = "1 %" }, { kind = "fixed", amount = "0.50" }] }'
    amount = f'{{ kind = "sum", of = [{lesser}, {{ kind = "per_gig", amount = "0.10" }}] }}'
    assert said(assessor(amount, PER_GIG), gig(fare=60_00)) == (
        "the sum of [the lesser of 1 % of 60.00 (fare 60.00) = 0.60 and a fixed 0.50, so 0.50] and 0.10 for the gig, "
        "together 0.60 → 0.60, half up per gig"
    )


# Steps


def test_weekly_hours_are_averaged_exactly() -> None:
    stipend = Assessor(shipped("prop-22-stipend")[0])
    just = 15 * 13 * HOURS
    assert said(stipend, gig(engaged_seconds=just - 600), gig(engaged_seconds=599), period=QUARTER) == (
        "at 14.9999786324… hours a week, averaged over the quarter (194 h 59 min 59 s in 91 days; "
        "14.9871794871… hours a week before), no step (the first is at 15 hours a week): 0.00 → 0.00, "
        "half up per quarter"
    )
    assert said(stipend, gig(engaged_seconds=just - HOURS), gig(engaged_seconds=HOURS), period=QUARTER) == (
        "at 15 hours a week, averaged over the quarter (195 h in 91 days; 14.9230769230… hours a week before), "
        "the step of 15 hours a week: 613.50 → 613.50, half up per quarter"
    )


def test_a_bracket_of_the_base_has_an_amount_of_its_own() -> None:
    amount = """{ kind = "steps", by = "base", steps = [
        { above = "500.00", amount = { kind = "percent", rate = "60 %", over = "500.00" } },
        { above = "750.00", amount = { kind = "percent", rate = "20 %" } } ] }""".replace("\n", " ")
    assert said(assessor(amount), gig(fare=500_00)) == (
        "at 500.00 so far in the month (0.00 before), no step (the first is at more than 500.00): 0.00 → 0.00, "
        "half up per month"
    )
    assert said(assessor(amount), gig(fare=500_00), gig(fare=100_00)) == (
        "at 600.00 so far in the month (500.00 before), the step of more than 500.00: 60 % of what 600.00 has above "
        "500.00 = 60.00 → 60.00, half up per month"
    )


def test_steps_by_gigs_name_the_gigs() -> None:
    amount = '{ kind = "steps", by = "gigs", steps = [{ at_least = "2", amount = "7.00" }] }'
    assert said(assessor(amount), gig(), gig()) == (
        "at 2 gigs so far in the month (1 before), the step of 2 gigs: 7.00 → 7.00, half up per month"
    )


# Caps and floors


def test_a_capped_gig_says_what_it_would_be_without_the_cap() -> None:
    fee = Assessor(shipped("karnataka-welfare-fee")[0])
    assert said(fee, gig(fare=400_00, currency="INR", vehicle_class="car"), period="2026-Q2") == (
        "1 % of 400.00 (fare 400.00) = 4.00, capped at 1.00 (car) per gig → 1.00, half up per gig "
        "(4.00 without the cap)"
    )
    assert said(fee, gig(fare=40_00, currency="INR", vehicle_class="car"), period="2026-Q2") == (
        "1 % of 40.00 (fare 40.00) = 0.40, not above the cap of 1.00 (car) per gig → 0.40, half up per gig"
    )


def test_a_floor_raises_a_gig() -> None:
    floor = assessor('{ kind = "percent", rate = "1 %" }', PER_GIG, 'floor = { per_gig = "0.50" }')
    assert said(floor, gig(fare=20_00)) == (
        "1 % of 20.00 (fare 20.00) = 0.20, raised to the floor of 0.50 per gig → 0.50, half up per gig"
    )


def test_a_period_has_bounds_of_its_own() -> None:
    bounded = assessor(
        '{ kind = "percent", rate = "2 %" }',
        more='floor = { per_period = "5.00" }\ncap = { per_period = "100.00" }',
    )
    assert said(bounded, gig(fare=100_00)) == (
        "2 % of 100.00 so far in the month (0.00 before) = 2.00, raised to the floor of 5.00 in the month, "
        "not above the cap of 100.00 in the month → 5.00, half up per month"
    )
    assert said(bounded, gig(fare=6_000_40)) == (
        "2 % of 6,000.40 so far in the month (0.00 before) = 120.008, not below the floor of 5.00 in the month, "
        "capped at 100.00 in the month → 100.00, half up per month (120.01 without the cap)"
    )


def test_gigs_that_are_capped_together_are_added_up_first() -> None:
    capped = assessor('{ kind = "per_gig", amount = "5.00" }', PER_GIG, 'cap = { per_period = "8.00" }')
    assert said(capped, gig(), gig()) == (
        "5.00 for the gig → 5.00, half up per gig; over all gigs 10.00 so far in the month (5.00 before), "
        "capped at 8.00 in the month → 8.00 (10.00 without the cap)"
    )


def test_exact_amounts_of_gigs_are_rounded_once_after_adding_up() -> None:
    exact = assessor('{ kind = "percent", rate = "1 %" }', PER_PERIOD, 'per = "gig"\ncap = { per_gig = "1.00" }')
    assert said(exact, gig(fare=200_00), gig(fare=33_33)) == (
        "1 % of 33.33 (fare 33.33) = 0.3333, not above the cap of 1.00 per gig; "
        "over all gigs 1.3333 so far in the month (1.00 before) → 1.33, half up per month (2.33 without the cap)"
    )


# Thresholds


def thresholds(when: str, *gigs: Gig) -> str:
    """What is said of thresholds."""
    program = assessor('{ kind = "percent", rate = "10 %" }', more=f"when = {{ {when} }}")
    return said(program, *gigs).partition("; ")[2]


def test_what_was_measured_is_said_where_the_amount_does_not_say_it() -> None:
    assert thresholds("gigs_above = 2", gig(), gig()) == (
        "the threshold of more than 2 gigs in the month is not reached (2 gigs so far), so nothing is due yet"
    )
    assert thresholds('hours_at_least = "0.5"', gig(engaged_seconds=1_800)) == (
        "the threshold of 0.5 hours in the month is reached (30 min so far)"
    )
    assert thresholds('weekly_hours_at_least = "7"', gig(engaged_seconds=30 * HOURS)) == (
        "the threshold of 7 hours a week in the month is reached (7 hours a week so far)"
    )


@pytest.mark.parametrize(
    ("fares", "words"),
    [
        ((20_00, 10_00), "the thresholds of 25.00 and more than 1 gig in the month are reached (2 gigs so far)"),
        (
            (30_00,),
            (
                "of the thresholds of 25.00 and more than 1 gig in the month, that of more than 1 gig is not reached "
                "(1 gig so far), so nothing is due yet"
            ),
        ),
        (
            (10_00,),
            (
                "none of the thresholds of 25.00 and more than 1 gig in the month is reached (1 gig so far), "
                "so nothing is due yet"
            ),
        ),
    ],
)
def test_of_several_thresholds_each_that_is_missing_is_named(fares: tuple[int, ...], words: str) -> None:
    assert thresholds('base_at_least = "25.00", gigs_above = 1', *[gig(fare=fare) for fare in fares]) == words


def test_a_rule_per_gig_says_how_far_the_period_is() -> None:
    program = assessor('{ kind = "percent", rate = "10 %" }', PER_GIG, 'when = { base_at_least = "25.00" }')
    assert said(program, gig(), gig()) == (
        "10 % of 10.00 (fare 10.00) = 1.00 → 1.00, half up per gig; "
        "the threshold of 25.00 in the month is not reached (20.00 so far), so nothing is due yet"
    )


# Deductions and classes

DEDUCTION = 'deduction = { by_vehicle_class = { car = "60 %", bicycle = "20 %" } }'


def test_a_deduction_is_taken_off_before_the_rate() -> None:
    per_gig = assessor('{ kind = "percent", rate = "10 %" }', PER_GIG, base=DEDUCTION)
    assert said(per_gig, gig(earnings={"fare": 90_00, "toll": 10_00}, vehicle_class="car")) == (
        "10 % of 40.00 (fare 90.00 + toll 10.00, less 60 % (car)) = 4.00 → 4.00, half up per gig"
    )
    monthly = assessor('{ kind = "percent", rate = "10 %" }', base=DEDUCTION)
    assert said(monthly, gig(fare=100_00, vehicle_class="car"), gig(fare=50_00, vehicle_class="bicycle")) == (
        "10 % of 80.00 so far in the month (40.00 before; this gig 40.00: fare 50.00, less 20 % (bicycle)) = 8.00 → "
        "8.00, half up per month"
    )


BY_CLASS = '{ kind = "percent", rate = { by_worker_class = { young = "10 %", old = "20 %" } } }'


def test_a_rate_by_class_names_the_class() -> None:
    assert said(assessor(BY_CLASS), gig(worker_class="old")) == (
        "20 % (old) of 10.00 so far in the month (0.00 before) = 2.00 → 2.00, half up per month"
    )


def test_several_classes_in_a_period_are_mixed_by_their_parts_of_the_base() -> None:
    assert said(assessor(BY_CLASS), gig(fare=10_00, worker_class="young"), gig(fare=20_00, worker_class="old")) == (
        "10 % (young) of 30.00 so far in the month (10.00 before) = 3.00 for 1/3 of the base and "
        "20 % (old) of 30.00 = 6.00 for 2/3 of the base, together 5.00 → 5.00, half up per month"
    )


def test_without_a_base_classes_are_mixed_by_their_gigs() -> None:
    amount = '{ kind = "fixed", amount = { by_worker_class = { young = "1.00", old = "2.00" } } }'
    gigs = [gig(fare=0, worker_class=each) for each in ("young", "young", "old")]
    assert said(assessor(amount), *gigs) == (
        "a fixed 1.00 (young) for 2/3 of the gigs and a fixed 2.00 (old) for 1/3 of the gigs, "
        "together 1.3333333333… → 1.33, half up per month"
    )


def test_a_cap_by_class_is_mixed_too() -> None:
    cap = "cap = { per_period = { by_worker_class = { young = '1.00', old = '2.00' } } }"
    program = assessor('{ kind = "percent", rate = "10 %" }', more=cap)
    assert said(program, gig(fare=20_00, worker_class="young"), gig(fare=20_00, worker_class="old")) == (
        "10 % of 40.00 so far in the month (20.00 before) = 4.00, "
        "capped at 1.50 (the classes by their parts) in the month → 1.50, half up per month (4.00 without the cap)"
    )


def test_weights_by_class_are_those_of_the_class_or_of_the_mix() -> None:
    text = RULES + (
        '[[rules]]\namount = { kind = "percent", rate = "10 %" }\n'
        'rounding = { direction = "half_up", per = "period" }\n'
        'benefits = [{ benefit = "retirement", weight = { by_worker_class = { young = 4, old = 2 } } },'
        ' { benefit = "health", weight = 2 }]\n'
    )
    split = Assessor(read(text)[0])
    assert said(split, gig(worker_class="young")).endswith(
        "; split 4 : 2 (young) over retirement, health, the last taking what rounding leaves"
    )
    assert said(split, gig(worker_class="young"), gig(worker_class="old")).endswith(
        "; split 7 : 5 (the classes by their parts) over retirement, health, the last taking what rounding leaves"
    )


def test_a_last_benefit_without_weight_is_not_said_to_take_what_rounding_leaves() -> None:
    text = RULES + (
        '[[rules]]\namount = { kind = "percent", rate = "10 %" }\n'
        'rounding = { direction = "half_up", per = "period" }\n'
        'benefits = [{ benefit = "retirement" }, { benefit = "health", weight = 0 }]\n'
    )
    assert said(Assessor(read(text)[0]), gig()).endswith(
        "; split 1 : 0 over retirement, health, the last with any weight taking what rounding leaves"
    )


# Payers


def test_shares_of_payers_are_rounded_each_by_its_own_rule() -> None:
    payers = """payers = [
        { payer = "worker", share = "25 %", rounding = { direction = "floor", to = "1.00" } },
        { payer = "platform" }]"""
    assert said(assessor('{ kind = "percent", rate = "10 %" }', more=payers), gig(fare=199_99)) == (
        "10 % of 199.99 so far in the month (0.00 before) = 19.999 → 20.00, half up per month; "
        "the worker bears 25 % of 20.00 = 5.00 → 5.00, floor to 1.00; the platform bears the rest, 15.00"
    )


def test_a_payer_bears_no_more_than_is_left() -> None:
    payers = """payers = [
        { payer = "customer", amount = { kind = "fixed", amount = "0.80" } },
        { payer = "worker", amount = { kind = "percent", rate = "5 %" } },
        { payer = "platform" }]"""
    assert said(assessor('{ kind = "percent", rate = "10 %" }', more=payers), gig(fare=10_00)) == (
        "10 % of 10.00 so far in the month (0.00 before) = 1.00 → 1.00, half up per month; "
        "the customer bears a fixed 0.80 → 0.80, half up; "
        "the worker bears 5 % of 10.00 = 0.50 → 0.50, half up, but no more than the 0.20 that is left; "
        "the platform bears the rest, 0.00"
    )


def test_payers_with_amounts_of_their_own_bear_what_these_add_up_to() -> None:
    cpf = Assessor(shipped("cpf-platform-workers")[0])
    facts = gig(fare=4_000_00, currency="SGD", vehicle_class="motorcycle", worker_class="opted_in_35_and_below")
    first, second = sentences(cpf, ("grab", facts), period="2029-01")
    base = "2,600.00 so far in the month (0.00 before; this gig 2,600.00: fare 4,000.00, less 35 % (motorcycle))"
    assert first == (
        f"the sum of [at {base}, the step of more than 750.00: 20 % (opted_in_35_and_below) of 2,600.00 = 520.00] and "
        "[at 2,600.00, the step of more than 50.00: 17 % (opted_in_35_and_below) of 2,600.00 = 442.00], "
        "together 962.00 → 962.00, half up to 1.00 per month; "
        "the worker bears 520.00 → 520.00, floor to 1.00; the platform bears the rest, 442.00; "
        "split 23 : 6 : 0 : 8 (opted_in_35_and_below) over ordinary_account, special_account, retirement_account, "
        "medisave_account, the last taking what rounding leaves"
    )
    assert second.endswith("0 % (opted_in_35_and_below) of 2,600.00 = 0.00 → 0.00, half up to 1.00 per month")


# Gigs that are taken out


def test_where_no_gig_is_left_nothing_is_due() -> None:
    black_car, facts = Assessor(shipped("black-car-fund")[0]), gig(fare=10_00)
    assert explain(black_car, facts, "uber", MONTH, plus((), black_car.measure(facts)), ()) == [
        (
            "3 % of 10.00 (fare 10.00) = 0.30 → 0.30, half up per gig; "
            "no gig counts in the month any more, so nothing is due"
        )
    ]
    by_class, young = assessor(BY_CLASS), gig(worker_class="young")
    assert explain(by_class, young, "uber", MONTH, plus((), by_class.measure(young)), ()) == [
        "no gig counts in the month any more, so nothing is due"
    ]


# Pooled programs


def shared(*platforms: str, hours: int = 65) -> list[str]:
    """What is said of the last gig where each of these platforms reports one."""
    gigs = [(each, gig(f"g-{at}", engaged_seconds=hours * HOURS)) for at, each in enumerate(platforms)]
    return sentences(Assessor(POOLED), *gigs, period=QUARTER)


def test_a_pooled_amount_says_how_the_platforms_share_it() -> None:
    assert shared("uber", "uber", "lyft") == [
        (
            "at 15 hours a week over all platforms, averaged over the quarter "
            "(195 h in 91 days; 10 hours a week before), "
            "the step of 15 hours a week: 537.00 → 537.00, half up per quarter"
        ),
        (
            "divided over the platforms by engaged time, the largest remainders taking what flooring leaves: "
            "lyft 179.00 for 65 h, uber 358.00 for 130 h"
        ),
    ]


def test_where_nothing_is_due_nothing_is_divided() -> None:
    assert len(shared("uber", "lyft")) == 1


def test_platforms_are_told_apart_by_gigs_where_nothing_else_was_measured() -> None:
    text = TENTH.replace("[base]", 'scope = "pooled"\nshare_by = "base"\n[base]').replace(
        '{ kind = "percent", rate = "10 %" }', '{ kind = "fixed", amount = "10.00" }'
    )
    pooled = Assessor(read(text)[0])
    division = "divided over the platforms by {}, the largest remainders taking what flooring leaves: lyft {}, uber {}"
    *_, by_base = sentences(pooled, ("uber", gig(fare=30_00)), ("lyft", gig(fare=10_00)), period=MONTH)
    assert by_base == division.format("earnings", "2.50 for 10.00", "7.50 for 30.00")
    *_, by_gigs = sentences(pooled, ("uber", gig(fare=0)), ("lyft", gig(fare=0)), period=MONTH)
    assert by_gigs == division.format("gigs", "5.00 for 1 gig", "5.00 for 1 gig")


def test_a_platform_reads_its_share_and_nothing_of_the_others_work() -> None:
    assert explain_share(Assessor(POOLED), gig(), "uber", 358_00, 0) == [
        (
            "what is due is decided by engaged time over all platforms; "
            "your share, by engaged time, is 358.00 now, 0.00 before"
        )
    ]
    assert explain_share(Assessor(POOLED), gig(), "uber", 358_00)[0].endswith(
        "your share, by engaged time, is 358.00 now"
    )


def test_a_platform_reads_the_arithmetic_of_its_own_gig() -> None:
    text = TENTH.replace("[base]", 'scope = "pooled"\nshare_by = "base"\n[base]').replace(
        'per = "period" }', 'per = "gig" }\nwhen = { gigs_above = 2 }\ncap = { per_gig = "0.50", per_period = "50.00" }'
    )
    assert explain_share(Assessor(read(text)[0]), gig(fare=20_00), "uber", 0, 0) == [
        "10 % of 20.00 (fare 20.00) = 2.00, capped at 0.50 per gig → 0.50, half up per gig (2.00 without the cap)",
        (
            "what is due is decided by earnings and gigs over all platforms; "
            "your share, by earnings, is 0.00 now, 0.00 before"
        ),
    ]


# Numbers


@pytest.mark.parametrize(
    ("number", "words"),
    [(Fraction(15), "15"), (Fraction(15, 2), "7.5"), (Fraction(44, 3), "14.6666666666…"), (Fraction(-9000), "-9,000")],
)
def test_numbers_keep_the_decimals_they_need(number: Fraction, words: str) -> None:
    assert plain(number) == words
