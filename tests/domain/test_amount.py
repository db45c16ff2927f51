"""Amounts are exact functions of what was measured; what is written wrong is refused with its key."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from domain.amount import Basis, ReadyAmount, Terms, money_value, rate_value, reach, ready, thresholds
from domain.rejections import Malformed
from domain.rule import Amount, ByClass, When

PER_PERIOD = Terms("USD", 1, is_per_gig=False)
PER_GIG = Terms("USD", 1, is_per_gig=True)


def made(written: dict[str, Any], terms: Terms = PER_PERIOD) -> ReadyAmount:
    """An amount as it stands in a program file, ready to compute."""
    return ready(msgspec.convert(written, Amount), terms, "rules[0].amount")


def seen(*, gigs: int = 1, base: int = 0, seconds: int = 0, days: int = 30, **classes: str) -> Basis:
    """What was measured, with the base in minor units."""
    return Basis(gigs, base, seconds, days, **classes)


def of(written: dict[str, Any], basis: Basis) -> Fraction:
    return made(written).exact.of(basis)


def refused(written: dict[str, Any], terms: Terms = PER_PERIOD) -> tuple[str, str]:
    """The key at fault, and what is said of it."""
    with pytest.raises(Malformed) as refusal:
        made(written, terms)
    return refusal.value.key, refusal.value.reason


# One amount


def test_a_percentage_is_a_ratio_of_the_base_and_nothing_is_rounded() -> None:
    assert of({"kind": "percent", "rate": "2.75 %"}, seen(base=34_20)) == Fraction("94.05")
    assert of({"kind": "percent", "rate": "33.333333333333 %"}, seen(base=1)) == Fraction("0.33333333333333")


def test_a_percentage_over_an_amount_looks_only_at_what_lies_above_it() -> None:
    graduated = {"kind": "percent", "rate": "60 %", "over": "500.00"}
    assert of(graduated, seen(base=500_00)) == 0
    assert of(graduated, seen(base=499_99)) == 0
    assert of(graduated, seen(base=500_01)) == Fraction("0.6")
    assert of(graduated, seen(base=501_00)) == 60


def test_an_amount_an_hour_is_prorated_to_the_second() -> None:
    hourly = {"kind": "per_hour", "amount": "2.00"}
    assert of(hourly, seen(seconds=1_800)) == 100
    assert of(hourly, seen(seconds=1)) == Fraction(200, 3_600)


def test_an_amount_a_gig_counts_the_gigs_and_a_fixed_one_nothing() -> None:
    assert of({"kind": "per_gig", "amount": "5.00"}, seen(gigs=24)) == 120_00
    assert of({"kind": "fixed", "amount": "5.00"}, seen(gigs=24)) == 5_00
    assert of({"kind": "fixed", "amount": "0.005"}, seen()) == Fraction(1, 2)


def test_the_base_is_a_numerator_over_the_denominator_of_the_program() -> None:
    thirds = Terms("USD", 3, is_per_gig=False)
    assert made({"kind": "percent", "rate": "10 %"}, thirds).exact.of(seen(base=100)) == Fraction(100, 30)
    over = made({"kind": "percent", "rate": "10 %", "over": "0.33"}, thirds)
    assert over.exact.of(seen(base=100)) == Fraction(1, 30)


def test_money_follows_the_currency() -> None:
    assert made({"kind": "fixed", "amount": "5"}, Terms("JPY", 1, False)).exact.of(seen()) == 5
    assert made({"kind": "fixed", "amount": "5"}, Terms("KWD", 1, False)).exact.of(seen()) == 5_000


# Several amounts


EACH = [{"kind": "percent", "rate": "15 %"}, {"kind": "per_hour", "amount": "2.00"}]


def test_of_several_amounts_the_lesser_the_greater_or_all_of_them_count() -> None:
    basis = seen(base=20_00, seconds=1_800)
    assert of({"kind": "lesser", "of": EACH}, basis) == 1_00
    assert of({"kind": "greater", "of": EACH}, basis) == 3_00
    assert of({"kind": "sum", "of": EACH}, basis) == 4_00


def test_amounts_stand_in_one_another_and_keep_what_was_written() -> None:
    nested = made({"kind": "greater", "of": [{"kind": "lesser", "of": EACH}, {"kind": "fixed", "amount": "0.50"}]})
    assert nested.exact.of(seen(base=1_00, seconds=3_600)) == 50
    assert nested.exact.of(seen(base=20_00, seconds=3_600)) == 2_00
    assert [type(part.written).__name__ for part in nested.parts] == ["Lesser", "Fixed"]
    assert [part.exact.of(seen(base=20_00)) for part in nested.parts[0].parts] == [3_00, 0]


@pytest.mark.parametrize("kind", ["lesser", "greater", "sum"])
def test_one_amount_is_not_several(kind: str) -> None:
    assert refused({"kind": kind, "of": EACH[:1]})[0] == "rules[0].amount.of"
    assert refused({"kind": kind, "of": EACH * 51})[0] == "rules[0].amount.of"


def test_amounts_within_one_another_have_an_end() -> None:
    deep: dict[str, Any] = EACH[0]
    for _ in range(8):
        deep = {"kind": "sum", "of": [deep, EACH[1]]}
    key, reason = refused(deep)
    assert key == "rules[0].amount" + ".of[0]" * 8
    assert reason == "expected at most 8 amounts within one another"
    made(deep["of"][0])


# Steps


def stepped(by: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "steps", "by": by, "steps": list(steps)}


STIPEND = stepped(
    "weekly_hours",
    {"at_least": "15", "amount": "537.00"},
    {"at_least": "25", "amount": {"kind": "fixed", "amount": "1074"}},
)


@pytest.mark.parametrize(
    ("seconds", "amount"),
    [(0, 0), (702_000 - 1, 0), (702_000, 537_00), (1_170_000 - 1, 537_00), (1_170_000, 1_074_00)],
)
def test_the_highest_step_reached_counts_and_below_the_first_nothing_is_due(seconds: int, amount: int) -> None:
    assert of(STIPEND, seen(seconds=seconds, days=91)) == amount


def test_hours_a_week_are_averaged_exactly_over_the_days_of_the_period() -> None:
    """15 hours a week for 31 days are 66 hours, 25 minutes and 42.86 seconds."""
    assert of(STIPEND, seen(seconds=239_142, days=31)) == 0
    assert of(STIPEND, seen(seconds=239_143, days=31)) == 537_00


def test_a_bracket_may_begin_above_its_threshold() -> None:
    brackets = stepped("base", {"above": "50.00", "amount": "1.00"}, {"at_least": "500.00", "amount": "2.00"})
    assert [of(brackets, seen(base=base)) for base in (50_00, 50_01, 499_99, 500_00)] == [0, 1_00, 1_00, 2_00]


def test_the_same_threshold_may_be_reached_and_then_passed() -> None:
    both = stepped("gigs", {"at_least": "2", "amount": "1.00"}, {"above": "2", "amount": "2.00"})
    assert [of(both, seen(gigs=gigs)) for gigs in (1, 2, 3)] == [0, 1_00, 2_00]


def test_a_base_in_fractions_of_a_cent_passes_a_threshold_by_less_than_a_cent() -> None:
    over = made(stepped("base", {"above": "1.00", "amount": "1.00"}), Terms("USD", 3, False)).exact
    assert [over.of(seen(base=base)) for base in (300, 301)] == [0, 1_00]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"at_least": "2"}, {"at_least": "1"}),
        ({"at_least": "2"}, {"at_least": "2.0"}),
        ({"above": "2"}, {"at_least": "2"}),
    ],
)
def test_steps_rise(first: dict[str, str], second: dict[str, str]) -> None:
    wrong = stepped("hours", {**first, "amount": "1.00"}, {**second, "amount": "2.00"})
    assert refused(wrong) == ("rules[0].amount.steps[1]", "expected steps in rising order")


@pytest.mark.parametrize("step", [{}, {"at_least": "1", "above": "1"}])
def test_a_step_has_one_threshold(step: dict[str, str]) -> None:
    key, reason = refused(stepped("hours", {**step, "amount": "1.00"}))
    assert (key, reason) == ("rules[0].amount.steps[0]", "expected one of at_least and above")


def test_one_gig_has_no_weeks() -> None:
    assert refused(STIPEND, PER_GIG)[0] == "rules[0].amount.steps[0].at_least"


# Classes


def test_a_value_by_class_is_that_of_the_gigs_at_hand() -> None:
    by_class = {"by_worker_class": {"under-55": "37 %", "over-70": "12.5 %"}}
    rate = {"kind": "percent", "rate": by_class}
    assert of(rate, seen(base=100, worker_class="under-55")) == 37
    assert of(rate, seen(base=100, worker_class="over-70")) == Fraction("12.5")
    assert made(rate).exact.is_by_class
    assert made(rate).exact.classes == (("by_worker_class", frozenset({"under-55", "over-70"})),)


def test_amounts_made_of_such_values_go_by_class_too() -> None:
    fixed = {"kind": "fixed", "amount": {"by_vehicle_class": {"car": "1.00", "bike": "0.50"}}}
    for amount in ({"kind": "sum", "of": [fixed, *EACH]}, stepped("gigs", {"at_least": "1", "amount": fixed})):
        assert made(amount).exact.is_by_class
        assert of(amount, seen(vehicle_class="bike")) == 50


@pytest.mark.parametrize(
    "value", [ByClass(), ByClass({"car": "1.00"}, {"young": "1.00"})], ids=["no table", "two tables"]
)
def test_a_value_by_class_has_one_table(value: ByClass) -> None:
    with pytest.raises(Malformed) as refusal:
        money_value(value, "USD", "rules[0].cap.per_gig")
    assert refusal.value.key == "rules[0].cap.per_gig"


def test_what_is_wrong_for_one_class_is_refused_with_the_key_of_that_class() -> None:
    key, _ = refused({"kind": "percent", "rate": {"by_vehicle_class": {"car": "1 %", "bike": "1"}}})
    assert key == "rules[0].amount.rate.by_vehicle_class.bike"


# Numbers


@pytest.mark.parametrize("text", ["", "-1 %", "1", "1e3 %", "1,5 %", "1000.1 %", "NaN %"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        rate_value(text, "rate")
    assert refusal.value.key == "rate"


@pytest.mark.parametrize("text", ["", "-1.00", "1e3", "1,50", "$5", ".5", "5."])
def test_what_is_no_amount_of_money_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        money_value(text, "USD", "amount")
    assert refusal.value.key == "amount"


def test_an_amount_of_money_has_a_limit_so_that_no_sum_outgrows_what_views_hold() -> None:
    assert money_value("10000000000.00", "USD", "amount").of(seen()) == 10**12
    for text, currency in (("10000000000.01", "USD"), ("1000000000000.1", "JPY"), ("999999999999999.999", "KWD")):
        with pytest.raises(Malformed, match="amount: expected at most"):
            money_value(text, currency, "amount")


def test_what_is_over_an_amount_begins_at_a_whole_cent() -> None:
    assert refused({"kind": "percent", "rate": "1 %", "over": "0.005"})[0] == "rules[0].amount.over"


# Thresholds


def test_every_threshold_is_exact_and_either_reached_or_passed() -> None:
    for by, basis in (
        ("base", seen(base=10_00)),
        ("gigs", seen(gigs=10)),
        ("hours", seen(seconds=36_000)),
        ("weekly_hours", seen(seconds=36_000, days=7)),
    ):
        at, above = [reach(by, "10", PER_PERIOD, by, is_strict=strict) for strict in (False, True)]  # type: ignore[arg-type]
        assert (at.is_reached(basis), above.is_reached(basis)) == (True, False)


def test_thresholds_hold_all_that_is_written() -> None:
    found = thresholds(When(base_at_least="1000.00", gigs_above=100), PER_PERIOD, "rules[0].when")
    assert [(each.by, int(each.least), each.is_strict) for each in found] == [
        ("base", 1_000_00, False),
        ("gigs", 100, True),
    ]
    assert thresholds(When(), PER_PERIOD, "rules[0].when") == ()


def test_a_threshold_that_is_no_number_is_refused_with_its_key() -> None:
    with pytest.raises(Malformed) as refusal:
        thresholds(When(hours_above="ten"), PER_PERIOD, "rules[0].when")
    assert refusal.value.key == "rules[0].when.hours_above"
