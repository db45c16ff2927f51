"""The oracle's smaller half: what an amount, a value or a rounding makes of one gig or of a period, as written.

Deliberately naive; see `naive_program`.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, TypeVar, assert_never

from domain.gig import Gig
from domain.rounding import Direction
from domain.rule import (
    Amount,
    Fixed,
    Greater,
    Lesser,
    Percent,
    PerGig,
    PerHour,
    ProgramVersion,
    Share,
    Step,
    Steps,
    Sum,
    Value,
)

T = TypeVar("T")

DECIMALS = {"USD": 2, "JPY": 0, "KWD": 3}


class Seen(NamedTuple):
    """What an amount looks at, with the class of gigs whose rates it uses; money in minor units."""

    base: Fraction
    hours: Fraction
    gigs: int
    weekly_hours: Fraction
    vehicle_class: str | None
    worker_class: str | None


def amount_of(version: ProgramVersion, amount: Amount, seen: Seen) -> Fraction:
    """What an amount comes to."""
    match amount:
        case Percent():
            over = money(version, amount.over) if amount.over else Fraction()
            return rate(chosen(amount.rate, seen)) * max(seen.base - over, Fraction())
        case PerHour():
            return money(version, chosen(amount.amount, seen)) * seen.hours
        case PerGig():
            return money(version, chosen(amount.amount, seen)) * seen.gigs
        case Fixed():
            return money(version, chosen(amount.amount, seen))
        case Lesser():
            return min(amount_of(version, each, seen) for each in amount.of)
        case Greater():
            return max(amount_of(version, each, seen) for each in amount.of)
        case Sum():
            return sum([amount_of(version, each, seen) for each in amount.of], Fraction())
        case Steps():
            reached = [step for step in amount.steps if _is_reached(version, amount, step, seen)]
            return _step_amount(version, reached[-1], seen) if reached else Fraction()
        case _:
            assert_never(amount)


def _is_reached(version: ProgramVersion, amount: Steps, step: Step, seen: Seen) -> bool:
    text = step.at_least if step.above is None else step.above
    least = money(version, text or "") if amount.by == "base" else Fraction(text or "")
    measured: Fraction | int = getattr(seen, amount.by)
    return measured >= least if step.above is None else measured > least


def _step_amount(version: ProgramVersion, step: Step, seen: Seen) -> Fraction:
    return money(version, step.amount) if isinstance(step.amount, str) else amount_of(version, step.amount, seen)


def weight_of(share: Share, shares: Sequence[Share], seen: Seen) -> Fraction:
    """A benefit's part of the whole, by the weights of a class."""
    weights = {}
    for each in shares:
        of = each.weight
        weights[each.benefit] = of if isinstance(of, int) else _listed(of.by_vehicle_class, of.by_worker_class, seen)
    return Fraction(weights[share.benefit], sum(weights.values()))


def chosen(value: Value, seen: Seen) -> str:
    """A value's text for the class of gigs at hand."""
    return value if isinstance(value, str) else _listed(value.by_vehicle_class, value.by_worker_class, seen)


def _listed(by_vehicle_class: dict[str, T], by_worker_class: dict[str, T], seen: Seen) -> T:
    if by_vehicle_class:
        return by_vehicle_class[seen.vehicle_class or ""]
    return by_worker_class[seen.worker_class or ""]


def base_of_gig(version: ProgramVersion, gig: Gig) -> Fraction:
    """What of a gig's earnings counts, after the deduction."""
    earned = sum(gig.earnings.get(component, 0) for component in version.base.components)
    if version.base.deduction is None:
        return Fraction(earned)
    seen = Seen(Fraction(), Fraction(), 0, Fraction(), gig.vehicle_class, gig.worker_class)
    return earned * (1 - rate(chosen(version.base.deduction, seen)))


def hours(gig: Gig) -> Fraction:
    """Engaged time in hours."""
    return Fraction(gig.engaged_seconds, 3_600)


def rate(text: str) -> Fraction:
    """A rate as a ratio."""
    return Fraction(text.removesuffix("%").strip()) / 100


def money(version: ProgramVersion, text: str) -> Fraction:
    """A decimal in minor units of the program's currency."""
    return Fraction(text) * Fraction(10) ** DECIMALS[version.currency]


def rounded_to(version: ProgramVersion, to: str | None, direction: Direction, amount: Fraction) -> int:
    """An amount rounded to a multiple of `to`, or of the smallest unit."""
    unit = money(version, to) if to else Fraction(1)
    return int(rounded(amount / unit, direction) * unit)


def rounded(amount: Fraction, direction: Direction) -> int:
    """Amounts here are never negative, so that `down` is `floor` and `up` is `ceiling`."""
    assert amount >= 0
    match direction:
        case "half_up":
            return math.floor(amount + Fraction(1, 2))
        case "half_down":
            return math.ceil(amount - Fraction(1, 2))
        case "half_even":
            return round(amount)
        case "floor" | "down":
            return math.floor(amount)
        case "ceiling" | "up":
            return math.ceil(amount)
