"""One rule: amount, bounds, rounding, thresholds; then benefits and payers. What is written wrong names its key."""

from typing import Any

import msgspec
import pytest

from domain.amount import Terms
from domain.assessment import Assessor
from domain.gig import Gig
from domain.rejections import Malformed
from domain.rule import Rule
from domain.rule_assessment import RuleAssessor
from domain.totals import Totals, plus
from tests.support.gigs import gig, versions

PERCENT = {"kind": "percent", "rate": "10 %"}
HEALTH = [{"benefit": "health"}]
PER_PERIOD = {"direction": "half_up", "per": "period"}
PER_GIG = {"direction": "half_up", "per": "gig"}


def rule(**keys: Any) -> Rule:
    """A rule as it stands in a program file: a tenth of the base, unless said otherwise."""
    written = {"amount": PERCENT, "rounding": PER_PERIOD, "benefits": HEALTH} | keys
    return msgspec.convert({key: value for key, value in written.items() if value is not None}, Rule)


def of(written: Rule, *gigs: Gig) -> dict[tuple[str, str], tuple[int, int]]:
    """What gigs are entitled to for each benefit and payer, and without caps."""
    assessor = Assessor(versions(rules=(written,))[0])
    totals: Totals = ()
    for facts in gigs:
        totals = plus(totals, assessor.measure(facts))
    entitled = assessor.entitlement(totals, "2023-06", "uber")
    return {(each.benefit, each.payer): (each.amount_minor, each.uncapped_minor) for each in entitled}


def total(written: Rule, *fares: int) -> tuple[int, int]:
    """What fares come to in all, and without caps."""
    parts = of(written, *[gig(fare=fare) for fare in fares]).values()
    return sum(amount for amount, _ in parts), sum(uncapped for _, uncapped in parts)


def refused(**keys: Any) -> tuple[str, str]:
    """The key at fault, and what is said of it."""
    written = rule(**keys)
    with pytest.raises(Malformed) as refusal:
        RuleAssessor(written, Terms("USD", 1, written.is_per_gig), "rules[0]")
    return refusal.value.key, refusal.value.reason


# Per gig and per period


def test_a_rule_makes_an_amount_of_the_period_or_of_each_gig_as_it_rounds() -> None:
    assert total(rule(), 4, 4, 4) == (1, 1)
    assert total(rule(rounding=PER_GIG), 4, 4, 4) == (0, 0)


def test_an_amount_made_of_each_gig_may_be_rounded_once_per_period() -> None:
    lesser = {"kind": "lesser", "of": [PERCENT, {"kind": "fixed", "amount": "0.005"}]}
    assert total(rule(amount=lesser, per="gig"), 4, 4, 100) == (1, 1)
    assert total(rule(amount=lesser), 4, 4, 100) == (1, 1)
    assert total(rule(amount=lesser, per="gig"), 100, 100, 100) == (2, 2)


def test_a_rule_per_period_cannot_round_gigs() -> None:
    assert refused(per="period", rounding=PER_GIG)[0] == "rules[0].rounding.per"


# Caps and floors


def test_a_cap_per_gig_keeps_what_would_be_due_without_it() -> None:
    capped = rule(rounding=PER_GIG, cap={"per_gig": "1.00"})
    assert total(capped, 4_00) == (40, 40)
    assert total(capped, 4_00, 40_00) == (1_40, 4_40)


def test_a_cap_per_gig_works_without_rounding_gigs() -> None:
    capped = rule(per="gig", cap={"per_gig": "0.10"})
    assert total(capped, 14, 14, 300) == (13, 33)


def test_a_cap_per_period_looks_at_the_sum() -> None:
    for written in (rule(cap={"per_period": "1.00"}), rule(rounding=PER_GIG, cap={"per_period": "1.00"})):
        assert total(written, 6_00) == (60, 60)
        assert total(written, 6_00, 6_00) == (1_00, 1_20)


def test_floors_raise_what_is_due_also_without_caps() -> None:
    assert total(rule(rounding=PER_GIG, floor={"per_gig": "0.50"}), 1_00, 9_00) == (1_40, 1_40)
    assert total(rule(floor={"per_period": "0.50"}), 1_00) == (50, 50)
    both = rule(
        per="gig", floor={"per_gig": "0.50", "per_period": "2.00"}, cap={"per_gig": "0.80", "per_period": "2.50"}
    )
    assert total(both, 1_00) == (2_00, 2_00)
    assert total(both, 10_00, 10_00, 10_00, 10_00) == (2_50, 4_00)


def test_a_threshold_comes_after_the_floor() -> None:
    assert total(rule(floor={"per_period": "0.50"}, when={"base_at_least": "2.00"}), 1_99) == (0, 0)


def test_thresholds_count_together() -> None:
    both = rule(when={"base_at_least": "10.00", "gigs_above": 2})
    assert [total(both, *fares)[0] for fares in ([10_00], [5_00, 5_00], [3_33] * 3, [3_34] * 3)] == [0, 0, 0, 1_00]


@pytest.mark.parametrize("bound", ["cap", "floor"])
def test_a_bound_is_a_multiple_of_what_the_rule_rounds_to(bound: str) -> None:
    coarse = {"direction": "half_up", "per": "period", "to": "1.00"}
    assert refused(rounding=coarse, **{bound: {"per_period": "1.50"}})[0] == f"rules[0].{bound}.per_period"
    assert refused(**{bound: {"per_period": "1.505"}})[0] == f"rules[0].{bound}.per_period"


def test_gigs_have_bounds_only_where_each_has_an_amount() -> None:
    assert refused(cap={"per_gig": "1.00"})[0] == "rules[0].cap.per_gig"


def test_a_floor_is_no_higher_than_the_cap_of_any_class() -> None:
    by_class = {"by_vehicle_class": {"car": "2.00", "bike": "1.00"}}
    wrong = {"cap": {"per_period": by_class}, "floor": {"per_period": "1.01"}}
    assert refused(**wrong)[0] == "rules[0].floor.per_period"


# Classes


def test_a_cap_by_class_holds_for_each_gig_of_that_class() -> None:
    caps = {"by_vehicle_class": {"two_wheeler": "0.50", "car": "1.00"}}
    capped = rule(rounding=PER_GIG, cap={"per_gig": caps})
    gigs = [gig(vehicle_class=each, fare=90_00) for each in ("two_wheeler", "car")]
    assert of(capped, *gigs) == {("health", "platform"): (1_50, 18_00)}


def test_what_is_due_for_several_classes_is_their_mean_by_base() -> None:
    fixed = rule(amount={"kind": "fixed", "amount": {"by_worker_class": {"old": "10.00", "young": "20.00"}}})
    mixed = [gig("trip-1", worker_class="old", fare=30_00), gig("trip-2", worker_class="young", fare=10_00)]
    assert of(fixed, *mixed) == {("health", "platform"): (12_50, 12_50)}


def test_where_nothing_was_earned_classes_count_by_their_gigs() -> None:
    fixed = rule(amount={"kind": "fixed", "amount": {"by_worker_class": {"old": "10.00", "young": "20.00"}}})
    unpaid = [
        gig("trip-1", worker_class="old", fare=0),
        *[gig(f"trip-{at}", worker_class="young", fare=0) for at in "23"],
    ]
    assert of(fixed, *unpaid) == {("health", "platform"): (16_67, 16_67)}


# Benefits


def test_weights_may_go_by_class() -> None:
    weights = [
        {"benefit": "ordinary", "weight": {"by_worker_class": {"50": 19, "30": 23}}},
        {"benefit": "special", "weight": {"by_worker_class": {"50": 8, "30": 6}}},
        {"benefit": "medisave", "weight": {"by_worker_class": {"50": 10, "30": 8}}},
    ]
    for_one = of(rule(benefits=weights), gig(worker_class="50", fare=7_400_00))
    assert [amount for amount, _ in for_one.values()] == [380_00, 160_00, 200_00]
    for_two = of(rule(benefits=weights), *[gig(worker_class=each, fare=3_700_00) for each in ("50", "30")])
    assert [amount for amount, _ in for_two.values()] == [420_00, 140_00, 180_00]


def test_a_benefit_without_weight_gets_nothing_unless_it_takes_the_rest() -> None:
    weights = [{"benefit": "health", "weight": 0}, {"benefit": "retirement", "weight": 3}]
    assert of(rule(benefits=weights), gig(fare=10_00)) == {
        ("health", "platform"): (0, 0),
        ("retirement", "platform"): (1_00, 1_00),
    }


@pytest.mark.parametrize(
    ("weights", "key"),
    [
        ([{"benefit": "health"}, {"benefit": "health"}], "rules[0].benefits"),
        ([{"benefit": "pooled"}], "rules[0].benefits"),
        ([{"benefit": "health", "weight": 0}], "rules[0].benefits"),
        ([{"benefit": "health", "weight": {}}], "rules[0].benefits[0].weight"),
        (
            [
                {"benefit": "health", "weight": {"by_worker_class": {"old": 1, "young": 0}}},
                {"benefit": "retirement", "weight": {"by_worker_class": {"old": 1, "young": 0}}},
            ],
            "rules[0].benefits",
        ),
        (
            [
                {"benefit": "health", "weight": {"by_worker_class": {"old": 1}}},
                {"benefit": "retirement", "weight": {"by_vehicle_class": {"car": 1}}},
            ],
            "rules[0].benefits",
        ),
    ],
    ids=["twice", "reserved", "no weight", "no table", "no weight for a class", "other classes"],
)
def test_what_cannot_be_split_is_refused(weights: list[dict[str, Any]], key: str) -> None:
    assert refused(benefits=weights)[0] == key


# Payers


DOLLAR = {"direction": "floor", "to": "1.00"}


def test_each_payer_bears_a_share_with_its_own_rounding_and_the_last_one_the_rest() -> None:
    parts = [{"payer": "worker", "share": "54 %", "rounding": DOLLAR}, {"payer": "platform"}]
    assert of(rule(payers=parts), gig(fare=99_90)) == {
        ("health", "worker"): (5_00, 5_00),
        ("health", "platform"): (4_99, 4_99),
    }


def test_a_payer_may_bear_an_amount_of_its_own_but_never_more_than_there_is() -> None:
    parts = [{"payer": "worker", "amount": {"kind": "percent", "rate": "8 %"}}, {"payer": "customer"}]
    assert of(rule(payers=parts), gig(fare=10_00)) == {
        ("health", "worker"): (80, 80),
        ("health", "customer"): (20, 20),
    }
    capped = rule(payers=parts, cap={"per_period": "0.50"})
    assert of(capped, gig(fare=10_00)) == {("health", "worker"): (50, 80), ("health", "customer"): (0, 20)}


def test_without_an_amount_what_is_due_is_what_the_payers_bear_together() -> None:
    parts = [
        {"payer": "worker", "amount": {"kind": "percent", "rate": "20 %"}, "rounding": DOLLAR},
        {"payer": "platform", "amount": {"kind": "percent", "rate": "17 %"}},
    ]
    to_the_dollar = {"direction": "half_up", "per": "period", "to": "1.00"}
    cpf = rule(amount=None, payers=parts, rounding=to_the_dollar)
    assert of(cpf, gig(fare=2_600_00)) == {("health", "worker"): (520_00,) * 2, ("health", "platform"): (442_00,) * 2}
    assert of(cpf, gig(fare=2_603_00)) == {("health", "worker"): (520_00,) * 2, ("health", "platform"): (443_00,) * 2}


def test_benefits_and_payers_both_add_up() -> None:
    parts = [{"payer": "worker", "share": "50 %"}, {"payer": "platform"}]
    thirds = [{"benefit": name} for name in ("health", "paid_leave", "retirement")]
    found = of(rule(payers=parts, benefits=thirds), gig(fare=50))
    of_benefits = [
        sum(amount for (name, _), (amount, _) in found.items() if name == each["benefit"]) for each in thirds
    ]
    of_payers = [sum(amount for (_, name), (amount, _) in found.items() if name == each["payer"]) for each in parts]
    assert (of_benefits, of_payers) == ([1, 1, 3], [3, 2])
    assert min(amount for amount, _ in found.values()) >= 0


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"payers": [{"payer": "worker", "share": "1 %"}]}, "rules[0].payers"),
        ({"payers": [{"payer": "worker", "share": "1 %"}, {"payer": "worker"}]}, "rules[0].payers"),
        ({"payers": [{"payer": "worker"}, {"payer": "platform"}]}, "rules[0].payers[0]"),
        ({"payers": [{"payer": "worker", "share": "1 %"}, {"payer": "platform"}], "payer": "worker"}, "rules[0].payer"),
        ({"payers": [{"payer": "worker", "share": "101 %"}, {"payer": "platform"}]}, "rules[0].payers[0].share"),
        (
            {"payers": [{"payer": "worker", "share": "1 %", "amount": PERCENT}, {"payer": "platform"}]},
            "rules[0].payers[0]",
        ),
        (
            {"payers": [{"payer": "worker", "share": "1 %"}, {"payer": "platform", "share": "99 %"}]},
            "rules[0].payers[1]",
        ),
        (
            {"payers": [{"payer": "worker", "share": "1 %"}, {"payer": "platform", "amount": PERCENT}]},
            "rules[0].payers[1].amount",
        ),
        (
            {"payers": [{"payer": "worker", "amount": PERCENT}, {"payer": "platform"}], "rounding": PER_GIG},
            "rules[0].payers[0].amount",
        ),
        ({"amount": None}, "rules[0].amount"),
        ({"amount": None, "payers": [{"payer": "worker", "share": "1 %"}, {"payer": "platform"}]}, "rules[0].amount"),
    ],
)
def test_what_nobody_could_bear_is_refused(keys: dict[str, Any], key: str) -> None:
    assert refused(**keys)[0] == key


# Units


@pytest.mark.parametrize("unit", ["0", "0.00", "0.005", "0.015"])
def test_a_rule_rounds_to_whole_cents_at_least(unit: str) -> None:
    assert refused(rounding={"direction": "up", "per": "period", "to": unit})[0] == "rules[0].rounding.to"
