"""Amounts in words, with what they are made of: "2.75 % of 34.20 (fare 31.20 + toll 3.00) = 0.9405".

The numbers are those that `amount` computes; only how they are written is decided here.
"""

from fractions import Fraction

from domain.amount import Basis, Exact, ReadyAmount
from domain.measure_wording import Measures, chosen, in_brackets, listed, reach_words
from domain.money import decimal, minor
from domain.rule import Fixed, Greater, Lesser, Percent, PerGig, PerHour, Steps, Sum, Value
from domain.rule_assessment import Mix

_FIXED = "a fixed "


def mixed(amount: ReadyAmount, mix: Mix, measures: Measures) -> str:
    """An amount at the rates of the classes in a mix, each with its part of the whole where there are several."""
    parts = classes(mix, amount.exact)
    if len(parts) == 1:
        return measures.once(_with_result(amount, parts[0][1], measures))
    whole = "base" if mix.shares[0][1].base else "gigs"
    each = [f"{_nested(amount, basis, measures)} for {share} of the {whole}" for share, basis in parts]
    return measures.once(f"{listed(each)}, together {measures.money(mix.of(amount.exact))}")


def classes(mix: Mix, exact: Exact) -> list[tuple[Fraction, Basis]]:
    """The classes in a mix that a number tells apart, each with its part of the whole."""
    names = {name for name, _ in exact.classes}
    found: dict[tuple[str, str], tuple[int, Basis]] = {}
    for share, basis in mix.shares:
        vehicle = basis.vehicle_class if "by_vehicle_class" in names else ""
        worker = basis.worker_class if "by_worker_class" in names else ""
        known, first = found.get((vehicle, worker), (0, basis))
        found[vehicle, worker] = (known + share, first)
    return [(Fraction(share, mix.whole), basis) for share, basis in found.values() if share]


def _with_result(amount: ReadyAmount, basis: Basis, measures: Measures) -> str:
    """An amount with what it comes to."""
    result = measures.money(amount.exact.of(basis))
    match amount.written:
        case Percent(rate=rate, over=over):
            return f"{_rate(rate, basis)} of {_above(over, measures)} = {result}"
        case PerHour(amount=each):
            return f"{_money(each, basis, measures)} per hour for {measures.hours.full} = {result}"
        case PerGig(amount=each) if basis.days:
            return f"{_money(each, basis, measures)} per gig for {measures.gigs.full} = {result}"
        case PerGig(amount=each):
            return f"{_money(each, basis, measures)} for the gig"
        case Fixed(amount=fixed):
            return f"{_FIXED}{_money(fixed, basis, measures)}"
        case Lesser() | Greater():
            return f"{_combination(amount, basis, measures)}, so {result}"
        case Sum():
            return f"{_combination(amount, basis, measures)}, together {result}"
        case Steps():
            return _step(amount, basis, measures, result)


def _above(over: str | None, measures: Measures) -> str:
    """The base, or what it has above an amount."""
    if over is None:
        return measures.base.full
    return f"what {measures.base.full} has above {measures.money(minor(decimal(over), measures.currency))}"


def _rate(value: Value, basis: Basis) -> str:
    text, code = chosen(value, basis)
    return f"{text}{in_brackets(code)}"


def _money(value: Value, basis: Basis, measures: Measures) -> str:
    text, code = chosen(value, basis)
    return f"{measures.money(minor(decimal(text), measures.currency))}{in_brackets(code)}"


def _combination(amount: ReadyAmount, basis: Basis, measures: Measures) -> str:
    which = {Lesser: ("lesser", "least"), Greater: ("greater", "greatest")}.get(type(amount.written), ("sum", "sum"))
    parts = [_nested(part, basis, measures) for part in amount.parts]
    return f"the {which[len(parts) > 2]} of {listed(parts)}"


def _nested(amount: ReadyAmount, basis: Basis, measures: Measures) -> str:
    """An amount within another, in brackets where it is made of others itself."""
    words = _with_result(amount, basis, measures)
    return f"[{words}]" if amount.parts else words


def _step(amount: ReadyAmount, basis: Basis, measures: Measures, result: str) -> str:
    """The step that is reached, the highest one, and its amount."""
    at = measures.of(amount.reaches[0].by).full
    for reach, part in zip(reversed(amount.reaches), reversed(amount.parts), strict=True):
        if reach.is_reached(basis):
            words = _with_result(part, basis, measures).removeprefix(_FIXED)
            return f"at {at}, the step of {reach_words(reach, measures.currency)}: {words}"
    first = reach_words(amount.reaches[0], measures.currency)
    return f"at {at}, no step (the first is at {first}): {result}"
