"""What accrues is the entitlement of what counts: Σ accrued lines = entitlement(Σ gig facts), in any order of arrival.

A deliberately naive oracle computes each period whole from the last report of each gig, with fractions and without any
code of the domain. It must agree with the exchange to the cent after every batch.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.gig import Gig, GigReport
from domain.postings import postings
from tests.support.gigs import TENTH, configuration, gig, report, shipped, versions
from tests.support.memory_exchange import LineKey, MemoryExchange, refold, registry_of

TWO_RULES = versions(
    TENTH.replace('components = ["fare"]', 'components = ["fare", "incentive"]')
    .replace('"10 %"', '"3 %"')
    .replace('rounding = { direction = "half_up"', 'payer = "worker"\nrounding = { direction = "floor", to = "1.00"')
    + """
[[rules]]
amount = { kind = "percent", rate = "7.5 %" }
when = { base_at_least = "20.00" }
rounding = { direction = "ceiling", per = "period" }
benefits = [{ benefit = "retirement", weight = 2 }, { benefit = "health" }]
""",
    id="two-rules",
    time_zone="Europe/Berlin",
)
EXCHANGE = configuration(
    [shipped("black-car-fund"), shipped("demo-weekly"), TWO_RULES],
    {"uber": ["black-car-fund", "demo-weekly"], "lyft": ["demo-weekly", "two-rules"]},
)


# The oracle

NEW_YORK: Final = ZoneInfo("America/New_York")
BERLIN: Final = ZoneInfo("Europe/Berlin")
HALF: Final = Fraction(1, 2)
Amounts = dict[tuple[str, str], int]


def _black_car_fund(period: str, gigs: list[Gig]) -> Amounts:
    rate = Fraction("0.03") if period < "2023-07" else Fraction("0.0275")
    bases = [sum(each.earnings.get(name, 0) for name in ("fare", "toll", "airport_fee")) for each in gigs]
    return {("workers_compensation", "customer"): sum(math.floor(base * rate + HALF) for base in bases)}


def _demo_weekly(period: str, gigs: list[Gig]) -> Amounts:
    base = sum(each.earnings.get("fare", 0) for each in gigs)
    total = math.floor(base * Fraction("0.04") + HALF) if base >= 150_00 else 0
    retirement, paid_leave = math.floor(Fraction(total, 2)), math.floor(Fraction(total * 3, 10))
    return {
        ("retirement", "platform"): retirement,
        ("paid_leave", "platform"): paid_leave,
        ("health", "platform"): total - retirement - paid_leave,
    }


def _two_rules(period: str, gigs: list[Gig]) -> Amounts:
    base = sum(each.earnings.get("fare", 0) + each.earnings.get("incentive", 0) for each in gigs)
    borne = math.floor(base * Fraction("0.03") / 100) * 100
    paid = math.ceil(base * Fraction("0.075")) if base >= 20_00 else 0
    retirement = math.floor(Fraction(paid * 2, 3))
    return {
        ("retirement", "worker"): borne,
        ("retirement", "platform"): retirement,
        ("health", "platform"): paid - retirement,
    }


def _month(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m")


def _taken_by(platform_id: str, facts: Gig) -> list[tuple[str, str]]:
    """Program and period of each program that takes a gig."""
    if facts.currency != "USD":
        return []
    taken = [("demo-weekly", facts.completed_at.astimezone(NEW_YORK).strftime("%G-W%V"))]
    if platform_id == "lyft":
        taken.append(("two-rules", _month(facts.completed_at, BERLIN)))
    elif facts.service != "delivery":
        taken.append(("black-car-fund", _month(facts.completed_at, NEW_YORK)))
    return taken


RULES: dict[str, Callable[[str, list[Gig]], Amounts]] = {
    "black-car-fund": _black_car_fund,
    "demo-weekly": _demo_weekly,
    "two-rules": _two_rules,
}


def oracle(reports: Iterable[GigReport]) -> dict[str, dict[LineKey, int]]:
    """What each work period is entitled to after these reports, computed whole."""
    last: dict[tuple[str, str], GigReport] = {}
    for each in reports:
        key = (each.platform_id, each.gig.gig_id)
        if key not in last or each.gig.revision > last[key].gig.revision:
            last[key] = each
    periods: defaultdict[tuple[str, str, str, str], list[Gig]] = defaultdict(list)
    for (platform_id, _), each in last.items():
        for program_id, period in _taken_by(platform_id, each.gig) if not each.cancelled else []:
            periods[platform_id, each.gig.worker_id, program_id, period].append(each.gig)
    entitled: dict[str, dict[LineKey, int]] = {}
    for (platform_id, worker_id, program_id, period), gigs in periods.items():
        amounts = RULES[program_id](period, gigs).items()
        lines = {(benefit, payer, platform_id): amount for (benefit, payer), amount in amounts if amount}
        if lines:
            entitled[f"work:{platform_id}:{worker_id}:{program_id}:{period}"] = lines
    return entitled


# Histories: few gigs, so that they are corrected often; times around the turns of weeks, months and days

MIDNIGHT: Final = datetime.fromisoformat("2023-07-01T00:00:00-04:00")
times = st.builds(
    lambda days, seconds: MIDNIGHT + timedelta(days=days, seconds=seconds),
    st.sampled_from([-12, -5, -4, 0, 0, 0, 1, 2, 7]),
    st.sampled_from([-21_601, -21_600, -1, 0, 1, 43_200]),
)
earnings = st.fixed_dictionaries(
    {"fare": st.integers(0, 120_00)},
    optional={"incentive": st.integers(0, 50_00), "toll": st.integers(0, 9_99), "tip": st.integers(0, 9_99)},
)
facts = st.builds(
    gig,
    st.sampled_from(["trip-1", "trip-2", "trip-3", "trip-4"]),
    revision=st.integers(0, 3),
    worker_id=st.sampled_from(["w-1", "w-1", "w-2"]),
    completed_at=times,
    engaged_seconds=st.integers(0, 7_200),
    earnings=earnings,
    service=st.sampled_from([None, "ride", "delivery"]),
    currency=st.sampled_from(["USD"] * 7 + ["CAD"]),
)
reports = st.builds(
    lambda said, platform_id, cancelled: report(said, platform_id, cancelled=cancelled),
    facts,
    st.sampled_from(["uber", "lyft"]),
    st.sampled_from([False, False, True]),
)
sizes = st.integers(1, 6)


def _revision(said: GigReport) -> tuple[str, str, int]:
    return said.platform_id, said.gig.gig_id, said.gig.revision


@st.composite
def agreeing_orders(draw: st.DrawFn) -> tuple[list[GigReport], list[GigReport]]:
    """Two orders of arrival of the same reports, each with repetitions of its own; no two reports are in conflict."""
    said = draw(st.lists(reports, min_size=1, max_size=14, unique_by=_revision))
    again = st.lists(st.sampled_from(said), max_size=5)
    return draw(st.permutations(said + draw(again))), draw(st.permutations(said + draw(again)))


def taken(said: Iterable[GigReport], size: int) -> MemoryExchange:
    """An exchange that took these reports."""
    exchange = MemoryExchange(EXCHANGE)
    exchange.take_in_batches(said, size)
    return exchange


# The laws


@settings(max_examples=250, deadline=None)
@given(st.lists(reports, max_size=14))
def test_what_accrued_is_what_the_oracle_computes_whole_after_every_report(said: list[GigReport]) -> None:
    exchange = MemoryExchange(EXCHANGE)
    for count, each in enumerate(said, 1):
        exchange.take(each)
        assert exchange.accrued() == oracle(said[:count])


@settings(max_examples=250, deadline=None)
@given(st.lists(reports, max_size=14), sizes)
def test_lines_entitlement_and_totals_of_every_period_agree(said: list[GigReport], size: int) -> None:
    exchange = taken(said, size)
    assert exchange.accrued() == exchange.entitled() == oracle(said)
    for stream, events in exchange.contributions().items():
        latest = events[-1]
        assert refold(events) == latest.totals
        assessor = EXCHANGE.assessors(latest.program_id).of_version(latest.program_version)
        entitled = {
            (each.benefit, each.payer, each.platform_id): each.amount_minor
            for each in assessor.entitlement(latest.totals, latest.period, latest.platform_id)
            if each.amount_minor
        }
        assert exchange.accrued().get(stream, {}) == entitled


@settings(max_examples=250, deadline=None)
@given(agreeing_orders(), sizes, sizes)
def test_the_order_of_arrival_changes_nothing(
    orders: tuple[list[GigReport], list[GigReport]], size: int, other_size: int
) -> None:
    one, other = taken(orders[0], size), taken(orders[1], other_size)
    assert one.totals() == other.totals()
    assert one.entitled() == other.entitled()
    assert one.accrued() == other.accrued()
    assert one.reported() == other.reported()


@settings(max_examples=150, deadline=None)
@given(st.lists(reports, max_size=14), sizes)
def test_how_reports_are_cut_into_batches_changes_nothing_at_all(said: list[GigReport], size: int) -> None:
    one_by_one, in_batches = taken(said, 1), taken(said, size)
    assert in_batches.log == one_by_one.log
    assert in_batches.registry == one_by_one.registry
    assert in_batches.quarantine == one_by_one.quarantine


@settings(max_examples=150, deadline=None)
@given(st.lists(reports, max_size=14), sizes)
def test_reports_taken_a_second_time_write_nothing(said: list[GigReport], size: int) -> None:
    exchange = taken(said, size)
    before = list(exchange.log)
    exchange.take_in_batches(said, size)
    assert exchange.log == before


@settings(max_examples=250, deadline=None)
@given(st.lists(reports, max_size=14), sizes)
@example([report(gig()), report(gig(revision=1, fare=99_00), cancelled=True)], 1)
@example([report(gig()), report(gig(revision=1, worker_id="w-2"), cancelled=True)], 1)
def test_the_registry_is_a_fold_of_the_log(said: list[GigReport], size: int) -> None:
    exchange = taken(said, size)
    assert registry_of(exchange.log) == exchange.registry


@settings(max_examples=150, deadline=None)
@given(st.lists(reports, max_size=14), sizes)
def test_the_ledger_holds_for_each_worker_what_the_platforms_owe(said: list[GigReport], size: int) -> None:
    exchange = taken(said, size)
    moved = [posting for new in exchange.log for posting in postings(new.event)]
    pending: defaultdict[tuple[str, str], int] = defaultdict(int)
    for posting in moved:
        if posting.account == "pending":
            pending[posting.worker_id, posting.benefit] -= posting.amount_minor
    expected: defaultdict[tuple[str, str], int] = defaultdict(int)
    for stream, lines in oracle(said).items():
        for (benefit, _, _), amount in lines.items():
            expected[stream.split(":")[2], benefit] += amount
    assert {key: amount for key, amount in pending.items() if amount} == dict(expected)
    assert sum(posting.amount_minor for posting in moved) == 0
