"""What a program makes of totals: the pure function *totals → amount per benefit, payer and platform*.

An `Assessor` is a program version made ready to compute: its decimals turned into exact ratios, once. What a gig
accrues is `entitlement(totals after) - entitlement(totals before)`; nothing else in the exchange computes a
contribution.

The total of each rule goes over its benefits, then its payers, then, where the program is pooled, the platforms.
"""

from datetime import date
from fractions import Fraction
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from msgspec import Struct

from domain.amount import Basis, Exact, Terms, by_class, rate_value
from domain.gig import Gig
from domain.identifiers import RESERVED_NAMES
from domain.money import EXPONENTS
from domain.period import days, is_period_start
from domain.rejections import Malformed
from domain.rounding import apportioned
from domain.rule import Base, ProgramVersion, Rule
from domain.rule_assessment import Mix, RuleAssessor
from domain.totals import Cell, Totals

_NOTHING: Final = Basis(0, 0, 0, 0)
#: No deduction: all of it counts.
_ALL: Final = by_class(1, {"": 1}, "")


class UnlistedClass(Malformed):
    """A program tells gigs apart by a class, and does not list this gig's."""

    code = "unlisted_class"


class Entitled(Struct, frozen=True, gc=False):
    """What a worker is entitled to for one benefit, borne by one payer, owed by one platform; and without caps."""

    benefit: str
    payer: str
    platform_id: str
    amount_minor: int
    uncapped_minor: int


class Assessor:
    """A program version made ready to compute; raises `Malformed` where it cannot be carried out."""

    __slots__ = (
        "base_denominator",
        "components",
        "counted_share",
        "is_pooled",
        "rules",
        "rules_per_gig",
        "vehicle_classes",
        "version",
        "worker_classes",
    )

    def __init__(self, version: ProgramVersion) -> None:
        self.version = version
        self.components = version.base.components
        self.counted_share = _counted_share(version.base)
        self.base_denominator = self.counted_share.denominator
        self.is_pooled = version.scope == "pooled"
        self.rules = tuple([self._rule(rule, f"rules[{at}]") for at, rule in enumerate(version.rules)])
        self.rules_per_gig = tuple([rule for rule in self.rules if rule.is_per_gig])
        self._place_sums()
        self.vehicle_classes = self._classes("by_vehicle_class")
        self.worker_classes = self._classes("by_worker_class")

    def _rule(self, rule: Rule, key: str) -> RuleAssessor:
        return RuleAssessor(rule, Terms(self.version.currency, self.base_denominator, rule.is_per_gig), key)

    def _place_sums(self) -> None:
        """Running sums stand in the order of the rules: rounded ones in one row, exact ones in another."""
        for is_exact_sum in (False, True):
            at = 0
            for rule in self.rules_per_gig:
                if rule.is_exact_sum == is_exact_sum:
                    rule.at = range(at, at + rule.sums)
                    at += rule.sums

    def _classes(self, name: str) -> frozenset[str] | None:
        """The classes that the program tells apart, None where it does not; raises `Malformed` where tables differ."""
        exacts = [self.counted_share, *[exact for rule in self.rules for exact in rule.exacts]]
        tables = {codes for exact in exacts for of, codes in exact.classes if of == name}
        if len(tables) > 1:
            odd = ", ".join(sorted(frozenset.union(*tables) - frozenset.intersection(*tables)))
            raise Malformed(f"expected the same classes in every {name} table, but some lack {odd}", key=name)
        return next(iter(tables), None)

    def require_listed(self, gig: Gig) -> None:
        """Raise `UnlistedClass` where the program tells gigs apart by a class and does not list this gig's."""
        _require_listed("vehicle_class", gig.vehicle_class, self.vehicle_classes)
        _require_listed("worker_class", gig.worker_class, self.worker_classes)

    @property
    def is_by_class(self) -> bool:
        """Whether the program tells classes of gigs apart."""
        return self.vehicle_classes is not None or self.worker_classes is not None

    def measure(self, gig: Gig, platform_id: str = "") -> Cell:
        """What a gig adds to the totals; raises `UnlistedClass`. `platform_id` counts where the program is pooled."""
        if self.is_by_class:
            self.require_listed(gig)
        earnings = gig.earnings
        base_minor = sum([earnings.get(component, 0) for component in self.components])
        of_platform = platform_id if self.is_pooled else ""
        vehicle = gig.vehicle_class if self.vehicle_classes is not None and gig.vehicle_class else ""
        worker = gig.worker_class if self.worker_classes is not None and gig.worker_class else ""
        cell = Cell(1, base_minor, gig.engaged_seconds, (), of_platform, vehicle, worker)
        return self._with_sums(cell) if self.rules_per_gig else cell

    def _with_sums(self, cell: Cell) -> Cell:
        """The cell of one gig, with what the rules per gig make of it."""
        basis = self.basis((cell,))
        rounded_minor: list[int] = []
        exact_minor: list[str] = []
        for rule in self.rules_per_gig:
            if rule.is_exact_sum:
                exact_minor += map(str, rule.exact_of_gig(basis))
            else:
                rounded_minor += rule.of_gig(basis)
        return Cell(
            1,
            cell.base_minor,
            cell.engaged_seconds,
            tuple(rounded_minor),
            cell.platform_id,
            cell.vehicle_class,
            cell.worker_class,
            tuple(exact_minor),
        )

    def basis(self, cells: Totals, period: str = "") -> Basis:
        """All cells together; with the class of the first, which is the class of all where rates go by class."""
        first = cells[0]
        length = days(period) if period else 0
        if len(cells) == 1:
            base = self._base(first)
            return Basis(first.gigs, base, first.engaged_seconds, length, first.vehicle_class, first.worker_class)
        return Basis(
            sum([cell.gigs for cell in cells]),
            sum([self._base(cell) for cell in cells]),
            sum([cell.engaged_seconds for cell in cells]),
            length,
            first.vehicle_class,
            first.worker_class,
        )

    def _base(self, cell: Cell) -> int:
        """What of a cell's earnings counts, as a numerator over the program's base denominator."""
        share = self.counted_share
        if not share.is_by_class:
            return cell.base_minor * share.numerator(_NOTHING)
        return cell.base_minor * share.numerator(Basis(0, 0, 0, 0, cell.vehicle_class, cell.worker_class))

    def base(self, cells: Totals) -> Fraction:
        """The exact earnings base of these totals, after deductions, in minor units."""
        return Fraction(sum([self._base(cell) for cell in cells]), self.base_denominator)

    def mix(self, cells: Totals, basis: Basis) -> Mix:
        """The classes in these totals, with their shares of the whole."""
        if not self.is_by_class or len(cells) == 1:
            return Mix(((1, basis),), 1)
        weights = [self._base(cell) for cell in cells]
        if not any(weights):
            weights = [cell.gigs for cell in cells]
        at_rates = [
            Basis(basis.gigs, basis.base, basis.engaged_seconds, basis.days, cell.vehicle_class, cell.worker_class)
            for cell in cells
        ]
        return Mix(tuple(zip(weights, at_rates, strict=True)), sum(weights))

    def entitlement(self, totals: Totals, period: str, platform_id: str) -> tuple[Entitled, ...]:
        """What these totals entitle the worker to, in the order of the program's rules and their benefits.

        `platform_id` owes all of it, unless the program is pooled: then the platforms in the totals owe their shares.
        """
        if not totals:
            return ()
        basis = self.basis(totals, period)
        mix = self.mix(totals, basis)
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for rule in self.rules:
            amount, uncapped = rule.total(basis, mix, totals)
            parts = rule.divided(amount, mix)
            uncapped_parts = parts if uncapped == amount else rule.divided(uncapped, mix)
            for key, part, without_cap in zip(rule.keys, parts, uncapped_parts, strict=True):
                was, was_uncapped = found.get(key, (0, 0))
                found[key] = (was + part, was_uncapped + without_cap)
        if self.is_pooled:
            return self._pooled(found, totals)
        return tuple([Entitled(benefit, payer, platform_id, *both) for (benefit, payer), both in found.items()])

    def _pooled(self, amounts: dict[tuple[str, str], tuple[int, int]], totals: Totals) -> tuple[Entitled, ...]:
        """Each amount divided over the platforms whose gigs count."""
        measures = self.measures(totals)
        platforms, weights = tuple(measures), tuple(measures.values())
        found = []
        for (benefit, payer), (amount, uncapped) in amounts.items():
            owed = apportioned(amount, weights)
            without_caps = owed if uncapped == amount else apportioned(uncapped, weights)
            found += [Entitled(benefit, payer, *each) for each in zip(platforms, owed, without_caps, strict=True)]
        return tuple(found)

    def measures(self, cells: Totals) -> dict[str, int]:
        """What a pooled contribution is divided by, of each platform in the totals, sorted by their ids."""
        measures = dict.fromkeys(sorted([cell.platform_id for cell in cells]), 0)
        for cell in cells:
            measures[cell.platform_id] += self._share_measure(cell)
        if not any(measures.values()):
            for cell in cells:
                measures[cell.platform_id] += cell.gigs
        return measures

    def _share_measure(self, cell: Cell) -> int:
        match self.version.share_by:
            case "base":
                return self._base(cell)
            case "gigs":
                return cell.gigs
            case _:
                return cell.engaged_seconds


def _require_listed(field: str, code: str | None, listed: frozenset[str] | None) -> None:
    if listed is not None and code not in listed:
        said = f"got {code!r}" if code is not None else "the gig names none"
        raise UnlistedClass(f"expected one of {', '.join(sorted(listed))}; {said}", key=field)


# Checking what is written


def check(program: ProgramVersion) -> None:
    """Raise `Malformed`, naming the key and what is allowed there, where a program cannot be carried out."""
    if program.id in RESERVED_NAMES:
        raise Malformed(f"{program.id!r} is reserved", key="id")
    if program.currency not in EXPONENTS:
        raise Malformed(f"expected a currency of ISO 4217, got {program.currency!r:.80}", key="currency")
    if program.time_zone not in _time_zones():
        raise Malformed(f"expected an IANA time zone, got {program.time_zone!r:.80}", key="time_zone")
    if program.effective_from.year == date.max.year:
        raise Malformed("expected an earlier year: no period could follow", key="effective_from")
    if not is_period_start(program.effective_from, program.period):
        raise Malformed(f"expected the first day of a {program.period}", key="effective_from")
    if program.share_by is not None and program.scope != "pooled":
        raise Malformed("only a pooled program divides contributions over platforms", key="share_by")
    if len(set(program.base.components)) < len(program.base.components):
        raise Malformed("expected each component once: one that stands twice would count twice", key="base.components")
    Assessor(program)


@cache
def _time_zones() -> set[str]:
    """Listing the time zones reads their whole database, so it is done once; `localtime` is another on each machine."""
    return available_timezones() - {"localtime", "posixrules", "Factory"}


def _counted_share(base: Base) -> Exact:
    """What is left of earnings after the deduction, as a ratio."""
    if base.deduction is None:
        return _ALL
    deduction = rate_value(base.deduction, "base.deduction")
    whole, numerator = deduction.denominator, deduction.numerator
    codes = [Basis(0, 0, 0, 0, code, code) for _, codes in deduction.classes for code in codes] or [_NOTHING]
    if any(numerator(basis) > whole for basis in codes):
        raise Malformed("expected at most 100 %", key="base.deduction")
    return Exact(whole, lambda basis: whole - numerator(basis), deduction.is_by_class, deduction.classes)
