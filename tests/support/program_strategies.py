"""Generated programs of every kind, valid by construction: what the exchange must carry out."""

from datetime import date
from typing import Any, Final

from hypothesis import strategies as st

from domain.period import PeriodKind
from domain.rounding import DIRECTIONS
from domain.rule import (
    AppliesTo,
    Base,
    Limit,
    Part,
    PartRounding,
    ProgramVersion,
    Rounding,
    Rule,
    Share,
    ShareBy,
    WeightByClass,
    When,
)
from tests.support.amount_strategies import Terms, amounts, measures, values, written
from tests.support.history_strategies import AGES, VEHICLES

DECIMALS: Final = {"USD": 2, "JPY": 0, "KWD": 3}
RIDES: Final = AppliesTo(services=("ride", "taxi"))
IN_NEW_YORK: Final = AppliesTo(jurisdictions=("US-NY",))
#: The first days of periods; gigs are done around the turn from June to July, which is none of a week.
FIRST_DAYS: Final = {
    "week": (date(2023, 6, 5), date(2023, 6, 26)),
    "month": (date(2023, 1, 1), date(2023, 7, 1)),
    "quarter": (date(2023, 1, 1), date(2023, 7, 1)),
}


@st.composite
def rules(draw: st.DrawFn, terms: Terms) -> Rule:
    """A rule of any kind that can be carried out."""
    rounding = Rounding(
        draw(st.sampled_from(DIRECTIONS)),
        draw(st.sampled_from(["gig", "period"])),
        draw(units(terms)),
    )
    per: Any = None if rounding.per == "gig" else draw(st.sampled_from([None, None, "gig", "period"]))
    per_gig = rounding.per == "gig" or per == "gig"
    payers = draw(_payers(terms, per_gig=per_gig))
    payer: Any = None if payers else draw(st.sampled_from([None, "worker", "customer"]))
    is_of_payers = bool(payers) and payers[-1].amount is not None
    floor, cap = draw(limits(terms, rounding.to, per_gig=per_gig))
    return Rule(
        amount=None if is_of_payers else draw(amounts(terms, per_gig=per_gig)),
        rounding=rounding,
        benefits=draw(benefits(terms)),
        per=per,
        payer=payer,
        payers=payers,
        when=draw(thresholds(terms)),
        cap=cap,
        floor=floor,
    )


def units(terms: Terms) -> st.SearchStrategy[str | None]:
    """What to round to: nothing said, or a few or a hundred of the smallest unit."""
    return st.sampled_from([None, None, written(5, terms.decimals), written(100, terms.decimals)])


@st.composite
def limits(draw: st.DrawFn, terms: Terms, to: str | None, *, per_gig: bool) -> tuple[Limit, Limit]:
    """A floor and a cap, the one below the other for all classes, in multiples of what is rounded to."""
    unit = int(to.replace(".", "")) if to else 1

    def bounds(least: int, most: int) -> st.SearchStrategy[str]:
        return st.integers(least // unit, most // unit).map(lambda units: written(units * unit, terms.decimals))

    of_floor: dict[str, Any] = {}
    of_cap: dict[str, Any] = {}
    for name, least, most in (("per_gig", 2_00, 10_00), ("per_period", 5_00, 40_00)):
        if name == "per_gig" and not per_gig:
            continue
        if draw(st.integers(0, 4)) == 0:
            of_floor[name] = draw(values(terms, bounds(0, least)))
        if draw(st.integers(0, 3)) == 0:
            of_cap[name] = draw(values(terms, bounds(least, most)))
    return Limit(**of_floor), Limit(**of_cap)


@st.composite
def thresholds(draw: st.DrawFn, terms: Terms) -> When:
    """No threshold, one, or several together."""
    keys: dict[str, Any] = {}
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 3]))):
        by, texts = draw(measures(terms, per_gig=False))
        name = f"{by}_{draw(st.sampled_from(['at_least', 'above']))}"
        keys[name] = draw(st.integers(0, 4)) if by == "gigs" else draw(st.sampled_from(texts))
    return When(**keys)


@st.composite
def benefits(draw: st.DrawFn, terms: Terms) -> tuple[Share, ...]:
    """One benefit or several, by weights of which one at least is above zero, also for each class."""
    names = draw(st.permutations(["health", "paid_leave", "retirement"]))[: draw(st.integers(1, 3))]
    codes = draw(st.sampled_from([(), terms.vehicles, terms.ages]))
    if not codes:
        weights = draw(_weights(len(names)))
        return tuple([Share(name, weight) for name, weight in zip(names, weights, strict=True)])
    table = "by_vehicle_class" if codes == terms.vehicles else "by_worker_class"
    of_codes = {code: draw(_weights(len(names))) for code in codes}
    return tuple(
        [
            Share(name, WeightByClass(**{table: {code: of_codes[code][at] for code in codes}}))
            for at, name in enumerate(names)
        ]
    )


def _weights(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 7), min_size=count, max_size=count).map(
        lambda weights: weights if any(weights) else [1] * count
    )


@st.composite
def _payers(draw: st.DrawFn, terms: Terms, *, per_gig: bool) -> tuple[Part, ...]:
    """Nobody named, or two payers or three, of whom the last bears the rest; all may have amounts of their own."""
    if draw(st.booleans()):
        return ()
    who: list[Any] = list(draw(st.permutations(["platform", "worker", "customer"])))[: draw(st.integers(2, 3))]
    own = amounts(terms, per_gig=False, depth=2)
    is_of_payers = not per_gig and draw(st.integers(0, 2)) == 0
    parts = []
    for payer in who[:-1]:
        rounding = draw(st.none() | st.builds(PartRounding, st.sampled_from(DIRECTIONS), units(terms)))
        if is_of_payers or (not per_gig and draw(st.booleans())):
            parts.append(Part(payer, amount=draw(own), rounding=rounding))
        else:
            parts.append(
                Part(payer, share=draw(st.sampled_from(["0 %", "37.5 %", "54 %", "100 %"])), rounding=rounding)
            )
    return (*parts, Part(who[-1], amount=draw(own) if is_of_payers else None))


# Programs


@st.composite
def versions(
    draw: st.DrawFn, /, count: int = 1, program_id: str = "generated", currency: str | None = None
) -> tuple[ProgramVersion, ...]:
    """The versions of one program, in the order of their numbers; all can be in force in the periods of the gigs."""
    period: PeriodKind = draw(st.sampled_from(["week", "month", "quarter"]))
    fixed: dict[str, Any] = {
        "id": program_id,
        "currency": currency or draw(st.sampled_from(["USD", "USD", "JPY", "KWD"])),
        "period": period,
        "time_zone": draw(st.sampled_from(["America/New_York", "Asia/Tokyo"])),
        "attribution_date": draw(st.sampled_from(["completed_at", "completed_at", "paid_at"])),
        "scope": draw(st.sampled_from(["platform", "pooled"])),
    }
    found = []
    for number in range(1, count + 1):
        effective_from = draw(st.sampled_from(FIRST_DAYS[period][: 1 if number == 1 else 2]))
        found.append(draw(_version(fixed | {"version": number, "effective_from": effective_from})))
    return tuple(found)


@st.composite
def _version(draw: st.DrawFn, /, fixed: dict[str, Any]) -> ProgramVersion:
    vehicles, ages = draw(st.sampled_from([(), VEHICLES])), draw(st.sampled_from([(), AGES]))
    terms = Terms(DECIMALS[fixed["currency"]], vehicles, ages)
    components = draw(st.sampled_from([("fare",), ("fare", "incentive"), ("incentive", "toll")]))
    deduction = draw(st.none() | values(terms, st.sampled_from(["0 %", "20 %", "33.333 %", "60 %", "100 %"])))
    share_by: st.SearchStrategy[ShareBy | None] = st.sampled_from([None, "engaged_time", "base", "gigs"])
    return ProgramVersion(
        **fixed,
        title=f'The "generated" program, version {fixed["version"]}',
        source="invented\nfor these tests",
        base=Base(components, deduction),
        rules=tuple(draw(st.lists(rules(terms), min_size=1, max_size=3))),
        share_by=draw(share_by) if fixed["scope"] == "pooled" else None,
        applies_to=draw(st.sampled_from([AppliesTo(), AppliesTo(), RIDES, IN_NEW_YORK])),
    )
