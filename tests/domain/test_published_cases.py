"""Programs reproduce the published worked examples to the cent."""

from collections import Counter
from datetime import datetime
from typing import Final

import pytest

from domain.assessors import Assessors
from tests.support.gigs import configuration, published, shipped
from tests.support.memory_exchange import MemoryExchange
from tests.support.published_cases import CASES, MEMBERS, PROGRAM_IDS, PublishedCase, programs

EXCHANGE: Final = configuration(programs(), MEMBERS)
PROGRAMS: Final = {program_id: Assessors(published(*shipped(program_id))) for program_id in PROGRAM_IDS}


# The published cases, all through one exchange


@pytest.fixture(scope="module")
def exchange() -> MemoryExchange:
    exchange = MemoryExchange(EXCHANGE)
    outcomes = exchange.take(*[each for case in CASES for each in case.reports])
    assert set(outcomes) == {"new"}
    return exchange


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_a_published_case_comes_out_to_the_cent(exchange: MemoryExchange, case: PublishedCase) -> None:
    ((_, events),) = [
        (stream, events)
        for stream, events in exchange.contributions().items()
        if events[-1].gig.worker_id == case.worker_id
    ]
    last = events[-1]
    assert last.program_id == case.program_id
    for owed in case.owed:
        lines = [
            line
            for line in last.lines
            if line.platform_id == owed.platform_id
            and owed.payer in (None, line.payer)
            and owed.benefit in (None, line.benefit)
        ]
        assert sum(line.entitled_minor for line in lines) == owed.amount_minor
        if owed.uncapped_minor is not None:
            uncapped = [line.entitled_minor if line.uncapped_minor is None else line.uncapped_minor for line in lines]
            assert sum(uncapped) == owed.uncapped_minor
    if case.base_minor is not None:
        assert PROGRAMS[case.program_id].of_version(last.program_version).base(last.totals) == case.base_minor


def test_what_all_gigs_accrued_adds_up_to_what_is_owed(exchange: MemoryExchange) -> None:
    assert exchange.accrued() == exchange.entitled()


def test_the_order_and_the_batches_in_which_the_cases_arrive_change_nothing(exchange: MemoryExchange) -> None:
    other = MemoryExchange(EXCHANGE)
    other.take_in_batches(reversed([each for case in CASES for each in case.reports]), 17)
    assert other.entitled() == exchange.entitled()


def test_every_published_case_is_there_and_case_1_with_all_its_trips() -> None:
    counts = Counter(case.number for case in CASES)
    assert counts.keys() == set(range(1, 16))
    assert counts[1] == 126


def test_case_1_has_trips_before_and_after_the_rate_changed_and_none_across() -> None:
    change = datetime.fromisoformat("2023-07-01T00:00:00-04:00")
    trips = [case.gigs[0][1] for case in CASES if case.number == 1]
    sides = {(trip.started_at or trip.completed_at) < change: trip.completed_at < change for trip in trips}
    assert sides == {True: True, False: False}
