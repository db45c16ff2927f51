"""Gigs of a file to amounts: by period, gig by gig, and as the exchange does it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from io import BytesIO
from itertools import groupby
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from domain.assessment import Assessor
from domain.gig import Gig, GigReport
from domain.rounding import rounded
from domain.rule import ProgramVersion
from domain.totals import Totals, gigs
from domain.work_period import ContributionAccrued
from services.assess import GigRow, PeriodRow, by_gig, by_period
from services.gig_lines import GigLines
from tests.support import naive_program
from tests.support.gig_files import file_of
from tests.support.gigs import TENTH, configuration, gig, report, shipped, versions
from tests.support.memory_exchange import MemoryExchange

#: Two benefits and two payers, from 20.00 on and up to 3.00, over all platforms, from a base that depends on the class.
POOLED: Final = versions(
    TENTH.replace('period = "month"', 'period = "month"\nscope = "pooled"\nshare_by = "base"')
    .replace(
        'components = ["fare"]',
        'components = ["fare"]\ndeduction = { by_vehicle_class = { car = "60 %", bicycle = "12.5 %" } }',
    )
    .replace(
        'benefits = [{ benefit = "retirement" }]',
        """benefits = [{ benefit = "retirement", weight = 2 }, { benefit = "health" }]
when = { base_at_least = "20.00" }
cap = { per_period = "3.00" }
payers = [{ payer = "worker", share = "40 %" }, { payer = "platform" }]
""",
    ),
    id="pooled-month",
)
PROGRAMS: Final = [shipped("black-car-fund"), shipped("demo-weekly"), POOLED]
IDS: Final = [program[0].id for program in PROGRAMS]
PLATFORMS: Final = ("lyft", "uber")


def lines_of(said: list[GigReport], programs: list[tuple[ProgramVersion, ...]] = PROGRAMS) -> GigLines:
    """A file with these reports, read."""
    found = GigLines(configuration(programs, {}))
    found.read(BytesIO(file_of(said)), lambda _: None)
    return found


def periods(said: list[GigReport], *programs: tuple[ProgramVersion, ...]) -> list[PeriodRow]:
    """What these reports come to in each period."""
    return by_period(lines_of(said, list(programs)).gigs)


def of_gigs(said: list[GigReport], *programs: tuple[ProgramVersion, ...]) -> list[GigRow]:
    """What the gigs of these reports move."""
    return list(by_gig(lines_of(said, list(programs)).gigs))


# Examples


def test_a_period_has_a_row_with_all_that_it_comes_from() -> None:
    said = [report(gig("a", fare=12_34)), report(gig("b", fare=10_00, engaged_seconds=61))]
    assert periods(said, versions(TENTH)) == [
        PeriodRow(
            worker_id="w-1",
            platform_id="uber",
            program="tenth",
            version=1,
            period="2023-06",
            benefit="retirement",
            payer="platform",
            currency="USD",
            amount_minor=2_23,
            uncapped_amount_minor=2_23,
            gigs=2,
            base_minor=22_34,
            engaged_seconds=661,
        )
    ]


def test_below_a_threshold_there_are_rows_of_zero_for_every_benefit_and_payer() -> None:
    weekly = shipped("demo-weekly")
    rows = periods([report(gig(fare=149_99))], weekly)
    assert [(row.benefit, row.amount_minor) for row in rows] == [("health", 0), ("paid_leave", 0), ("retirement", 0)]
    assert [(row.benefit, row.amount_minor) for row in of_gigs([report(gig(fare=149_99))], weekly)] == [
        ("retirement", 0),
        ("paid_leave", 0),
        ("health", 0),
    ]


def test_a_gig_that_several_programs_take_has_rows_of_each_in_their_version_of_the_period() -> None:
    said = [report(gig(fare=100_00)), report(gig("b", fare=100_00, completed_at=gig().completed_at + timedelta(7)))]
    found = {(row.program, row.version, row.period): row.amount_minor for row in periods(said, *PROGRAMS[:1])}
    assert found == {("black-car-fund", 1, "2023-06"): 3_00, ("black-car-fund", 2, "2023-07"): 2_75}
    assert len({row.program for row in of_gigs(said, *PROGRAMS[:2])}) == 2


def test_a_base_that_is_not_whole_is_rounded_half_up_to_be_looked_at() -> None:
    (row, *_) = periods([report(gig(fare=4, vehicle_class="bicycle"))], POOLED)
    assert row.base_minor == 4  # 3.5
    (row, *_) = periods([report(gig(fare=1, vehicle_class="car"))], POOLED)
    assert row.base_minor == 0  # 0.4


def test_a_cap_leaves_the_amount_without_it_to_be_seen() -> None:
    rows = periods([report(gig(fare=100_00, vehicle_class="car"))], POOLED)
    assert sum(row.amount_minor for row in rows) == 3_00
    assert sum(row.uncapped_amount_minor for row in rows) == 4_00


def test_a_gig_on_one_platform_moves_what_another_owes_of_a_pooled_program() -> None:
    first, second = [
        report(gig(gig_id, fare=100_00, vehicle_class="car"), platform_id)
        for gig_id, platform_id in (("a", "uber"), ("b", "lyft"))
    ]
    rows = [row for row in of_gigs([first, second], POOLED) if row.benefit == "health"]
    assert [(row.gig_id, row.platform_id, row.payer, row.amount_minor, row.entitled_minor) for row in rows] == [
        ("a", "uber", "worker", 40, 40),
        ("a", "uber", "platform", 60, 60),
        ("b", "lyft", "worker", 20, 20),
        ("b", "uber", "worker", -20, 20),
        ("b", "lyft", "platform", 30, 30),
        ("b", "uber", "platform", -30, 30),
    ]
    assert {(row.platform_id, row.gigs, row.base_minor) for row in periods([first, second], POOLED)} == {
        ("lyft", 1, 40_00),
        ("uber", 1, 40_00),
    }


def test_a_corrected_gig_has_only_the_rows_of_its_last_facts() -> None:
    said = [report(gig("a")), report(gig("b")), report(gig("a", revision=1, worker_id="w-2"))]
    rows = of_gigs(said, versions(TENTH))
    assert [(row.gig_id, row.revision, row.worker_id, row.amount_minor) for row in rows] == [
        ("b", 0, "w-1", 1_00),
        ("a", 1, "w-2", 1_00),
    ]


def test_rows_say_why_only_where_they_are_asked_to() -> None:
    asked: list[tuple[str, str, str, int, int]] = []

    def explain(_: Assessor, facts: Gig, platform_id: str, period: str, before: Totals, after: Totals) -> list[str]:
        asked.append((facts.gig_id, platform_id, period, gigs(before), gigs(after)))
        return ["because"]

    counted = lines_of([report(gig("a")), report(gig("b"))], [versions(TENTH)]).gigs
    assert [row.explanation for row in by_gig(counted)] == [UNSET, UNSET]
    assert [row.explanation for row in by_gig(counted, explain)] == [["because"], ["because"]]
    assert asked == [("a", "uber", "2023-06", 0, 1), ("b", "uber", "2023-06", 1, 2)]


# Laws: few gigs, so that they are corrected often, around the turn of a month

MIDNIGHT: Final = datetime.fromisoformat("2023-07-01T00:00:00-04:00")
facts = st.builds(
    gig,
    st.sampled_from(["trip-1", "trip-2", "trip-3", "trip-4"]),
    revision=st.integers(0, 3),
    worker_id=st.sampled_from(["w-1", "w-1", "w-2"]),
    completed_at=st.sampled_from([MIDNIGHT + timedelta(hours=hours) for hours in (-200, -30, -1, 0, 1, 50)]),
    engaged_seconds=st.integers(0, 7_200),
    earnings=st.fixed_dictionaries({"fare": st.integers(0, 120_00)}, optional={"toll": st.integers(0, 9_99)}),
    # The pooled program lists two: a third is refused, and so is none.
    vehicle_class=st.sampled_from(["car", "car", "bicycle", "bicycle", "truck", None]),
    service=st.sampled_from([None, "ride", "delivery"]),
    currency=st.sampled_from(["USD"] * 7 + ["CAD"]),
)
reports = st.builds(
    lambda said, platform_id, cancelled: report(said, platform_id, cancelled=cancelled),
    facts,
    st.sampled_from(PLATFORMS),
    st.sampled_from([False, False, False, True]),
)
histories = st.lists(reports, max_size=16)
Key = tuple[str, str, str, str, str, str]


def key(row: PeriodRow | GigRow) -> Key:
    return row.worker_id, row.platform_id, row.program, row.period, row.benefit, row.payer


def taken(said: Iterable[GigReport]) -> tuple[MemoryExchange, Counter[str]]:
    """An exchange that took these reports, and how many of each outcome there were."""
    exchange = MemoryExchange(configuration(PROGRAMS, dict.fromkeys(PLATFORMS, IDS)))
    return exchange, Counter([exchange.take(each)[0] for each in said])


def without_zeros(amounts: dict[Key, tuple[int, int]]) -> dict[Key, tuple[int, int]]:
    return {key: values for key, values in amounts.items() if any(values)}


@settings(max_examples=300, deadline=None)
@given(histories)
def test_periods_come_to_what_the_exchange_says(said: list[GigReport]) -> None:
    exchange, outcomes = taken(said)
    found = lines_of(said)
    expected: dict[Key, tuple[int, int]] = {}
    for stream, events in exchange.contributions().items():
        worker_id, program_id, period = stream.split(":")[2:]
        for line in events[-1].lines:
            uncapped = line.entitled_minor if line.uncapped_minor is None else line.uncapped_minor
            place = (worker_id, line.platform_id, program_id, period, line.benefit, line.payer)
            expected[place] = (line.entitled_minor, uncapped)
    rows = by_period(found.gigs)
    amounts = {key(row): (row.amount_minor, row.uncapped_amount_minor) for row in rows}
    assert without_zeros(amounts) == without_zeros(expected)
    assert len(amounts) == len(rows)
    assert [key(row) for row in rows] == sorted(amounts)
    assert outcomes["quarantined"] == found.outcomes["refused"]
    assert {what: found.outcomes[what] for what in ("duplicate", "stale")} == {
        what: outcomes[what] for what in ("duplicate", "stale")
    }


@settings(max_examples=200, deadline=None)
@given(histories)
def test_rows_count_the_work_of_their_platform_in_their_period(said: list[GigReport]) -> None:
    counted = lines_of(said).gigs
    for row in by_period(counted):
        own = [
            each.gig
            for each in counted
            if (each.gig.worker_id, each.gig.platform_id) == (row.worker_id, row.platform_id)
            and (row.program, row.period) in [(taking.program_id, taking.period) for taking in each.takings]
        ]
        (version,) = [each for program in PROGRAMS for each in program if (each.id, each.version) == key_of(row)]
        assert (row.gigs, row.engaged_seconds) == (len(own), sum(each.engaged_seconds for each in own))
        assert row.base_minor == rounded(naive_program.base(version, own), "half_up")


def key_of(row: PeriodRow) -> tuple[str, int]:
    return row.program, row.version


@settings(max_examples=300, deadline=None)
@given(histories)
def test_what_the_gigs_of_a_period_move_adds_up_to_what_it_comes_to(said: list[GigReport]) -> None:
    counted = lines_of(said).gigs
    rows = list(by_gig(counted))
    moved: Counter[Key] = Counter()
    for row in rows:
        moved[key(row)] += row.amount_minor
        assert moved[key(row)] == row.entitled_minor
    assert moved == {key(row): row.amount_minor for row in by_period(counted)}
    assert moved.keys() == {key(row) for row in by_period(counted)}


@settings(max_examples=200, deadline=None)
@given(histories)
def test_every_gig_has_a_row_of_its_own_platform_and_rows_stand_in_the_order_of_the_gigs(said: list[GigReport]) -> None:
    counted = lines_of(said).gigs
    rows = list(by_gig(counted))
    assert {
        (each.gig.gig_id, each.gig.platform_id, taking.program_id) for each in counted for taking in each.takings
    } <= {(row.gig_id, row.platform_id, row.program) for row in rows}
    ids = groupby([each.gig.gig_id for each in counted])
    assert [gig_id for gig_id, _ in groupby([row.gig_id for row in rows])] == [gig_id for gig_id, _ in ids]


@st.composite
def agreeing_orders(draw: st.DrawFn) -> tuple[list[GigReport], list[GigReport]]:
    """Two orders of the same reports, none of which is in conflict with another."""
    said = draw(
        st.lists(reports, max_size=16, unique_by=lambda each: (each.platform_id, each.gig.gig_id, each.gig.revision))
    )
    return said, draw(st.permutations(said + said[:3]))


@settings(max_examples=200, deadline=None)
@given(agreeing_orders())
def test_the_order_of_the_lines_changes_nothing(orders: tuple[list[GigReport], list[GigReport]]) -> None:
    one, other = [lines_of(said) for said in orders]
    assert by_period(one.gigs) == by_period(other.gigs)
    assert (one.untaken, one.cancelled) == (other.untaken, other.cancelled)


@settings(max_examples=200, deadline=None)
@given(st.lists(reports, max_size=16, unique_by=lambda each: (each.platform_id, each.gig.gig_id)))
def test_gigs_that_nobody_corrects_move_what_the_events_of_the_exchange_say(said: list[GigReport]) -> None:
    exchange, _ = taken(said)
    expected = [
        (event.gig.gig_id, line.platform_id, event.program_id, line.benefit, line.payer, line.amount_minor)
        for event in [new.event for new in exchange.log if isinstance(new.event, ContributionAccrued)]
        for line in event.lines
        if line.amount_minor
    ]
    rows = [
        (row.gig_id, row.platform_id, row.program, row.benefit, row.payer, row.amount_minor)
        for row in by_gig(lines_of(said).gigs)
        if row.amount_minor
    ]
    assert rows == expected
