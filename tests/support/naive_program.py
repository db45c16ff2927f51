"""The oracle: what a program makes of gigs, computed whole from all of them, each step as the written rule says it.

Deliberately naive: ratios from the first to the last step, no running totals, no code of the domain but the shapes in
which programs and gigs are written. It is slow, and it knows nothing of events, streams or the order of arrival.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from domain.gig import Gig
from domain.rule import Limit, Part, ProgramVersion, Rule, Share
from tests.support.naive_amount import (
    Seen,
    amount_of,
    base_of_gig,
    chosen,
    hours,
    money,
    rate,
    rounded,
    rounded_to,
    weight_of,
)

#: Gigs with the platforms that reported them.
Work = Sequence[tuple[str, Gig]]
#: What is entitled for a benefit, borne by a payer, owed by a platform.
Lines = dict[tuple[str, str, str], int]


class Due(NamedTuple):
    """What one rule comes to: in all, without its caps, for each benefit and for each payer."""

    amount: int
    uncapped: int
    of_benefits: dict[str, int]
    of_payers: dict[str, int]


def due(version: ProgramVersion, period: str, gigs: Sequence[Gig]) -> list[Due]:
    """What each rule of a program comes to; nothing where nothing was worked."""
    return [_Period(version, period, gigs).due(rule) for rule in version.rules] if gigs else []


def base(version: ProgramVersion, gigs: Sequence[Gig]) -> Fraction:
    """The earnings base, in minor units."""
    return sum([base_of_gig(version, gig) for gig in gigs], Fraction())


def disagreements(version: ProgramVersion, period: str, work: Work, said: Lines, uncapped: Lines) -> list[str]:
    """What of these lines, with their amounts without caps, is not what the program says.

    A rule divides its amount over benefits and over payers. How much of a benefit each payer bears is free, as long as
    both add up and nothing is negative; then each part is divided over the platforms.
    """
    found = []
    expected = due(version, period, [gig for _, gig in work])
    totals = (sum(each.amount for each in expected), sum(each.uncapped for each in expected))
    for name, lines, total in zip(("amount", "uncapped"), (said, uncapped), totals, strict=True):
        if sum(lines.values()) != total:
            found.append(f"{name}: {sum(lines.values())} in all, expected {total}")
        if any(line < 0 for line in lines.values()):
            found.append(f"{name}: a line below zero")
        found += _misdivided(version, work, lines, name)
    for at, parts in ((0, [each.of_benefits for each in expected]), (1, [each.of_payers for each in expected])):
        if (sums := _sums(said, at)) != (wanted_sums := _added(parts)):
            found.append(f"{sums}, expected {wanted_sums}")
    return found


def _misdivided(version: ProgramVersion, work: Work, lines: Lines, name: str) -> list[str]:
    """Parts that are not divided over the platforms as they should be."""
    found = []
    for benefit, payer in dict.fromkeys([key[:2] for key in lines]):
        owed = {key[2]: line for key, line in lines.items() if key[:2] == (benefit, payer) and line}
        wanted = {platform: part for platform, part in divided(version, work, sum(owed.values())).items() if part}
        if owed != wanted:
            found.append(f"{name}: {owed} of {benefit} by {payer}, expected {wanted}")
    return found


def divided(version: ProgramVersion, work: Work, amount: int) -> dict[str, int]:
    """An amount over the platforms by largest remainder: one platform alone owes all of it."""
    platforms = sorted({platform for platform, _ in work})
    measures = [_share_measure(version, [gig for of, gig in work if of == platform]) for platform in platforms]
    if not any(measures):
        measures = [Fraction(sum(of == platform for of, _ in work)) for platform in platforms]
    quotas = [amount * measure / sum(measures) for measure in measures]
    owed = [math.floor(quota) for quota in quotas]
    while sum(owed) < amount:
        missing = [quota - part for quota, part in zip(quotas, owed, strict=True)]
        owed[missing.index(max(missing))] += 1
    return dict(zip(platforms, owed, strict=True))


def _share_measure(version: ProgramVersion, gigs: Sequence[Gig]) -> Fraction:
    match version.share_by:
        case "base":
            return base(version, gigs)
        case "gigs":
            return Fraction(len(gigs))
        case _:
            return Fraction(sum(gig.engaged_seconds for gig in gigs))


def _sums(lines: Lines, at: int) -> dict[str, int]:
    return _added([{key[at]: line} for key, line in lines.items()])


def _added(each: Sequence[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for parts in each for name in parts})
    sums = {name: sum(parts.get(name, 0) for parts in each) for name in names}
    return {name: amount for name, amount in sums.items() if amount}


class _Period:
    """All gigs that count in a period."""

    def __init__(self, version: ProgramVersion, period: str, gigs: Sequence[Gig]) -> None:
        self.version = version
        self.gigs = gigs
        self.base = base(version, gigs)
        self.hours = sum([hours(gig) for gig in gigs], Fraction())
        self.weeks = Fraction(length(period), 7)

    def due(self, rule: Rule) -> Due:
        amount, uncapped = self._per_gig(rule) if _is_per_gig(rule) else self._per_period(rule)
        least, most = self._bounds(rule.floor), self._bounds(rule.cap)
        if least is not None:
            amount, uncapped = max(amount, least), max(uncapped, least)
        if most is not None:
            amount = min(amount, most)
        if not self._is_due(rule):
            amount = uncapped = Fraction()
        total, total_uncapped = [
            rounded_to(self.version, rule.rounding.to, rule.rounding.direction, each) for each in (amount, uncapped)
        ]
        return Due(total, total_uncapped, self._benefits(rule.benefits, total), self._payers(rule, total))

    def _seen(self, vehicle_class: str | None, worker_class: str | None) -> Seen:
        return Seen(self.base, self.hours, len(self.gigs), self.hours / self.weeks, vehicle_class, worker_class)

    def _mixed(self, of: Callable[[Seen], Fraction]) -> Fraction:
        """The sum of each class's share of the base times the amount at its rates; shares by gigs where there is none.

        Gig by gig, which is the same: each one's class has a share for each of its gigs.
        """
        if self.base:
            shares = [base_of_gig(self.version, gig) / self.base for gig in self.gigs]
        else:
            shares = [Fraction(1, len(self.gigs)) for _ in self.gigs]
        return sum(
            [
                share * of(self._seen(gig.vehicle_class, gig.worker_class))
                for share, gig in zip(shares, self.gigs, strict=True)
            ],
            Fraction(),
        )

    def _bounds(self, limit: Limit) -> Fraction | None:
        value = limit.per_period
        return None if value is None else self._mixed(lambda seen: money(self.version, chosen(value, seen)))

    def _per_period(self, rule: Rule) -> tuple[Fraction, Fraction]:
        if rule.amount is None:
            amounts = [part.amount for part in rule.payers if part.amount is not None]
            amount = self._mixed(
                lambda seen: sum([amount_of(self.version, each, seen) for each in amounts], Fraction())
            )
        else:
            written = rule.amount
            amount = self._mixed(lambda seen: amount_of(self.version, written, seen))
        return amount, amount

    def _per_gig(self, rule: Rule) -> tuple[Fraction, Fraction]:
        each = [_of_gig(self.version, rule, gig) for gig in self.gigs]
        return sum([amount for amount, _ in each], Fraction()), sum([uncapped for _, uncapped in each], Fraction())

    def _is_due(self, rule: Rule) -> bool:
        seen, when = self._seen(None, None), rule.when
        return all(
            [
                when.base_at_least is None or seen.base >= money(self.version, when.base_at_least),
                when.base_above is None or seen.base > money(self.version, when.base_above),
                when.gigs_at_least is None or seen.gigs >= when.gigs_at_least,
                when.gigs_above is None or seen.gigs > when.gigs_above,
                when.hours_at_least is None or seen.hours >= Fraction(when.hours_at_least),
                when.hours_above is None or seen.hours > Fraction(when.hours_above),
                when.weekly_hours_at_least is None or seen.weekly_hours >= Fraction(when.weekly_hours_at_least),
                when.weekly_hours_above is None or seen.weekly_hours > Fraction(when.weekly_hours_above),
            ]
        )

    def _benefits(self, shares: Sequence[Share], total: int) -> dict[str, int]:
        weights = {share.benefit: self._weight(share, shares) for share in shares}
        parts = {benefit: math.floor(total * weight) for benefit, weight in weights.items()}
        last = [benefit for benefit, weight in weights.items() if weight][-1]
        return {**parts, last: parts[last] + total - sum(parts.values())}

    def _weight(self, share: Share, shares: Sequence[Share]) -> Fraction:
        return self._mixed(lambda seen: weight_of(share, shares, seen))

    def _payers(self, rule: Rule, total: int) -> dict[str, int]:
        if not rule.payers:
            return {rule.payer or "platform": total}
        parts: dict[str, int] = {}
        for part in rule.payers[:-1]:
            parts[part.payer] = min(self._part(part, total), total - sum(parts.values()))
        return {**parts, rule.payers[-1].payer: total - sum(parts.values())}

    def _part(self, part: Part, total: int) -> int:
        amount = part.amount
        if amount is not None:
            exact = self._mixed(lambda seen: amount_of(self.version, amount, seen))
        else:
            exact = total * rate(part.share or "")
        if part.rounding is None:
            return rounded(exact, "half_up")
        return rounded_to(self.version, part.rounding.to, part.rounding.direction, exact)


def _is_per_gig(rule: Rule) -> bool:
    return rule.per == "gig" if rule.per is not None else rule.rounding.per == "gig"


def _of_gig(version: ProgramVersion, rule: Rule, gig: Gig) -> tuple[Fraction, Fraction]:
    """What a rule makes of one gig, and what it would without the cap."""
    assert rule.amount is not None, "a rule per gig has an amount of its own"
    seen = Seen(base_of_gig(version, gig), hours(gig), 1, Fraction(), gig.vehicle_class, gig.worker_class)
    uncapped = amount_of(version, rule.amount, seen)
    if rule.floor.per_gig is not None:
        uncapped = max(uncapped, money(version, chosen(rule.floor.per_gig, seen)))
    amount = uncapped
    if rule.cap.per_gig is not None:
        amount = min(amount, money(version, chosen(rule.cap.per_gig, seen)))
    if rule.rounding.per == "period":
        return amount, uncapped
    to, direction = rule.rounding.to, rule.rounding.direction
    return Fraction(rounded_to(version, to, direction, amount)), Fraction(rounded_to(version, to, direction, uncapped))


def length(period: str) -> int:
    """How many days a period has."""
    first = first_day(period)
    if "W" in period:
        return 7
    after = first.month + (3 if "Q" in period else 1)
    return (date(first.year + (after > 12), (after - 1) % 12 + 1, 1) - first).days


def first_day(period: str) -> date:
    """The first day of a period."""
    year, _, part = period.partition("-")
    if part.startswith("W"):
        return date.fromisocalendar(int(year), int(part[1:]), 1)
    return date(int(year), 3 * int(part[1]) - 2 if part.startswith("Q") else int(part), 1)
