"""A gig's contribution in words: the arithmetic of each rule, as somebody would write it down who wants to check it.

"2.75 % of 34.20 (fare 31.20 + toll 3.00) = 0.9405 → 0.94, half up per gig". The numbers are those of the assessor,
never computed here a second time.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct

from domain.amount import Basis, Exact, Reach, ReadyAmount
from domain.amount_wording import classes, mixed
from domain.assessment import Assessor
from domain.division_wording import SHARED_BY, over_benefits, over_payers, over_platforms, rounding_words
from domain.gig import Gig
from domain.measure_wording import Measures, chosen, in_brackets, listed, of_gig, of_period, reach_words
from domain.money import written
from domain.rounding import rounded
from domain.rule import Measured, Percent, PerGig, PerHour, Value
from domain.rule_assessment import Mix, RuleAssessor
from domain.totals import Totals


class _Period(Struct, frozen=True):
    """The period that a gig counts in: its totals before and after the gig, and how sentences name them."""

    kind: str
    basis: Basis
    mix: Mix
    before: Totals
    after: Totals
    measures: Measures


def explain(assessor: Assessor, gig: Gig, platform_id: str, period: str, before: Totals, after: Totals) -> list[str]:
    """One sentence for each rule, and in a pooled program one about the platforms.

    `before` and `after` are totals by the assessor's version; where they are equal, nothing is said of before.
    """
    own = [_of_gig(assessor, rule, gig, platform_id) for rule in assessor.rules]
    kind = assessor.version.period
    if not after:
        nothing = f"no gig counts in the {kind} any more, so nothing is due"
        return ["; ".join([*said, nothing]) for said in own]
    basis = assessor.basis(after, period)
    measures = of_period(assessor, gig, period, before, after)
    work = _Period(kind, basis, assessor.mix(after, basis), before, after, measures)
    rules = zip(assessor.rules, own, strict=True)
    sentences = ["; ".join([*said, *_in_period(rule, work)]) for rule, said in rules]
    return [*sentences, *over_platforms(assessor, period, after)]


def explain_share(
    assessor: Assessor, gig: Gig, platform_id: str, now_minor: int, was_minor: int | None = None
) -> list[str]:
    """The same for a platform of a pooled program: nothing of what the worker did for others.

    `now_minor` and `was_minor` are the platform's own share after and before the gig; the last sentence is about it.
    """
    own = [sentence for rule in assessor.rules for sentence in _of_gig(assessor, rule, gig, platform_id)]
    money = assessor.version.currency
    before = "" if was_minor is None else f", {written(was_minor, money)} before"
    decided = f"what is due is decided by {listed(_looked_at(assessor))} over all platforms"
    by = SHARED_BY[assessor.version.share_by or "engaged_time"]
    return [*own, f"{decided}; your share, by {by}, is {written(now_minor, money)} now{before}"]


def _looked_at(assessor: Assessor) -> list[str]:
    """What of the work over all platforms the rules look at."""
    names = {"base": "earnings", "gigs": "gigs", "hours": "engaged time", "weekly_hours": "engaged time"}
    measured = [by for rule in assessor.rules for by in (*_measured(rule.amount), *(t.by for t in rule.thresholds))]
    return list(dict.fromkeys(names[by] for by in measured)) or ["gigs"]


def _measured(amount: ReadyAmount) -> Iterator[Measured]:
    match amount.written:
        case Percent():
            yield "base"
        case PerHour():
            yield "hours"
        case PerGig():
            yield "gigs"
        case _:
            pass
    yield from (reach.by for reach in amount.reaches)
    for part in amount.parts:
        yield from _measured(part)


# Of one gig


def _of_gig(assessor: Assessor, rule: RuleAssessor, gig: Gig, platform_id: str) -> list[str]:
    """What a rule per gig makes of the gig; nothing of other rules."""
    if not rule.is_per_gig:
        return []
    cell = assessor.measure(gig, platform_id)
    basis = assessor.basis((cell,))
    mix = assessor.mix((cell,), basis)
    measures = of_gig(assessor, gig, cell)
    amounts = [measures.money(each) for each in (rule.exact_of_gig(basis) if rule.is_exact_sum else rule.of_gig(basis))]
    words = mixed(rule.amount, mix, measures)
    words += _bounded(rule, rule.amount.exact.of(basis), mix, measures)
    if not rule.is_exact_sum:
        how = rounding_words(rule.rule.rounding, rule.unit_minor, measures.currency)
        words += f" → {amounts[0]}, {how} per gig"
    return [words + _without_cap(*amounts)]


def _without_cap(amount: str, uncapped: str | None = None) -> str:
    return f" ({uncapped} without the cap)" if uncapped not in {None, amount} else ""


def _bounded(rule: RuleAssessor, amount: Fraction, mix: Mix, measures: Measures, kind: str = "") -> str:
    """What floor and cap make of an amount: of a gig's, or of a period's where its `kind` is named."""
    name, where = ("per_period", f"in the {kind}") if kind else ("per_gig", "per gig")
    words = ""
    if (floor := getattr(rule.floor, name)) is not None:
        least, said = mix.of(floor), _bound(getattr(rule.rule.floor, name), floor, mix, measures)
        words = f", {'raised to' if least > amount else 'not below'} the floor of {said} {where}"
        amount = max(amount, least)
    if (cap := getattr(rule.cap, name)) is not None:
        said = _bound(getattr(rule.rule.cap, name), cap, mix, measures)
        words += f", capped at {said} {where}" if mix.of(cap) < amount else f", not above the cap of {said} {where}"
    return words


def _bound(value: Value, exact: Exact, mix: Mix, measures: Measures) -> str:
    """A bound, and the class that it is for."""
    parts = classes(mix, exact)
    code = chosen(value, parts[0][1])[1] if len(parts) == 1 else "the classes by their parts"
    return f"{measures.money(mix.of(exact))}{in_brackets(code)}"


# Of the period


def _in_period(rule: RuleAssessor, work: _Period) -> list[str]:
    """What a rule makes of the period, and how that is divided."""
    said = _arithmetic(rule, work)
    total, _ = rule.total(work.basis, work.mix, work.after)
    is_due = all(each.is_reached(work.basis) for each in rule.thresholds)
    divided = [*over_payers(rule, total, work.mix, work.measures), *over_benefits(rule, work.mix)] if is_due else []
    return [*said, *_thresholds(rule, work, "".join(said)), *divided]


def _arithmetic(rule: RuleAssessor, work: _Period) -> list[str]:
    if rule.is_plain_sum:
        return []
    money, exact = work.measures.money, rule.exact(work.mix, work.after)
    amount, uncapped = [money(rounded(each, rule.direction, rule.unit_minor)) for each in exact]
    if rule.is_per_gig:
        before_bounds, _ = rule.sums_of(work.after)
        was = money(rule.sums_of(work.before)[0]) if work.before else money(0)
        change = f" ({was} before)" if work.before != work.after else ""
        words = f"over all gigs {money(before_bounds)} so far in the {work.kind}{change}"
    else:
        before_bounds = work.mix.of(rule.amount.exact)
        words = mixed(rule.amount, work.mix, work.measures)
    words += f"{_bounded(rule, before_bounds, work.mix, work.measures, work.kind)} → {amount}"
    if rule.rule.rounding.per == "period":
        words += f", {rounding_words(rule.rule.rounding, rule.unit_minor, work.measures.currency)} per {work.kind}"
    return [words + _without_cap(amount, uncapped)]


def _thresholds(rule: RuleAssessor, work: _Period, said: str) -> list[str]:
    """Whether the thresholds are reached, with what was measured where the sentence has not said it yet."""
    if not rule.thresholds:
        return []
    words = {each: reach_words(each, work.measures.currency) for each in rule.thresholds}
    missing = [each for each in rule.thresholds if not each.is_reached(work.basis)]
    unsaid = dict.fromkeys(each.by for each in missing or rule.thresholds)
    seen = [work.measures.of(by).short for by in unsaid if work.measures.of(by).full not in said]
    so_far = in_brackets(f"{listed(seen)} so far") if seen else ""
    named = f"{listed(words.values())} in the {work.kind}"
    if not missing:
        verb = "is" if len(words) == 1 else "are"
        return [f"the threshold{'s' * (len(words) > 1)} of {named} {verb} reached{so_far}"]
    return [f"{_missing(named, words, missing)} reached{so_far}, so nothing is due yet"]


def _missing(named: str, words: Mapping[Reach, str], missing: Sequence[Reach]) -> str:
    if len(words) == 1:
        return f"the threshold of {named} is not"
    if len(missing) == len(words):
        return f"none of the thresholds of {named} is"
    verb = "that of {} is" if len(missing) == 1 else "those of {} are"
    return f"of the thresholds of {named}, {verb.format(listed(words[each] for each in missing))} not"
