"""One rule made ready to compute: what it comes to in a period, for which benefits, borne by whom.

A rule goes: amount → floor and cap → rounding → thresholds; then over benefits and payers. A rule *per gig* makes an
amount of each gig and adds them up; its period bounds look at the sum.

Making one ready checks it: `Malformed` names the key at fault and says what is allowed there.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import lcm

from msgspec import Struct

from domain.amount import (
    Basis,
    Exact,
    ReadyAmount,
    Terms,
    by_class,
    combined,
    money_value,
    ready,
    thresholds,
    weight_table,
)
from domain.identifiers import RESERVED_NAMES
from domain.money import decimal, minor, percent
from domain.rejections import Malformed
from domain.rounding import Direction, crossed, rounded, rounded_ratio, split
from domain.rule import Limit, Part, PartRounding, Rounding, Rule, Share, Sum
from domain.totals import Totals

_NOTHING = Basis(0, 0, 0, 0)


class Mix(Struct, frozen=True):
    """The classes of gigs that a period's totals hold: each one's share of the whole, and the totals at its rates.

    Shares go by base, by gigs where nothing was earned; they are whole numbers that add up to `whole`.
    """

    shares: tuple[tuple[int, Basis], ...]
    whole: int

    def of(self, exact: Exact) -> Fraction:
        """The sum over the classes of each one's share times the amount at its rates."""
        if not exact.is_by_class or len(self.shares) == 1:
            return exact.of(self.shares[0][1])
        numerator = sum([share * exact.numerator(basis) for share, basis in self.shares])
        return Fraction(numerator, self.whole * exact.denominator)


class Bound(Struct, frozen=True):
    """A cap or a floor, ready to compute; None where there is none."""

    per_gig: Exact | None
    per_period: Exact | None


class ReadyPart(Struct, frozen=True):
    """One payer's part, ready to compute; the last payer's has neither amount nor share."""

    written: Part
    amount: ReadyAmount | None
    share: Fraction | None
    direction: Direction
    unit_minor: int

    def exact(self, amount: int, mix: Mix) -> Fraction:
        """The payer's part of an amount before it is rounded."""
        if self.share is not None:
            return self.share * amount
        assert self.amount is not None, "the last payer bears the rest"
        return mix.of(self.amount.exact)


class RuleAssessor:
    """One rule, ready to compute."""

    __slots__ = (
        "amount",
        "at",
        "benefits",
        "cap",
        "constant_weights",
        "direction",
        "floor",
        "is_exact_sum",
        "is_per_gig",
        "is_plain",
        "is_plain_sum",
        "keys",
        "parts",
        "payers",
        "rule",
        "thresholds",
        "unit_minor",
        "weights",
    )

    def __init__(self, rule: Rule, terms: Terms, key: str) -> None:
        self.rule = rule
        self.is_per_gig = rule.is_per_gig
        self.direction = rule.rounding.direction
        self.unit_minor = _unit(rule.rounding, terms.currency, f"{key}.rounding")
        self.is_exact_sum = self.is_per_gig and rule.rounding.per == "period"
        self.cap = _bound(rule.cap, terms, f"{key}.cap", self.unit_minor)
        self.floor = _bound(rule.floor, terms, f"{key}.floor", self.unit_minor)
        self.thresholds = thresholds(rule.when, Terms(terms.currency, terms.base_denominator, False), f"{key}.when")
        self.parts = tuple([_part(part, terms, f"{key}.payers[{at}]") for at, part in enumerate(rule.payers)])
        self.payers = tuple([part.payer for part in rule.payers]) or (rule.payer or "platform",)
        self.amount = _amount(rule, self.parts, terms, key)
        self.benefits = tuple([share.benefit for share in rule.benefits])
        #: What the amount is divided over: benefits, and for each benefit the payers.
        self.keys = tuple(product(self.benefits, self.payers))
        self.weights = _weights(rule.benefits, f"{key}.benefits")
        self.constant_weights = () if self.weights[0].is_by_class else tuple([_whole(each) for each in self.weights])
        self.at = range(0)
        is_bounded = self.floor.per_period is not None or self.cap.per_period is not None
        self.is_plain_sum = self.is_per_gig and not (is_bounded or self.is_exact_sum)
        # Made of the totals alone, without bounds or classes: most rules are, and take a shorter way.
        self.is_plain = not (self.is_per_gig or is_bounded or self.amount.exact.is_by_class)
        _check(rule, self, key)

    @property
    def sums(self) -> int:
        """How many running sums the rule keeps: of amounts, and where gigs are capped of amounts without caps."""
        return (1 if self.cap.per_gig is None else 2) if self.is_per_gig else 0

    @property
    def exacts(self) -> list[Exact]:
        """All numbers of the rule that may depend on a class."""
        bounds = [self.cap.per_gig, self.cap.per_period, self.floor.per_gig, self.floor.per_period]
        amounts = [part.amount.exact for part in self.parts if part.amount is not None]
        return [each for each in (self.amount.exact, *bounds, *amounts, *self.weights) if each is not None]

    def of_gig(self, basis: Basis) -> list[int]:
        """The rounded amount of one gig, and what it is without its cap where it has one."""
        if self.cap.per_gig is None and self.floor.per_gig is None:
            exact = self.amount.exact
            return [rounded_ratio(exact.numerator(basis), exact.denominator, self.direction, self.unit_minor)]
        return [self._rounded(amount) for amount in self.exact_of_gig(basis)]

    def exact_of_gig(self, basis: Basis) -> list[Fraction]:
        """The same before it is rounded."""
        amounts = [self.amount.exact.of(basis)]
        if self.floor.per_gig is not None:
            amounts = [max(amounts[0], self.floor.per_gig.of(basis))]
        if self.cap.per_gig is not None:
            amounts = [min(amounts[0], self.cap.per_gig.of(basis)), amounts[0]]
        return amounts

    def exact(self, mix: Mix, cells: Totals) -> tuple[Fraction, Fraction]:
        """The period's amount before it is rounded, and without its caps."""
        amount, uncapped = self.sums_of(cells) if self.is_per_gig else (mix.of(self.amount.exact),) * 2
        if self.floor.per_period is not None:
            floor = mix.of(self.floor.per_period)
            amount, uncapped = max(amount, floor), max(uncapped, floor)
        if self.cap.per_period is not None:
            amount = min(amount, mix.of(self.cap.per_period))
        return amount, uncapped

    def total(self, basis: Basis, mix: Mix, cells: Totals) -> tuple[int, int]:
        """What the rule comes to in the period, and what it would without caps."""
        for threshold in self.thresholds:
            if not threshold.is_reached(basis):
                return 0, 0
        if self.is_plain:
            exact = self.amount.exact
            amount = rounded_ratio(exact.numerator(basis), exact.denominator, self.direction, self.unit_minor)
            return amount, amount
        if self.is_plain_sum:
            sums = [sum([cell.rounded_minor[at] for cell in cells]) for at in self.at]
            return sums[0], sums[-1]
        capped, uncapped = self.exact(mix, cells)
        return self._rounded(capped), self._rounded(uncapped)

    def _rounded(self, amount: Fraction) -> int:
        return rounded(amount, self.direction, self.unit_minor)

    def sums_of(self, cells: Totals) -> tuple[Fraction, Fraction]:
        """What the gigs came to together, and what they would without caps per gig."""
        if self.is_exact_sum:
            sums = [sum([Fraction(cell.exact_minor[at]) for cell in cells], Fraction()) for at in self.at]
        else:
            sums = [Fraction(sum([cell.rounded_minor[at] for cell in cells])) for at in self.at]
        return sums[0], sums[-1]

    def by_benefit(self, amount: int, mix: Mix) -> tuple[int, ...]:
        """An amount divided over the benefits."""
        if self.constant_weights:
            return split(amount, self.constant_weights)
        ratios = [mix.of(weight) for weight in self.weights]
        denominator = lcm(*[ratio.denominator for ratio in ratios])
        return split(amount, tuple([int(ratio * denominator) for ratio in ratios]))

    def by_payer(self, amount: int, mix: Mix) -> tuple[int, ...]:
        """An amount divided over the payers: each bears its own part as far as it goes, the last one the rest."""
        left, borne = amount, []
        for part in self.parts[:-1]:
            own = min(rounded(part.exact(amount, mix), part.direction, part.unit_minor), left)
            left -= own
            borne.append(own)
        return (*borne, left)

    def divided(self, amount: int, mix: Mix) -> Sequence[int]:
        """An amount over benefits and payers, in the order of `keys`, so that both add up exactly."""
        of_benefits = self.by_benefit(amount, mix)
        if len(self.payers) == 1:
            return of_benefits
        return [part for row in crossed(of_benefits, self.by_payer(amount, mix)) for part in row]


# From what is written to what computes; each raises `Malformed` naming the key


def _unit(rounding: Rounding | PartRounding, currency: str, key: str) -> int:
    if rounding.to is None:
        return 1
    unit = minor(decimal(rounding.to, key=f"{key}.to"), currency)
    if unit.denominator != 1 or unit < 1:
        raise Malformed("expected a multiple of the smallest unit of the currency", key=f"{key}.to")
    return int(unit)


def _bound(limit: Limit, terms: Terms, key: str, unit_minor: int) -> Bound:
    if limit.per_gig is not None and not terms.is_per_gig:
        raise Malformed('gigs have bounds only in a rule per gig: write per = "gig"', key=f"{key}.per_gig")
    bounds = []
    for name in ("per_gig", "per_period"):
        value = getattr(limit, name)
        exact = None if value is None else money_value(value, terms.currency, f"{key}.{name}")
        if exact is not None and any(amount % unit_minor for amount in _amounts(exact)):
            raise Malformed("expected a multiple of what the rule rounds to", key=f"{key}.{name}")
        bounds.append(exact)
    return Bound(*bounds)


def _amounts(exact: Exact) -> list[Fraction]:
    """All amounts of a value: one, or one for each class."""
    codes = sorted(code for _, codes in exact.classes for code in codes)
    return [exact.of(Basis(0, 0, 0, 0, code, code)) for code in codes] or [exact.of(_NOTHING)]


def _part(part: Part, terms: Terms, key: str) -> ReadyPart:
    if part.amount is not None and part.share is not None:
        raise Malformed("expected an amount or a share, not both", key=key)
    if part.amount is not None and terms.is_per_gig:
        raise Malformed("payers of a rule per gig bear shares of it: expected share", key=f"{key}.amount")
    share = None if part.share is None else percent(part.share, key=f"{key}.share")
    if share is not None and share > 1:
        raise Malformed("expected at most 100 %", key=f"{key}.share")
    rounding = part.rounding or PartRounding("half_up")
    return ReadyPart(
        part,
        None if part.amount is None else ready(part.amount, terms, f"{key}.amount"),
        share,
        rounding.direction,
        _unit(rounding, terms.currency, f"{key}.rounding"),
    )


def _amount(rule: Rule, parts: tuple[ReadyPart, ...], terms: Terms, key: str) -> ReadyAmount:
    """The rule's amount, or what the amounts of its payers add up to."""
    if rule.amount is not None:
        return ready(rule.amount, terms, f"{key}.amount")
    amounts = tuple([part.amount for part in parts if part.amount is not None])
    if not parts or len(amounts) < len(parts):
        raise Malformed("expected an amount, or payers each of whom has one", key=f"{key}.amount")
    return combined(Sum(tuple([each.written for each in amounts])), sum, amounts)


def _weights(shares: tuple[Share, ...], key: str) -> tuple[Exact, ...]:
    """Each benefit's part of the whole, for each class."""
    tables = [_weight_table(share, f"{key}[{at}].weight") for at, share in enumerate(shares)]
    classes = {(name, frozenset(weights)) for name, weights in tables if name}
    if len(classes) > 1:
        raise Malformed("expected weights by the same classes for each benefit", key=key)
    name, codes = next(iter(classes), ("", frozenset([""])))
    by_code = {code: [weights.get(code, weights.get("", 0)) for _, weights in tables] for code in codes}
    if not all(map(any, by_code.values())):
        raise Malformed("expected a weight above zero", key=key)
    whole = lcm(*map(sum, by_code.values()))
    found = []
    for at in range(len(shares)):
        numerators = {code: weights[at] * whole // sum(weights) for code, weights in by_code.items()}
        found.append(by_class(whole, numerators, name))
    return tuple(found)


def _whole(exact: Exact) -> int:
    return exact.numerator(_NOTHING)


def _weight_table(share: Share, key: str) -> tuple[str, dict[str, int]]:
    if isinstance(share.weight, int):
        return "", {"": share.weight}
    return weight_table(share.weight, key)


def _check(rule: Rule, ready_rule: "RuleAssessor", key: str) -> None:
    """What no single key can tell."""
    if rule.rounding.per == "gig" and not rule.is_per_gig:
        raise Malformed("a rule per period rounds per period", key=f"{key}.rounding.per")
    if len(set(ready_rule.benefits)) < len(ready_rule.benefits):
        raise Malformed("expected each benefit once", key=f"{key}.benefits")
    for reserved in sorted(RESERVED_NAMES.intersection(ready_rule.benefits)):
        raise Malformed(f"{reserved!r} is reserved", key=f"{key}.benefits")
    for name in ("per_gig", "per_period"):
        floor, cap = getattr(ready_rule.floor, name), getattr(ready_rule.cap, name)
        if floor is not None and cap is not None and _is_above(floor, cap):
            raise Malformed("expected a floor no higher than the cap", key=f"{key}.floor.{name}")
    _check_payers(rule, key)


def _is_above(floor: Exact, cap: Exact) -> bool:
    """Whether a floor lies above a cap for any class of gigs."""
    if floor.classes == cap.classes:
        return any(low > high for low, high in zip(_amounts(floor), _amounts(cap), strict=True))
    return max(_amounts(floor)) > min(_amounts(cap))


def _check_payers(rule: Rule, key: str) -> None:
    if not rule.payers:
        return
    if rule.payer is not None:
        raise Malformed("expected payer or payers, not both", key=f"{key}.payer")
    if len(rule.payers) < 2 or len({part.payer for part in rule.payers}) < len(rule.payers):
        raise Malformed("expected two payers or more, each once", key=f"{key}.payers")
    last = len(rule.payers) - 1
    for at, part in enumerate(rule.payers[:-1]):
        if part.amount is None and part.share is None:
            raise Malformed(
                "only the last payer bears the rest: expected an amount or a share", key=f"{key}.payers[{at}]"
            )
    bears_rest = rule.payers[last]
    if bears_rest.rounding is not None or bears_rest.share is not None:
        raise Malformed("the last payer bears the rest: expected no share and no rounding", key=f"{key}.payers[{last}]")
    if rule.amount is not None and bears_rest.amount is not None:
        raise Malformed(
            "the last payer bears the rest of the rule's amount: expected none", key=f"{key}.payers[{last}].amount"
        )
