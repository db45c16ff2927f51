"""More work never lowers what is due, by rules that promise it."""

from fractions import Fraction

from hypothesis import given

from domain.rule import Amount, ByClass, Fixed, Percent, PerGig, PerHour, Rule, Steps
from tests.support.program_cases import Case, cases, of_rules, searched


@searched(120)
@given(cases())
def test_one_more_gig_never_lowers_what_a_monotone_rule_comes_to(case: Case) -> None:
    last: dict[int, int] = {}
    for count in range(1, len(case.work) + 1):
        for at, (rule, amount, _) in enumerate(of_rules(case, count)):
            if is_monotone(rule.rule):
                assert amount >= last.get(at, 0)
                last[at] = amount


def is_monotone(rule: Rule) -> bool:
    """Whether one more gig can only raise what a rule comes to.

    So do all kinds of amounts, thresholds, bounds and roundings, by these exceptions: steps whose amounts fall, or
    whose amounts are not plain sums of money; and what depends on the classes of all gigs in a period, unless it is no
    more than a rate of the base. A rule per gig adds up what is never below zero.
    """
    if any(isinstance(limit.per_period, ByClass) for limit in (rule.cap, rule.floor)):
        return False
    if rule.is_per_gig:
        return True
    if isinstance(rule.amount, Percent) and rule.amount.over is None:
        return True
    amounts = [rule.amount] if rule.amount is not None else [part.amount for part in rule.payers]
    return all(_is_monotone(amount) for amount in amounts if amount is not None)


def _is_monotone(amount: Amount) -> bool:
    match amount:
        case Percent():
            return isinstance(amount.rate, str)
        case PerHour() | PerGig() | Fixed():
            return isinstance(amount.amount, str)
        case Steps():
            texts = [step.amount for step in amount.steps if isinstance(step.amount, str)]
            return len(texts) == len(amount.steps) and sorted(texts, key=Fraction) == texts
        case _:
            return all(map(_is_monotone, amount.of))
