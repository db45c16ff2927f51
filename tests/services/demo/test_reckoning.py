"""What a demonstration finds follows from log and views alone: here from the desk over dictionaries."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from domain.intake import IntakeRecorded
from domain.money import Money
from domain.recorded import NewEvent, Recorded
from projections.catalogue import VIEWS
from projections.view import fold
from services.demo.demonstration import recorded_trips
from services.demo.reckoning import accounts, compared, debts, outcomes, worth_explaining
from services.demo.trips import PLATFORMS, Trip
from tests.support.gigs import NOW, configuration, report, shipped
from tests.support.memory_exchange import MemoryExchange

EXCHANGE = configuration(
    [shipped("black-car-fund"), shipped("demo-weekly")], {each.platform_id: [each.program_id] for each in PLATFORMS}
)
TRIPS = recorded_trips()


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def recorded(events: Sequence[NewEvent]) -> list[Recorded]:
    """Events as the log would hold them."""
    return [Recorded(at, each.stream, each.version, NOW, "", each.event) for at, each in enumerate(events, 1)]


def taken(trips: Sequence[Trip]) -> list[Recorded]:
    """The log after these trips."""
    exchange = MemoryExchange(EXCHANGE)
    exchange.take(*[report(trip.gig, trip.platform_id) for trip in trips])
    assert exchange.quarantine == []
    return recorded(exchange.log)


@pytest.fixture(scope="module")
def log() -> list[Recorded]:
    return taken(sorted(TRIPS, key=lambda trip: trip.gig.completed_at))


def test_every_black_car_trip_is_compared_with_what_was_booked(log: list[Recorded]) -> None:
    fund = compared(TRIPS, log, EXCHANGE)
    assert (fund.trips, fund.equal, fund.different) == (126, 126, [])
    assert sorted({(trip.rate, trip.platform_id) for trip in fund.examples}) == [
        ("2.75 %", "lyft-nyc"),
        ("2.75 %", "uber-nyc"),
        ("3 %", "lyft-nyc"),
        ("3 %", "uber-nyc"),
    ]


def test_a_cent_more_than_was_accrued_is_a_difference(log: list[Recorded]) -> None:
    first = TRIPS[0]
    assert first.surcharge_minor is not None
    other = replace(first, surcharge_minor=first.surcharge_minor + 1)
    fund = compared([other, *TRIPS[1:]], log, EXCHANGE)
    assert (fund.trips, fund.equal) == (126, 125)
    assert [(each.gig_id, each.accrued, each.booked) for each in fund.different] == [("nyc-2023-001", usd(25), usd(26))]


def test_a_trip_that_was_not_taken_differs_by_all_of_it() -> None:
    fund = compared(TRIPS[:2], taken(TRIPS[:1]), EXCHANGE)
    assert [(each.gig_id, each.rate, each.accrued, each.booked) for each in fund.different] == [
        ("nyc-2023-002", "not taken", usd(0), usd(84))
    ]


def test_an_account_is_the_same_by_benefit_and_by_source(log: list[Recorded]) -> None:
    found = accounts(fold(VIEWS, log), log)
    assert len(found) == 60
    for account in found:
        assert account.total == usd(sum(part.pending.amount_minor for part in account.benefits))
        assert account.total == usd(sum(source.accrued.amount_minor for source in account.sources))
    assert sum(source.trips for account in found for source in account.sources) == 1_605
    assert found == sorted(found, key=lambda account: -account.total.amount_minor)


def test_debts_and_accounts_are_two_views_of_the_same_money(log: list[Recorded]) -> None:
    rows = fold(VIEWS, log)
    owed = debts(rows, log, EXCHANGE)
    assert [(debt.platform_id, debt.program_id, debt.payer, debt.trips) for debt in owed] == [
        ("crosstown", "demo-weekly", "platform", 752),
        ("harbor", "demo-weekly", "platform", 727),
        ("uber-nyc", "black-car-fund", "customer", 93),
        ("lyft-nyc", "black-car-fund", "customer", 33),
    ]
    assert sum(debt.accrued.amount_minor for debt in owed) == sum(
        account.total.amount_minor for account in accounts(rows, log)
    )


def test_what_is_explained_is_the_trip_by_which_the_week_reached_its_threshold(log: list[Recorded]) -> None:
    account = accounts(fold(VIEWS, log), log)[0]
    assert worth_explaining(account, log) == ("harbor", "A2022-27-18")


def test_outcomes_are_added_up_over_all_batches_and_none_is_left_out() -> None:
    batches: list[NewEvent] = [
        NewEvent("intake:c:t:0", at, IntakeRecorded("c", "t", 0, 0, 3, counts))
        for at, counts in enumerate([{"new": 2, "stale": 1}, {"new": 3}], 1)
    ]
    assert outcomes(recorded(batches)) == {
        "new": 5, "revised": 0, "cancelled": 0, "duplicate": 0, "stale": 1, "quarantined": 0
    }  # fmt: skip
