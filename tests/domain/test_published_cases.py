"""Programs reproduce the published worked examples to the cent.

The cases are numbered as in the collection they come from; each is somebody's published number or plain arithmetic on a
published rule.
"""

import csv
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import domain
from domain.gig import Gig
from domain.registry import steps
from domain.work_period import AccrueGig, WorkPeriod, decider
from tests.support.gigs import configuration, gig, report, shipped

TRIPS = Path(domain.__path__[0]).parent / "services" / "demo" / "data" / "nyc_hvfhv_2023.csv"
NEW_YORK = ZoneInfo("America/New_York")
PLATFORMS = {"HV0003": "uber", "HV0005": "lyft"}

PROGRAMS = ("black-car-fund", "stride-pennsylvania", "soka-bau")
EXCHANGE = configuration(
    [shipped(program_id) for program_id in PROGRAMS],
    {
        "uber": ["black-car-fund"],
        "lyft": ["black-car-fund"],
        "doordash": ["stride-pennsylvania"],
        "bau": ["soka-bau"],
    },
)


def accrued(platform_id: str, *gigs: Gig) -> list[int]:
    """What each gig accrues, all benefits and payers together, in minor units."""
    states: dict[str, WorkPeriod] = {}
    amounts = []
    for facts in gigs:
        (step,) = steps(report(facts, platform_id), EXCHANGE.takings(platform_id, facts), (), EXCHANGE)
        assert isinstance(step.command, AccrueGig)
        (event,) = decider.decide(states.get(step.stream, decider.initial), step.command)
        states[step.stream] = decider.evolve(states.get(step.stream, decider.initial), event)
        amounts.append(sum(line.amount_minor for line in event.lines))
    return amounts


def cents(text: str) -> int:
    amount = Fraction(text) * 100
    assert amount.denominator == 1
    return int(amount)


# Case 1: the Black Car Fund's surcharge on real trips


def _trips() -> list[dict[str, str]]:
    with TRIPS.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def _trip(row: dict[str, str]) -> Gig:
    return gig(
        row["trip_id"],
        worker_id="w-everybody",
        started_at=datetime.fromisoformat(row["pickup_datetime"]).replace(tzinfo=NEW_YORK),
        completed_at=datetime.fromisoformat(row["dropoff_datetime"]).replace(tzinfo=NEW_YORK),
        engaged_seconds=int(row["trip_time"]),
        earnings={
            "fare": cents(row["base_passenger_fare"]),
            "toll": cents(row["tolls"]),
            "airport_fee": cents(row["airport_fee"]),
            "tip": cents(row["tips"]),
        },
        service="ride",
        jurisdiction="US-NY",
    )


def test_case_1_every_real_trip_accrues_the_surcharge_that_was_really_booked() -> None:
    rows = _trips()
    assert len(rows) == 126
    booked = [(row["trip_id"], cents(row["bcf"])) for row in rows]
    computed: dict[str, int] = {}
    for license_number, platform_id in PLATFORMS.items():
        trips = [_trip(row) for row in rows if row["hvfhs_license_num"] == license_number]
        computed |= zip([trip.gig_id for trip in trips], accrued(platform_id, *trips), strict=True)
    assert [(trip_id, computed[trip_id]) for trip_id, _ in booked] == booked


def test_case_1_the_sample_has_trips_before_and_after_the_rate_changed_and_none_across() -> None:
    halves = {row["pickup_datetime"] < "2023-07-01": row["dropoff_datetime"] < "2023-07-01" for row in _trips()}
    assert halves == {True: True, False: False}


# Case 6: DoorDash and Stride, Pennsylvania

Q2 = datetime.fromisoformat("2024-05-15T12:00:00-04:00")


def dash(gig_id: str, fare: int, incentive: int = 0) -> Gig:
    earnings = {"fare": fare, "incentive": incentive, "tip": 5_00}
    return gig(gig_id, completed_at=Q2, earnings=earnings, service="delivery", jurisdiction="US-PA")


@pytest.mark.parametrize(("earned", "expected"), [(999_99, 0), (1_000_00, 40_00), (1_250_50, 50_02)])
def test_case_6_four_percent_before_tips_from_a_thousand_dollars_a_quarter(earned: int, expected: int) -> None:
    assert accrued("doordash", dash("d-1", earned)) == [expected]


def test_case_6_the_delivery_that_reaches_the_thousand_accrues_for_the_whole_quarter() -> None:
    assert accrued(
        "doordash", dash("d-1", 600_00), dash("d-2", 300_00, 99_99), dash("d-3", 1), dash("d-4", 250_50)
    ) == [
        0,
        0,
        40_00,
        10_02,
    ]


# Case 11: SOKA-BAU's history of rates


@pytest.mark.parametrize(
    ("month", "expected"),
    [("2014-12", 153_00), ("2015-01", 151_00), ("2019-01", 154_00), ("2022-01", 152_00)],
)
def test_case_11_a_thousand_euros_at_the_rate_of_the_month(month: str, expected: int) -> None:
    wages = gig(
        "wages",
        currency="EUR",
        completed_at=datetime.fromisoformat(f"{month}-28T17:00:00+01:00"),
        earnings={"fare": 1_000_00},
    )
    assert accrued("bau", wages) == [expected]


@pytest.mark.parametrize(
    ("year", "expected"),
    [(2010, 143_00), (2013, 143_00), (2014, 153_00), (2015, 151_00), (2016, 145_00), (2018, 145_00), (2019, 154_00),
     (2021, 154_00), (2022, 152_00), (2023, 152_00)],
)  # fmt: skip
def test_case_11_every_rate_since_2010(year: int, expected: int) -> None:
    at = datetime.fromisoformat(f"{year}-01-01T00:00:00+01:00")
    assert accrued("bau", gig("wages", currency="EUR", completed_at=at, earnings={"fare": 1_000_00})) == [expected]
