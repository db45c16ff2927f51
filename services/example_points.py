"""Where a program's rules turn: amounts of work around each threshold, step, bracket and cap.

A point is chosen on one measure at a time, the other measures being ample: enough to reach what is asked of them.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import zip_longest
from math import ceil, floor
from typing import Any, Final

import msgspec
from msgspec import Struct

from domain.amount import HOUR_SECONDS, Basis, Reach, ReadyAmount
from domain.assessment import Assessor
from domain.period import days
from domain.rule import Fixed, Percent, PerGig, PerHour
from domain.rule_assessment import RuleAssessor

#: What one gig earned, and what the gigs of a period did, where no rule says which amounts are of interest.
GIG_MINOR: Final = 34_20
PERIOD_MINOR: Final = 1_234_56
PERIOD_HOURS: Final = 40
#: How many classes are looked at; whoever writes more does not look at each row.
CLASSES_MAX: Final = 200
#: Beyond all that a rule looks at, to see what it makes of one more.
_FAR: Final = 10**24


class Classes(Struct, frozen=True):
    """A class of vehicles and one of workers, empty where the program does not tell them apart."""

    vehicle: str = ""
    worker: str = ""


class Points(Struct, frozen=True):
    """Earnings (minor units), engaged seconds and gigs to look at, in rising order; and what is ample of each."""

    earned_minor: tuple[int, ...]
    seconds: tuple[int, ...]
    gigs: tuple[int, ...]
    ample: tuple[int, int, int]
    classes: tuple[Classes, ...]
    #: Whether hours a week are asked for.
    is_by_week: bool


def points(assessor: Assessor, period: str) -> Points:
    """The points of interest of a program in a period, for the first of its classes."""
    classes = _classes(assessor)
    places = [_Places(assessor, period, each) for each in classes[:CLASSES_MAX]]
    first = places[0]
    ample = tuple([max(values) for values in zip(*[each.ample() for each in places], strict=True)])
    return Points(
        tuple(sorted(first.earned_minor())),
        tuple(sorted(first.seconds())),
        tuple(sorted(first.gigs())),
        ample,
        classes,
        first.is_by_week,
    )


class _Places:
    """The points of interest for one class of gigs."""

    def __init__(self, assessor: Assessor, period: str, classes: Classes) -> None:
        self._assessor = assessor
        self._days = days(period)
        self._classes = classes
        nodes = [node for rule in assessor.rules for amount in _amounts(rule) for node in _nodes(amount)]
        self._leaves = [node for node in nodes if not node.parts]
        steps = [reach for node in nodes for reach in node.reaches]
        self._reaches = [reach for rule in assessor.rules for reach in rule.thresholds] + steps
        self._is_per_gig = all(rule.is_per_gig for rule in assessor.rules)

    @property
    def is_by_week(self) -> bool:
        """Whether the rules ask for hours a week."""
        return bool(self._reached_by("weekly_hours"))

    def ample(self) -> tuple[int, int, int]:
        """Earnings, engaged seconds and gigs that reach everything."""
        return (max(self.earned_minor(), default=0), self._ample_seconds(), max(self.gigs(), default=1))

    def earned_minor(self) -> set[int]:
        """Earnings below, at and above whatever the rules ask of the base; nothing where they do not look at it."""
        rates = [rate for leaf in self._of(Percent) if (rate := self._slope(leaf))]
        found = {at for reach in self._reached_by("base") for at in _around(self._earned(reach.least), reach)}
        if not (found or self._of(Percent)):
            return set()
        for leaf in self._of(Percent):
            found.add(floor(self._earned(self._starts(leaf))))
        for target in self._targets():
            for rate in rates[:1]:
                at = ceil(self._earned(target / rate))
                found |= {at // 2, at, 2 * at}
        typical = GIG_MINOR if self._is_per_gig else PERIOD_MINOR
        highest = max(found)
        return {at for at in found if at > 0} | {typical if typical > highest else 2 * highest}

    def seconds(self) -> set[int]:
        """Engaged seconds below and at whatever the rules ask of them; nothing where they do not look at them."""
        found = {at for reach in self._reached_by("hours") for at in _around(reach.least * HOUR_SECONDS, reach)}
        for reach in self._reached_by("weekly_hours"):
            found |= _around(reach.least * HOUR_SECONDS * self._days / 7, reach)
        if self._of(PerHour):
            found |= {self._ample_seconds(), self._ample_seconds() // 2}
        return {at for at in found if at > 0}

    def gigs(self) -> set[int]:
        """Numbers of gigs below and at whatever the rules ask of them; nothing where they do not look at them."""
        found = {at for reach in self._reached_by("gigs") for at in _around(reach.least, reach)}
        if self._of(PerGig) and not self._is_per_gig:
            found |= {1, 10}
        return {at for at in found if at > 0}

    def _ample_seconds(self) -> int:
        typical = HOUR_SECONDS * (1 if self._is_per_gig else PERIOD_HOURS)
        asked = [reach.least * HOUR_SECONDS for reach in self._reached_by("hours")]
        asked += [reach.least * HOUR_SECONDS * self._days / 7 for reach in self._reached_by("weekly_hours")]
        return max([typical, *[floor(at) + 1 for at in asked]])

    def _targets(self) -> Iterator[Fraction]:
        """Amounts, in minor units, at which a rule turns: caps and floors, and what stands beside a percentage."""
        basis = self._basis()
        for rule in self._assessor.rules:
            for bound in (rule.cap.per_gig, rule.cap.per_period, rule.floor.per_gig, rule.floor.per_period):
                if bound is not None:
                    yield bound.of(basis)
        hours = Fraction(self._ample_seconds(), HOUR_SECONDS)
        for leaf in self._leaves:
            if isinstance(leaf.written, PerHour):
                yield leaf.exact.of(self._basis(seconds=HOUR_SECONDS)) * hours
            elif isinstance(leaf.written, Fixed):
                yield leaf.exact.of(basis)

    def _of(self, kind: type) -> list[ReadyAmount]:
        return [leaf for leaf in self._leaves if isinstance(leaf.written, kind)]

    def _reached_by(self, measure: str) -> list[Reach]:
        return [reach for reach in self._reaches if reach.by == measure]

    def _basis(self, base_minor: int = 0, seconds: int = 0) -> Basis:
        base = base_minor * self._assessor.base_denominator
        return Basis(0, base, seconds, self._days, self._classes.vehicle, self._classes.worker)

    def _slope(self, leaf: ReadyAmount) -> Fraction:
        """The rate of a percentage."""
        return leaf.exact.of(self._basis(_FAR + 1)) - leaf.exact.of(self._basis(_FAR))

    def _starts(self, leaf: ReadyAmount) -> Fraction:
        """The base above which a percentage counts, in minor units."""
        rate = self._slope(leaf)
        return _FAR - leaf.exact.of(self._basis(_FAR)) / rate if rate else Fraction()

    def _earned(self, base_minor: Fraction) -> Fraction:
        """Earnings whose base, after the deduction, is this."""
        share = self._assessor.counted_share.of(self._basis())
        return base_minor / share if share else base_minor


def _around(at: Fraction, reach: Reach) -> set[int]:
    """The greatest whole number that does not reach a threshold, and the least that does."""
    least = floor(at) + 1 if reach.is_strict else ceil(at)
    return {least - 1, least}


def _amounts(rule: RuleAssessor) -> list[ReadyAmount]:
    return [rule.amount, *[part.amount for part in rule.parts if part.amount is not None]]


def _nodes(amount: ReadyAmount) -> Iterator[ReadyAmount]:
    yield amount
    for part in amount.parts:
        yield from _nodes(part)


def _classes(assessor: Assessor) -> tuple[Classes, ...]:
    """Each class once, in the order in which the program names them; where it tells none apart, the one there is."""
    written = msgspec.to_builtins(assessor.version)
    vehicles, workers = [_codes(written, name) or [""] for name in ("by_vehicle_class", "by_worker_class")]
    found = [Classes(vehicles[0], workers[0])]
    # In turn, so that the first few show something of both.
    for vehicle, worker in zip_longest(vehicles[1:], workers[1:]):
        found += [Classes(vehicle, workers[0])] if vehicle is not None else []
        found += [Classes(vehicles[0], worker)] if worker is not None else []
    return tuple(found)


def _codes(written: Any, name: str) -> list[str]:
    """The codes of the first table of this name; all tables of a name list the same."""
    inner: Iterable[Any] = ()
    if isinstance(written, dict):
        if written.get(name):
            return list(written[name])
        inner = written.values()
    elif isinstance(written, list | tuple):
        inner = written
    return next((codes for each in inner if (codes := _codes(each, name))), [])
