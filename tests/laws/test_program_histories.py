"""Generated programs under generated histories: what accrued is what the oracle makes of the last word on each gig.

Reports come with revisions, cancellations and moves between workers and periods, repeated and in any order, in batches
of any size; two platforms report to two programs of one version or two, pooled or not.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from domain.configuration import Configuration
from domain.gig import Gig, GigReport
from domain.postings import postings
from domain.rule import ProgramVersion
from tests.support import history_strategies as reported
from tests.support import program_strategies as generated
from tests.support.gigs import configuration
from tests.support.memory_exchange import LineKey, MemoryExchange, refold, registry_of
from tests.support.naive_program import Work, disagreements, first_day
from tests.support.program_cases import searched

Programs = tuple[tuple[ProgramVersion, ...], ...]


class History(NamedTuple):
    """Programs that both platforms are members of, and what they report."""

    programs: Programs
    said: list[GigReport]

    @property
    def configuration(self) -> Configuration:
        ids = [versions[0].id for versions in self.programs]
        return configuration(self.programs, dict.fromkeys(reported.PLATFORMS, ids))


@st.composite
def histories(draw: st.DrawFn) -> History:
    one = draw(generated.versions(draw(st.integers(1, 2)), program_id="one"))
    other = draw(generated.versions(program_id="other", currency=one[0].currency))
    return History((one, other), draw(reported.histories(one[0].currency)))


def taken(history: History, said: Iterable[GigReport], size: int) -> MemoryExchange:
    """An exchange that took these reports."""
    exchange = MemoryExchange(history.configuration)
    exchange.take_in_batches(said, size)
    return exchange


sizes = st.integers(1, 6)


# The oracle: which gigs count where


def oracle(history: History) -> dict[str, tuple[ProgramVersion, str, Work]]:
    """Of each work period that gigs count in: the version in force, the period, and the gigs."""
    last: dict[tuple[str, str], GigReport] = {}
    for each in history.said:
        key = (each.platform_id, each.gig.gig_id)
        if _can_be_taken(history.programs, each) and (key not in last or each.gig.revision > last[key].gig.revision):
            last[key] = each
    periods: defaultdict[str, list[tuple[str, Gig]]] = defaultdict(list)
    under: dict[str, tuple[ProgramVersion, str]] = {}
    for (platform_id, _), each in last.items():
        for versions in history.programs if not each.cancelled else ():
            period = _period(versions[0], each.gig)
            version = _taking(versions, each.gig)
            if version is not None:
                scope = "pooled" if version.scope == "pooled" else platform_id
                stream = f"work:{scope}:{each.gig.worker_id}:{version.id}:{period}"
                periods[stream].append((platform_id, each.gig))
                under[stream] = (version, period)
    return {stream: (*under[stream], work) for stream, work in periods.items()}


def _can_be_taken(programs: Programs, said: GigReport) -> bool:
    """Whether no program that takes a gig misses its class or its day of payment; a cancellation may lack both."""
    gig = said.gig
    for versions in programs if not said.cancelled else ():
        if gig.currency == versions[0].currency and _period(versions[0], gig) == "":
            if any(_applies(version, gig) for version in versions):
                return False
        elif (version := _taking(versions, gig)) is not None and not _is_listed(version, gig):
            return False
    return True


def _is_listed(version: ProgramVersion, gig: Gig) -> bool:
    text = repr((version.base, version.rules))
    return ("'car': " not in text or gig.vehicle_class in reported.VEHICLES) and (
        "'old': " not in text or gig.worker_class in reported.AGES
    )


def _taking(versions: tuple[ProgramVersion, ...], gig: Gig) -> ProgramVersion | None:
    """The version in force for a gig, where it takes it."""
    period = _period(versions[0], gig)
    if gig.currency != versions[0].currency or not period:
        return None
    effective = [version for version in versions if version.effective_from <= first_day(period)]
    if not effective:
        return None
    latest = max(version.effective_from for version in effective)
    version = max([each for each in effective if each.effective_from == latest], key=lambda each: each.version)
    return version if _applies(version, gig) else None


def _applies(version: ProgramVersion, gig: Gig) -> bool:
    for said, listed in (
        (gig.service, version.applies_to.services),
        (gig.jurisdiction, version.applies_to.jurisdictions),
    ):
        if said is not None and listed and said not in listed:
            return False
    return True


def _period(version: ProgramVersion, gig: Gig) -> str:
    """The period of a gig, or nothing where it does not name the day that decides it."""
    at = gig.paid_at if version.attribution_date == "paid_at" else gig.completed_at
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(version.time_zone))
    quarter = f"{local.year}-Q{(local.month - 1) // 3 + 1}"
    return {"week": local.strftime("%G-W%V"), "month": local.strftime("%Y-%m"), "quarter": quarter}[version.period]


def disagreeing(exchange: MemoryExchange, history: History) -> list[str]:
    """Where the exchange and the oracle differ."""
    expected, accrued = oracle(history), exchange.accrued()
    found = [f"{stream}: {lines}, but nothing counts" for stream, lines in accrued.items() if stream not in expected]
    latest = {stream: events[-1] for stream, events in exchange.contributions().items()}
    for stream, (version, period, work) in expected.items():
        if latest[stream].program_version != version.version:
            found.append(f"{stream}: decided by version {latest[stream].program_version}, expected {version.version}")
        uncapped: dict[LineKey, int] = {
            (line.benefit, line.payer, line.platform_id): (
                line.entitled_minor if line.uncapped_minor is None else line.uncapped_minor
            )
            for line in latest[stream].lines
        }
        found += disagreements(version, period, work, accrued.get(stream, {}), uncapped)
    return found


# The laws


@searched(80)
@given(histories(), sizes)
def test_what_accrued_is_what_the_oracle_computes_whole(history: History, size: int) -> None:
    exchange = taken(history, history.said, size)
    assert disagreeing(exchange, history) == []
    assert exchange.accrued() == exchange.entitled()
    for events in exchange.contributions().values():
        assert refold(events) == events[-1].totals


@searched(30)
@given(histories())
def test_it_is_so_after_every_report(history: History) -> None:
    exchange = MemoryExchange(history.configuration)
    for count, each in enumerate(history.said, 1):
        exchange.take(each)
        assert disagreeing(exchange, History(history.programs, history.said[:count])) == []


@searched(50)
@given(histories(), st.data(), sizes, sizes)
def test_order_of_arrival_and_repetition_change_nothing(
    history: History, data: st.DataObject, size: int, other_size: int
) -> None:
    one = taken(history, history.said, size)
    other = taken(history, data.draw(reported.arrivals(history.said)), other_size)
    assert {stream: set(cells) for stream, cells in other.totals().items()} == {
        stream: set(cells) for stream, cells in one.totals().items()
    }
    assert (other.entitled(), other.accrued(), other.reported()) == (one.entitled(), one.accrued(), one.reported())


@searched(60)
@given(histories(), sizes)
def test_batches_repetition_and_the_registry_are_no_part_of_it(history: History, size: int) -> None:
    one_by_one, in_batches = taken(history, history.said, 1), taken(history, history.said, size)
    assert (in_batches.log, in_batches.registry) == (one_by_one.log, one_by_one.registry)
    assert registry_of(in_batches.log) == in_batches.registry
    in_batches.take_in_batches(history.said, size)
    assert in_batches.log == one_by_one.log


@searched(60)
@given(histories(), sizes)
def test_what_a_platform_owes_is_what_its_workers_have_pending(history: History, size: int) -> None:
    exchange = taken(history, history.said, size)
    moved = [posting for new in exchange.log for posting in postings(new.event)]
    owed: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for posting in moved:
        if posting.account == "receivable":
            owed[posting.benefit, posting.payer, posting.platform_id] += posting.amount_minor
    accrued: defaultdict[LineKey, int] = defaultdict(int)
    for lines in exchange.accrued().values():
        for key, amount in lines.items():
            accrued[key] += amount
    assert {key: amount for key, amount in owed.items() if amount} == dict(accrued)
    assert sum(posting.amount_minor for posting in moved) == 0


# A version that is published late


@st.composite
def late_histories(draw: st.DrawFn) -> History:
    """Histories of gigs that every version can assess; the last version of the first program is published late."""
    one = draw(generated.versions(draw(st.integers(2, 3)), program_id="one"))
    other = draw(generated.versions(program_id="other", currency=one[0].currency))
    said = draw(reported.histories(one[0].currency))
    return History((one, other), [each for each in said if is_assessable(each.gig, one[0].currency)])


def is_assessable(gig: Gig, currency: str) -> bool:
    listed = gig.vehicle_class in reported.VEHICLES and gig.worker_class in reported.AGES
    return listed and gig.paid_at is not None and gig.currency == currency


@searched(50)
@given(late_histories(), sizes, st.integers(0, 12))
def test_once_re_assessed_it_is_as_if_a_late_version_had_been_there_from_the_start(
    history: History, size: int, published_after: int
) -> None:
    one, other = history.programs
    exchange = taken(History((one[:-1], other), []), history.said[:published_after], size)
    assert exchange.reassess(history.configuration) == []
    assert exchange.accrued() == exchange.entitled()
    assert disagreeing(exchange, History(history.programs, history.said[:published_after])) == []
    written = len(exchange.log)
    assert exchange.reassess(history.configuration) == []
    assert len(exchange.log) == written
    exchange.take_in_batches(history.said[published_after:], size)
    assert disagreeing(exchange, history) == []
    assert registry_of(exchange.log) == exchange.registry
