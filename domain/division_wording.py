"""How an amount is divided, in words: over payers, over benefits, and over the platforms of a pooled program."""

from fractions import Fraction
from math import gcd, lcm

from domain.amount import Basis
from domain.amount_wording import classes, mixed
from domain.assessment import Assessor
from domain.measure_wording import Measures, duration, gigs_words, in_brackets
from domain.money import written
from domain.rounding import rounded
from domain.rule import PartRounding, Rounding, Share, ShareBy
from domain.rule_assessment import Mix, ReadyPart, RuleAssessor
from domain.totals import Totals

#: What a pooled program divides by, in words.
SHARED_BY: dict[ShareBy, str] = {"engaged_time": "engaged time", "base": "earnings", "gigs": "gigs"}


def rounding_words(rounding: Rounding | PartRounding, unit_minor: int, currency: str) -> str:
    """`half up`, `floor to 1.00`."""
    to = f" to {written(unit_minor, currency)}" if rounding.to else ""
    return f"{rounding.direction.replace('_', ' ')}{to}"


def over_payers(rule: RuleAssessor, total: int, mix: Mix, measures: Measures) -> list[str]:
    """What each payer bears of an amount; nothing where one bears all."""
    if not rule.parts:
        return []
    *borne, rest = rule.by_payer(total, mix)
    said = [
        f"the {part.written.payer} bears {_part(rule, part, total, mix, measures)}"
        + _left(part, own, total, mix, measures)
        for part, own in zip(rule.parts, borne, strict=False)
    ]
    return [*said, f"the {rule.parts[-1].written.payer} bears the rest, {measures.money(rest)}"]


def _part(rule: RuleAssessor, part: ReadyPart, total: int, mix: Mix, measures: Measures) -> str:
    exact = part.exact(total, mix)
    own = measures.money(rounded(exact, part.direction, part.unit_minor))
    how = rounding_words(part.written.rounding or PartRounding("half_up"), part.unit_minor, measures.currency)
    if part.amount is None:
        arithmetic = f"{part.written.share} of {measures.money(total)} = {measures.money(exact)}"
    elif rule.rule.amount is None:  # said already, as a part of the sum
        arithmetic = measures.money(exact)
    else:
        arithmetic = measures.again(mixed(part.amount, mix, measures))
    return f"{arithmetic} → {own}, {how}"


def _left(part: ReadyPart, own: int, total: int, mix: Mix, measures: Measures) -> str:
    """Said where the payers before have left less than a payer's own part."""
    wanted = rounded(part.exact(total, mix), part.direction, part.unit_minor)
    return f", but no more than the {measures.money(own)} that is left" if own < wanted else ""


def over_benefits(rule: RuleAssessor, mix: Mix) -> list[str]:
    """The weights of a split; nothing where there is one benefit."""
    if len(rule.benefits) == 1:
        return []
    weights, why = _weights(rule, mix)
    over = ", ".join(rule.benefits)
    last = "the last" if weights[-1] else "the last with any weight"
    return [f"split {' : '.join(map(str, weights))}{why} over {over}, {last} taking what rounding leaves"]


def _weights(rule: RuleAssessor, mix: Mix) -> tuple[list[int], str]:
    """The weights as they are written; those of several classes mixed, in lowest terms."""
    parts = classes(mix, rule.weights[0])
    if len(parts) == 1:
        chosen = [_weight(share, parts[0][1]) for share in rule.rule.benefits]
        return [weight for weight, _ in chosen], in_brackets(next((code for _, code in chosen if code), ""))
    ratios = [mix.of(weight) for weight in rule.weights]
    whole = lcm(*[ratio.denominator for ratio in ratios])
    numbers = [int(ratio * whole) for ratio in ratios]
    return [number // gcd(*numbers) for number in numbers], " (the classes by their parts)"


def _weight(share: Share, basis: Basis) -> tuple[int, str]:
    weight = share.weight
    if isinstance(weight, int):
        return weight, ""
    if weight.by_vehicle_class:
        return weight.by_vehicle_class[basis.vehicle_class], basis.vehicle_class
    return weight.by_worker_class[basis.worker_class], basis.worker_class


def over_platforms(assessor: Assessor, period: str, totals: Totals) -> list[str]:
    """What each platform of a pooled program owes of all rules together; nothing where nothing is due."""
    if not assessor.is_pooled:
        return []
    owed: dict[str, int] = {}
    for each in assessor.entitlement(totals, period, ""):
        owed[each.platform_id] = owed.get(each.platform_id, 0) + each.amount_minor
    if not any(owed.values()):
        return []
    measures, by = assessor.measures(totals), shared_by(assessor, totals)
    shares = [
        f"{platform} {written(amount, assessor.version.currency)} for {_measure(assessor, by, measures[platform])}"
        for platform, amount in owed.items()
    ]
    divided = f"divided over the platforms by {SHARED_BY[by]}, the largest remainders taking what flooring leaves"
    return [f"{divided}: {', '.join(shares)}"]


def shared_by(assessor: Assessor, totals: Totals) -> ShareBy:
    """What a pooled contribution is divided by: gigs where nothing else was measured."""
    by: ShareBy = assessor.version.share_by or "engaged_time"
    measured = {
        "engaged_time": any(cell.engaged_seconds for cell in totals),
        "base": bool(assessor.base(totals)),
        "gigs": True,
    }
    return by if measured[by] else "gigs"


def _measure(assessor: Assessor, by: ShareBy, measure: int) -> str:
    match by:
        case "engaged_time":
            return duration(measure)
        case "base":
            return written(Fraction(measure, assessor.base_denominator), assessor.version.currency)
        case "gigs":
            return gigs_words(measure)
