"""What a program makes of totals: the pure function *totals → amount per benefit and payer*.

An `Assessor` is a program version made ready to compute: its decimals turned into exact ratios, once. What a gig
accrues is `entitlement(totals after) - entitlement(totals before)`; nothing else in the exchange computes a
contribution.
"""

from fractions import Fraction
from math import ceil

from msgspec import Struct

from domain.gig import Gig
from domain.money import decimal, minor, percent, written
from domain.program import Program
from domain.rejections import InvariantBroken
from domain.rounding import rounded, split
from domain.rule import ProgramVersion, Rule
from domain.totals import Cell, Totals


class Entitled(Struct, frozen=True, gc=False):
    """What a worker is entitled to for one benefit, borne by one payer, owed by one platform."""

    benefit: str
    payer: str
    platform_id: str
    amount_minor: int


class RuleAssessor:
    """One rule with its ratios; amounts are exact minor units until `amount_of` or `amount_of_gig` rounds them."""

    __slots__ = ("benefits", "least_base_minor", "per_gig", "rate", "rule", "unit_minor", "weights")

    def __init__(self, rule: Rule, currency: str) -> None:
        self.rule = rule
        self.rate = percent(rule.amount.rate)
        self.per_gig = rule.rounding.per == "gig"
        self.unit_minor = int(minor(decimal(rule.rounding.to), currency)) if rule.rounding.to else 1
        self.least_base_minor = ceil(minor(decimal(rule.when.base_at_least or "0"), currency))
        self.benefits = tuple([share.benefit for share in rule.benefits])
        self.weights = tuple([share.weight for share in rule.benefits])

    def exact(self, base_minor: int) -> Fraction:
        """The amount before rounding."""
        return self.rate * base_minor

    def rounded(self, base_minor: int) -> int:
        """The amount as the rule rounds it."""
        return rounded(self.exact(base_minor), self.rule.rounding.direction, self.unit_minor)

    def is_reached(self, base_minor: int) -> bool:
        """Whether the period's totals have reached the rule's thresholds."""
        return base_minor >= self.least_base_minor


class Assessor:
    """A program version made ready to compute."""

    __slots__ = ("components", "rules", "rules_per_gig", "version")

    def __init__(self, version: ProgramVersion) -> None:
        self.version = version
        self.components = version.base.components
        self.rules = tuple([RuleAssessor(rule, version.currency) for rule in version.rules])
        self.rules_per_gig = tuple([rule for rule in self.rules if rule.per_gig])

    def measure(self, gig: Gig) -> Cell:
        """What a gig adds to the totals."""
        earnings = gig.earnings
        base = sum([earnings.get(component, 0) for component in self.components])
        per_gig = tuple([rule.rounded(base) for rule in self.rules_per_gig])
        return Cell(1, base, gig.engaged_seconds, per_gig)

    def entitlement(self, totals: Totals, platform_id: str) -> tuple[Entitled, ...]:
        """What these totals entitle the worker to, in the order of the program's rules and their benefits."""
        amounts: dict[tuple[str, str], int] = {}
        for rule, amount in zip(self.rules, self._amounts(totals), strict=True):
            for benefit, part in zip(rule.benefits, split(amount, rule.weights), strict=True):
                key = (benefit, rule.rule.payer)
                amounts[key] = amounts.get(key, 0) + part
        return tuple([Entitled(benefit, payer, platform_id, part) for (benefit, payer), part in amounts.items()])

    def _amounts(self, totals: Totals) -> list[int]:
        """Each rule's rounded amount at these totals."""
        base = sum([cell.base_minor for cell in totals])
        per_gig = iter(zip(*[cell.rounded_minor for cell in totals], strict=True))
        amounts = []
        for rule in self.rules:
            sums = next(per_gig, ()) if rule.per_gig else ()
            reached = rule.is_reached(base)
            amounts.append((sum(sums) if rule.per_gig else rule.rounded(base)) if reached else 0)
        return amounts

    def explain(self, gig: Gig, before: Totals, after: Totals) -> list[str]:
        """One sentence for each rule: its arithmetic for this gig, in words."""
        base = sum([cell.base_minor for cell in after])
        return [
            self._explain_rule(rule, gig, before, after) + (_explain_split(rule) if rule.is_reached(base) else "")
            for rule in self.rules
        ]

    def _explain_rule(self, rule: RuleAssessor, gig: Gig, before: Totals, after: Totals) -> str:
        rate = rule.rule.amount.rate
        how = rule.rule.rounding.direction.replace("_", " ")
        base = sum([cell.base_minor for cell in after])
        threshold = self._explain_threshold(rule, base)
        if rule.per_gig:
            own = self.measure(gig).base_minor
            return f"{rate} of {self._explain_base(gig)} = {self._arithmetic(rule, own)}, {how} per gig{threshold}"
        was = sum([cell.base_minor for cell in before])
        money = self.version.currency
        moved = f"{rate} of {written(base, money)} so far in the {self.version.period} ({written(was, money)} before)"
        return f"{moved} = {self._arithmetic(rule, base)}, {how} per {self.version.period}{threshold}"

    def _explain_base(self, gig: Gig) -> str:
        money = self.version.currency
        parts = [(name, gig.earnings[name]) for name in self.components if gig.earnings.get(name)]
        total = written(sum(amount for _, amount in parts), money)
        named = " + ".join(f"{name.replace('_', ' ')} {written(amount, money)}" for name, amount in parts)
        return f"{total} ({named})" if parts else total

    def _arithmetic(self, rule: RuleAssessor, base_minor: int) -> str:
        money = self.version.currency
        return f"{written(rule.exact(base_minor), money)} → {written(rule.rounded(base_minor), money)}"

    def _explain_threshold(self, rule: RuleAssessor, base_minor: int) -> str:
        least = rule.rule.when.base_at_least
        if least is None:
            return ""
        money = self.version.currency
        state = "reached" if rule.is_reached(base_minor) else "not reached, so nothing is due yet"
        return f"; the threshold of {written(rule.least_base_minor, money)} in the {self.version.period} is {state}"


def _explain_split(rule: RuleAssessor) -> str:
    if len(rule.benefits) == 1:
        return ""
    weights = " : ".join(map(str, rule.weights))
    return f"; split {weights} over {', '.join(rule.benefits)}, the last taking what rounding leaves"


class Assessors:
    """All versions of one program, made ready to compute."""

    __slots__ = ("_by_number", "_by_period", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        self._by_number = {version.version: Assessor(version) for version in program.versions}
        self._by_period: dict[str, Assessor | None] = {}

    def of_version(self, number: int) -> Assessor:
        """The assessor of a version that some event names; raises `InvariantBroken` where it was never published."""
        try:
            return self._by_number[number]
        except KeyError:
            raise InvariantBroken(f"version {number} of a program was never published") from None

    def find(self, period: str) -> Assessor | None:
        """The assessor of the version in force for a period, or None before the first."""
        if period not in self._by_period:
            version = self.program.in_force(period)
            self._by_period[period] = self._by_number[version.version] if version else None
        return self._by_period[period]

    def in_force(self, period: str) -> Assessor:
        """The assessor of the version in force for a period; raises `InvariantBroken` before the first."""
        if (assessor := self.find(period)) is None:
            raise InvariantBroken(f"no version of the program is in force in {period}")
        return assessor
