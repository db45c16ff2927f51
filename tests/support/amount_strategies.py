"""Generated amounts of every kind, valid by construction.

Numbers are small and thresholds lie where a handful of gigs reach them: bounds, brackets and ties are often met.
"""

from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from domain.rule import Amount, ByClass, Fixed, Greater, Lesser, Percent, PerGig, PerHour, Step, Steps, Sum, Value


class Terms(NamedTuple):
    """What the parts of a program need to know of the whole: its decimals, and the classes it may tell apart."""

    decimals: int
    vehicles: tuple[str, ...]
    ages: tuple[str, ...]


def written(number: int, decimals: int) -> str:
    """A whole number of 10^-decimals as a decimal: 1234 with two decimals is `12.34`."""
    digits = str(number).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def money(terms: Terms, most_minor: int, *, finer: bool = False) -> st.SearchStrategy[str]:
    """Amounts of money, `finer` with fractions of the smallest unit among them."""
    whole = st.integers(0, most_minor).map(lambda minor: written(minor, terms.decimals))
    fine = st.integers(0, most_minor * 1_000).map(lambda thousandths: written(thousandths, terms.decimals + 3))
    return whole | fine if finer else whole


RATES: Final = st.sampled_from(["0 %", "0.5 %", "2.75 %", "4 %", "10 %", "33.333 %", "50 %", "50 %", "250 %"])


@st.composite
def values(draw: st.DrawFn, terms: Terms, texts: st.SearchStrategy[str]) -> Value:
    """A text, or one for each class that the program tells apart."""
    tables = [name for name, codes in (("by_vehicle_class", terms.vehicles), ("by_worker_class", terms.ages)) if codes]
    if not tables or draw(st.booleans()):
        return draw(texts)
    name = draw(st.sampled_from(tables))
    codes = terms.vehicles if name == "by_vehicle_class" else terms.ages
    return ByClass(**{name: {code: draw(texts) for code in codes}})


# Amounts


@st.composite
def amounts(draw: st.DrawFn, terms: Terms, *, per_gig: bool, depth: int = 3) -> Amount:
    """Amounts of every kind, within one another up to `depth`."""
    plain = ["percent", "percent", "over", "per_hour", "per_gig", "fixed"]
    kind = draw(st.sampled_from(plain + ["lesser", "greater", "sum", "steps"] * (depth > 1)))
    within = amounts(terms, per_gig=per_gig, depth=depth - 1)
    match kind:
        case "percent":
            return Percent(draw(values(terms, RATES)))
        case "over":
            over = st.sampled_from([0, 1, 40_00, 100_00]).map(lambda minor: written(minor, terms.decimals))
            return Percent(draw(values(terms, RATES)), draw(over | money(terms, 200_00)))
        case "per_hour":
            return PerHour(draw(_own(terms, money(terms, 20_00, finer=True), per_gig=per_gig)))
        case "per_gig":
            return PerGig(draw(_own(terms, money(terms, 9_00, finer=True), per_gig=per_gig)))
        case "fixed":
            return Fixed(draw(values(terms, money(terms, 30_00, finer=True))))
        case "steps":
            return draw(steps(terms, within, per_gig=per_gig))
        case _:
            combined: Any = {"lesser": Lesser, "greater": Greater, "sum": Sum}[kind]
            return combined(tuple(draw(st.lists(within, min_size=2, max_size=3))))  # type: ignore[no-any-return]


def _own(terms: Terms, texts: st.SearchStrategy[str], *, per_gig: bool) -> st.SearchStrategy[Value]:
    """What each gig has by itself depends on its class only where the amount is made of each gig."""
    return values(terms, texts) if per_gig else texts


@st.composite
def steps(draw: st.DrawFn, terms: Terms, within: st.SearchStrategy[Amount], *, per_gig: bool) -> Steps:
    """Steps in rising order; two may share their threshold, one `at_least` and the next `above` it."""
    by, texts = draw(measures(terms, per_gig=per_gig))
    amount: st.SearchStrategy[Any] = within | money(terms, 40_00, finer=True)
    return Steps(by, tuple([draw(_step(least, strict, amount)) for least, strict in draw(_rising(texts))]))


@st.composite
def _step(draw: st.DrawFn, least: str, strict: bool, amount: st.SearchStrategy[Any]) -> Step:
    return Step(draw(amount), **{"above" if strict else "at_least": least})


@st.composite
def measures(draw: st.DrawFn, terms: Terms, *, per_gig: bool) -> tuple[Any, tuple[str, ...]]:
    """A measure, and thresholds of it in rising order."""
    by: Any = draw(st.sampled_from(["base", "gigs", "hours"] + ["weekly_hours"] * (not per_gig)))
    texts = {
        "base": tuple(written(minor, terms.decimals) for minor in (0, 1, 40_00, 100_00, 250_00)),
        "gigs": ("0", "1", "2", "2.5", "4"),
        "hours": ("0", "0.25", "1", "1.5", "3"),
        "weekly_hours": ("0", "0.03125", "0.1", "0.5", "1.5"),
    }
    return by, texts[by]


def _rising(texts: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, bool]]]:
    """Thresholds in rising order, `at_least` before `above` the same."""
    every = [(text, strict) for text in texts for strict in (False, True)]
    return st.sets(st.sampled_from(every), min_size=1, max_size=4).map(lambda chosen: sorted(chosen, key=every.index))
