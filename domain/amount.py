"""Amounts made ready to compute: from what a rule says to exact functions of what was measured.

Every amount has a denominator of its own, fixed by the constants of the rule, and computes numerators over it: whole
numbers from the first to the last step, exact and quick. Amounts are minor units; nothing here rounds.

Making one ready checks it: `Malformed` names the key at fault and says what is allowed there.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Final, TypeVar

from msgspec import Struct

from domain.money import decimal, minor, percent, written
from domain.rejections import Malformed
from domain.rule import (
    Amount,
    ByClass,
    Fixed,
    Greater,
    Lesser,
    Measured,
    Percent,
    PerGig,
    PerHour,
    Step,
    Steps,
    Sum,
    Value,
    WeightByClass,
    When,
)

T = TypeVar("T")

#: How deep amounts may stand in one another.
DEPTH_MAX: Final = 8
RATE_MAX: Final = Fraction(10)
#: As much as one component of a gig's earnings may be. What a period may come to is bounded by `work_period`.
MONEY_MAX_MINOR: Final = 10**12
HOUR_SECONDS: Final = 3_600


class Basis(Struct, frozen=True, gc=False):
    """What an amount is made of: one gig, or all that count in a period, with the class whose rates are used.

    `base` is a numerator over the program's `base_denominator`, in minor units; `days` is the length of the period.
    """

    gigs: int
    base: int
    engaged_seconds: int
    days: int
    vehicle_class: str = ""
    worker_class: str = ""


Numerator = Callable[[Basis], int]


class Terms(Struct, frozen=True):
    """What amounts need to know of their program: its currency, the denominator of its base, and whose rule it is."""

    currency: str
    base_denominator: int
    is_per_gig: bool


class Exact(Struct, frozen=True):
    """A number for each class, ready to compute: `numerator(basis) / denominator`."""

    denominator: int
    numerator: Numerator
    is_by_class: bool = False
    classes: tuple[tuple[str, frozenset[str]], ...] = ()

    def of(self, basis: Basis) -> Fraction:
        """The exact number."""
        return Fraction(self.numerator(basis), self.denominator)


class Reach(Struct, frozen=True):
    """A threshold, ready to compare."""

    by: Measured
    least: Fraction
    is_strict: bool
    is_reached: Callable[[Basis], bool]


class ReadyAmount(Struct, frozen=True):
    """An amount ready to compute, with what was written; `parts` are those it is made of, `reaches` its steps'."""

    written: Amount
    exact: Exact
    parts: tuple["ReadyAmount", ...] = ()
    reaches: tuple[Reach, ...] = ()


# Values: a number, or one for each class


def money_value(value: Value, currency: str, key: str) -> Exact:
    """Money, in minor units."""
    return _value(value, lambda text, at: _money(text, currency, at), key)


def rate_value(value: Value, key: str) -> Exact:
    """A rate, as a ratio."""
    return _value(value, _rate, key)


def _money(text: str, currency: str, key: str) -> Fraction:
    amount = minor(decimal(text, key=key), currency)
    if amount > MONEY_MAX_MINOR:
        raise Malformed(f"expected at most {written(MONEY_MAX_MINOR, currency)}, got {text!r}", key=key)
    return amount


def _rate(text: str, key: str) -> Fraction:
    rate = percent(text, key=key)
    if rate > RATE_MAX:
        raise Malformed(f"expected at most {RATE_MAX * 100} %, got {text!r}", key=key)
    return rate


def _value(value: Value, read: Callable[[str, str], Fraction], key: str) -> Exact:
    if isinstance(value, str):
        ratio = read(value, key)
        return by_class(ratio.denominator, {"": ratio.numerator}, "")
    name, texts = table(value, key)
    ratios = {code: read(text, f"{key}.{name}.{code}") for code, text in texts.items()}
    denominator = lcm(*[ratio.denominator for ratio in ratios.values()])
    return by_class(denominator, {code: int(ratio * denominator) for code, ratio in ratios.items()}, name)


def by_class(denominator: int, numerators: dict[str, int], name: str) -> Exact:
    """A number for each class of the table `name`; without a name the only one there is, under the empty code."""
    classes = ((name, frozenset(numerators)),)
    match name:
        case "by_vehicle_class":
            return Exact(denominator, lambda basis: numerators[basis.vehicle_class], True, classes)
        case "by_worker_class":
            return Exact(denominator, lambda basis: numerators[basis.worker_class], True, classes)
        case _:
            constant = numerators[""]
            return Exact(denominator, lambda _: constant)


def table(value: ByClass, key: str) -> tuple[str, dict[str, str]]:
    """The one table of a value by class, and its name."""
    return _one_table(value.by_vehicle_class, value.by_worker_class, key)


def weight_table(value: WeightByClass, key: str) -> tuple[str, dict[str, int]]:
    """The one table of a weight by class, and its name."""
    return _one_table(value.by_vehicle_class, value.by_worker_class, key)


def _one_table(by_vehicle_class: dict[str, T], by_worker_class: dict[str, T], key: str) -> tuple[str, dict[str, T]]:
    if bool(by_vehicle_class) == bool(by_worker_class):
        raise Malformed("expected one table, by_vehicle_class or by_worker_class, with one class or more", key=key)
    return ("by_vehicle_class", by_vehicle_class) if by_vehicle_class else ("by_worker_class", by_worker_class)


# Thresholds


def reach(by: Measured, least: str, terms: Terms, key: str, *, is_strict: bool) -> Reach:
    """A threshold on a measure, reached at `least`, or only above it."""
    number = decimal(least, key=key)
    if by == "weekly_hours" and terms.is_per_gig:
        raise Malformed("hours a week are averaged over a period: expected a rule per period", key=key)
    if by == "base":
        number = minor(number, terms.currency)
    n, d = number.numerator, number.denominator
    above = 1 if is_strict else 0
    return Reach(by, number, is_strict, _comparison(by, n, d, above, terms.base_denominator))


def _comparison(by: Measured, n: int, d: int, above: int, base_denominator: int) -> Callable[[Basis], bool]:
    """Whether a measure is at least `n / d`, or above it where `above` is 1: whole numbers on both sides."""
    match by:
        case "base":
            base_least = n * base_denominator + above
            return lambda basis: basis.base * d >= base_least
        case "gigs":
            return lambda basis: basis.gigs * d >= n + above
        case "hours":
            seconds_least = n * HOUR_SECONDS + above
            return lambda basis: basis.engaged_seconds * d >= seconds_least
        case "weekly_hours":
            # Average hours a week: engaged hours ÷ (days ÷ 7).
            week_least = n * HOUR_SECONDS
            return lambda basis: basis.engaged_seconds * 7 * d >= week_least * basis.days + above


#: The keys of `when`: the key, the measure it looks at, and whether the measure must lie above.
WHEN_KEYS: Final[tuple[tuple[str, Measured, bool], ...]] = (
    ("base_at_least", "base", False),
    ("base_above", "base", True),
    ("gigs_at_least", "gigs", False),
    ("gigs_above", "gigs", True),
    ("hours_at_least", "hours", False),
    ("hours_above", "hours", True),
    ("weekly_hours_at_least", "weekly_hours", False),
    ("weekly_hours_above", "weekly_hours", True),
)


def thresholds(when: When, terms: Terms, key: str) -> tuple[Reach, ...]:
    """The thresholds that must all be reached."""
    found = []
    for name, by, is_strict in WHEN_KEYS:
        least = getattr(when, name)
        if least is not None:
            found.append(reach(by, str(least), terms, f"{key}.{name}", is_strict=is_strict))
    return tuple(found)


# Amounts


def ready(amount: Amount, terms: Terms, key: str, depth: int = 1) -> ReadyAmount:
    """An amount made ready to compute; raises `Malformed` naming the key below `key` that is at fault."""
    if depth > DEPTH_MAX:
        raise Malformed(f"expected at most {DEPTH_MAX} amounts within one another", key=key)
    match amount:
        case Percent():
            return ReadyAmount(amount, _percent(amount, terms, key))
        case PerHour():
            value = _additive(amount, terms, key)
            return ReadyAmount(amount, _times(value, HOUR_SECONDS, lambda basis: basis.engaged_seconds))
        case PerGig():
            value = _additive(amount, terms, key)
            return ReadyAmount(amount, _times(value, 1, lambda basis: basis.gigs))
        case Fixed():
            return ReadyAmount(amount, money_value(amount.amount, terms.currency, f"{key}.amount"))
        case Lesser():
            return _combined(amount, min, terms, key, depth)
        case Greater():
            return _combined(amount, max, terms, key, depth)
        case Sum():
            return _combined(amount, sum, terms, key, depth)
        case Steps():
            return _steps(amount, terms, key, depth)


def _additive(amount: PerHour | PerGig, terms: Terms, key: str) -> Exact:
    """An amount that each gig has by itself: by class it is made of each gig, not by the classes' shares of a base."""
    if not isinstance(amount.amount, str) and not terms.is_per_gig:
        raise Malformed('by class, an amount is made of each gig: write per = "gig" in the rule', key=f"{key}.amount")
    return money_value(amount.amount, terms.currency, f"{key}.amount")


def _times(value: Exact, denominator: int, measure: Numerator) -> Exact:
    """A value times a measure over a denominator."""
    numerator = value.numerator
    return Exact(
        value.denominator * denominator,
        lambda basis: numerator(basis) * measure(basis),
        value.is_by_class,
        value.classes,
    )


def _percent(amount: Percent, terms: Terms, key: str) -> Exact:
    rate = rate_value(amount.rate, f"{key}.rate")
    if amount.over is None:
        return _times(rate, terms.base_denominator, lambda basis: basis.base)
    over = minor(decimal(amount.over, key=f"{key}.over"), terms.currency)
    if over.denominator != 1:
        raise Malformed("expected a multiple of the smallest unit of the currency", key=f"{key}.over")
    left_out = int(over) * terms.base_denominator
    return _times(rate, terms.base_denominator, lambda basis: max(basis.base - left_out, 0))


def _combined(
    amount: Lesser | Greater | Sum, combine: Callable[[Iterable[int]], int], terms: Terms, key: str, depth: int
) -> ReadyAmount:
    if not 2 <= len(amount.of) <= 100:
        raise Malformed("expected two amounts or more, 100 at most", key=f"{key}.of")
    parts = tuple([ready(part, terms, f"{key}.of[{index}]", depth + 1) for index, part in enumerate(amount.of)])
    return combined(amount, combine, parts)


def combined(amount: Amount, combine: Callable[[Iterable[int]], int], parts: tuple[ReadyAmount, ...]) -> ReadyAmount:
    """One amount made of several."""
    denominator, numerators = _on_one_denominator([part.exact for part in parts])
    exact = Exact(
        denominator,
        lambda basis: combine([numerator(basis) for numerator in numerators]),
        any(part.exact.is_by_class for part in parts),
        _classes(parts),
    )
    return ReadyAmount(amount, exact, parts)


def _classes(parts: tuple[ReadyAmount, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple([each for part in parts for each in part.exact.classes])


def _steps(amount: Steps, terms: Terms, key: str, depth: int) -> ReadyAmount:
    reaches = tuple([_step(step, amount.by, terms, f"{key}.steps[{at}]") for at, step in enumerate(amount.steps)])
    for at, (lower, higher) in enumerate(pairwise(reaches), 1):
        if (lower.least, lower.is_strict) >= (higher.least, higher.is_strict):
            raise Malformed("expected steps in rising order", key=f"{key}.steps[{at}]")
    parts = tuple(
        [_step_amount(step, terms, f"{key}.steps[{at}].amount", depth) for at, step in enumerate(amount.steps)]
    )
    denominator, numerators = _on_one_denominator([part.exact for part in parts])
    highest_first = tuple(zip([each.is_reached for each in reversed(reaches)], reversed(numerators), strict=True))

    def numerator(basis: Basis) -> int:
        for is_reached, of in highest_first:
            if is_reached(basis):
                return of(basis)
        return 0

    is_by_class = any(part.exact.is_by_class for part in parts)
    return ReadyAmount(amount, Exact(denominator, numerator, is_by_class, _classes(parts)), parts, reaches)


def _step(step: Step, by: Measured, terms: Terms, key: str) -> Reach:
    if (step.at_least is None) == (step.above is None):
        raise Malformed("expected one of at_least and above", key=key)
    if step.above is not None:
        return reach(by, step.above, terms, f"{key}.above", is_strict=True)
    return reach(by, step.at_least or "", terms, f"{key}.at_least", is_strict=False)


def _step_amount(step: Step, terms: Terms, key: str, depth: int) -> ReadyAmount:
    if isinstance(step.amount, str):
        return ReadyAmount(Fixed(step.amount), money_value(step.amount, terms.currency, key))
    return ready(step.amount, terms, key, depth + 1)


def _on_one_denominator(each: list[Exact]) -> tuple[int, list[Numerator]]:
    """The same numbers over their least common denominator."""
    denominator = lcm(*[exact.denominator for exact in each])
    return denominator, [_scaled(exact.numerator, denominator // exact.denominator) for exact in each]


def _scaled(numerator: Numerator, factor: int) -> Numerator:
    return numerator if factor == 1 else lambda basis: factor * numerator(basis)
