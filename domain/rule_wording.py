"""A rule in plain sentences: how much of what, how it is rounded, when it is due, who bears it, what it is for."""

from collections.abc import Iterable
from typing import Final

from domain.amount import Reach, ReadyAmount
from domain.division_wording import rounding_words
from domain.measure_wording import in_brackets, listed, reach_number, unit
from domain.money import decimal, minor, written
from domain.rule import (
    Fixed,
    Greater,
    Lesser,
    Limit,
    Measured,
    PartRounding,
    Percent,
    PerGig,
    PerHour,
    ProgramVersion,
    Share,
    Steps,
    Sum,
    Value,
)
from domain.rule_assessment import ReadyPart, RuleAssessor

_MEASURED: Final[dict[Measured, str]] = {
    "base": "base",
    "gigs": "gigs",
    "hours": "engaged hours",
    "weekly_hours": "engaged hours a week",
}


def rule_sentences(rule: RuleAssessor, version: ProgramVersion) -> list[str]:
    """What a rule makes of each gig or period, when, borne by whom and for what."""
    per = "gig" if rule.is_per_gig else version.period
    amount = "what the payers' own amounts add up to"
    if rule.rule.amount is not None:
        amount = _amount(rule.amount, per, version.currency)
    bounds = _bounds(rule.rule.floor, rule.rule.cap, "per_gig" if rule.is_per_gig else "per_period", version.currency)
    each = f"{'For' if rule.rule is version.rules[0] else 'Further, for'} each {per}"
    return [
        f"{_joined(f'{each}:', amount)}{bounds}.",
        _rounded(rule, version),
        *_when(rule, version),
        *_borne(rule, version),
        _goes_to(rule),
    ]


def _joined(words: str, amount: str) -> str:
    """Words before an amount; one that goes by steps has a colon of its own."""
    return f"{words.rstrip(':')}, {amount}" if amount.startswith("by ") else f"{words} {amount}"


def _rounded(rule: RuleAssessor, version: ProgramVersion) -> str:
    how = f"rounded {rounding_words(rule.rule.rounding, rule.unit_minor, version.currency)}"
    if not rule.is_per_gig:
        return f"It is {how}."
    bounds = _bounds(rule.rule.floor, rule.rule.cap, "per_period", version.currency)
    if rule.is_exact_sum:
        return f"The gigs of the {version.period} are added up{bounds}; the sum is {how}."
    return f"Each is {how}; the gigs of the {version.period} are added up{bounds}."


def _amount(amount: ReadyAmount, per: str, currency: str) -> str:
    match amount.written:
        case Percent(rate=rate, over=None):
            return f"{by_class(rate)} of the {per}'s base"
        case Percent(rate=rate, over=over):
            return f"{by_class(rate)} of what the {per}'s base has above {_money(over or '0', currency)}"
        case PerHour(amount=each):
            return f"{by_class(each, currency)} for each hour of engaged time"
        case PerGig(amount=each):
            return f"{by_class(each, currency)} for each gig"
        case Fixed(amount=fixed):
            return by_class(fixed, currency)
        case Lesser():
            return f"the {'lesser' if len(amount.parts) == 2 else 'least'} of {_parts(amount, per, currency)}"
        case Greater():
            return f"the {'greater' if len(amount.parts) == 2 else 'greatest'} of {_parts(amount, per, currency)}"
        case Sum():
            return f"the sum of {_parts(amount, per, currency)}"
        case Steps(by=by):
            return f"by the {per}'s {_MEASURED[by]}: {_steps(amount, per, currency)}"


def _parts(amount: ReadyAmount, per: str, currency: str) -> str:
    """The amounts that one is made of, in brackets where they are made of others themselves."""
    words = [(_amount(part, per, currency), bool(part.parts)) for part in amount.parts]
    return listed([f"[{said}]" if is_made else said for said, is_made in words])


def _steps(amount: ReadyAmount, per: str, currency: str) -> str:
    steps = [
        f"{_from(reach, currency)}, {_amount(part, per, currency)}"
        for reach, part in zip(amount.reaches, amount.parts, strict=True)
    ]
    first = amount.reaches[0]
    below = f"nothing {'up to' if first.is_strict else 'below'} {reach_number(first, currency)}"
    return "; ".join([below, *steps])


def _from(reach: Reach, currency: str) -> str:
    number = reach_number(reach, currency)
    return f"above {number}" if reach.is_strict else f"from {number} on"


def _bounds(floor: Limit, cap: Limit, name: str, currency: str) -> str:
    """Floor and cap of each gig or of the period."""
    words = ""
    for limit, which in ((floor, "at least"), (cap, "at most")):
        value = getattr(limit, name)
        if value is not None:
            words += f", {which} {by_class(value, currency)}"
    return words


def _when(rule: RuleAssessor, version: ProgramVersion) -> list[str]:
    if not rule.thresholds:
        return []
    reached = listed([_reached(each, version.currency) for each in rule.thresholds])
    return [f"Nothing is due until the {version.period} has {reached}; then all of it is."]


def _reached(reach: Reach, currency: str) -> str:
    number = f"{'more than' if reach.is_strict else 'at least'} {reach_number(reach, currency)}"
    if reach.by == "base":
        return f"a base of {number}"
    if reach.by == "hours":
        return f"{number} engaged {unit('hours', is_one=reach.least == 1)}"
    return f"{number} {unit(reach.by, is_one=reach.least == 1)}"


def _borne(rule: RuleAssessor, version: ProgramVersion) -> list[str]:
    """Who bears it."""
    if not rule.parts:
        return [f"The {rule.payers[0]} bears it."]
    *first, last = rule.parts
    said = [_part(part, version) for part in first]
    own = ""
    if last.amount is not None:
        own = _joined("; its own amount is", _amount(last.amount, version.period, version.currency))
    return [*said, f"The {last.written.payer} bears the rest{own}."]


def _part(part: ReadyPart, version: ProgramVersion) -> str:
    how = rounding_words(part.written.rounding or PartRounding("half_up"), part.unit_minor, version.currency)
    if part.amount is None:
        return f"The {part.written.payer} bears {part.written.share} of it, rounded {how}."
    amount = _amount(part.amount, version.period, version.currency)
    return f"{_joined(f'The {part.written.payer} bears', amount)}; rounded {how}."


def _goes_to(rule: RuleAssessor) -> str:
    if len(rule.benefits) == 1:
        return f"It goes to {rule.benefits[0]}."
    last = "the last" if _has_weight(rule.rule.benefits[-1]) else "the last with any weight"
    return f"It goes to {listed(rule.benefits)} as {_weights(rule.rule.benefits)}; {last} takes what rounding leaves."


def _has_weight(share: Share) -> bool:
    """Whether a benefit has some weight, for every class."""
    weight = share.weight
    return (
        bool(weight) if isinstance(weight, int) else all((weight.by_vehicle_class or weight.by_worker_class).values())
    )


def _weights(shares: tuple[Share, ...]) -> str:
    """`5 : 3 : 2`, or weights for each class."""
    codes = {
        code
        for share in shares
        if not isinstance(share.weight, int)
        for code in share.weight.by_vehicle_class or share.weight.by_worker_class
    }
    if not codes:
        return " : ".join([str(share.weight) for share in shares])
    return _grouped((code, " : ".join([str(_weight(share, code)) for share in shares])) for code in sorted(codes))


def _weight(share: Share, code: str) -> int:
    weight = share.weight
    return weight if isinstance(weight, int) else (weight.by_vehicle_class or weight.by_worker_class)[code]


# Values


def by_class(value: Value, currency: str = "") -> str:
    """A rate or, with a currency, money; where there is one for each class, each with its classes."""
    if isinstance(value, str):
        return _money(value, currency) if currency else value
    by_class = value.by_vehicle_class or value.by_worker_class
    return _grouped((code, _money(text, currency) if currency else text) for code, text in by_class.items())


def _grouped(values: Iterable[tuple[str, str]]) -> str:
    """`60 % (car, van) or 35 % (motorcycle)`."""
    codes: dict[str, list[str]] = {}
    for code, words in values:
        codes.setdefault(words, []).append(code)
    return listed([f"{words}{in_brackets(', '.join(of))}" for words, of in codes.items()], "or")


def _money(text: str, currency: str) -> str:
    return written(minor(decimal(text), currency), currency)
