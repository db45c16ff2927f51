"""Gigs as the published worked examples have them, each with the platform that reports it.

What a test does not ask for is what a platform there reports: jurisdiction, service and currency.
"""

from datetime import datetime, timedelta
from typing import Final

from domain.gig import Gig
from tests.support.gigs import gig

WEEK: Final = timedelta(days=7)
#: Quarters of 13 whole weeks, so that hours a week are whole seconds.
SPRING_2025: Final = datetime.fromisoformat("2025-04-01T12:00:00-04:00")
SPRING_2021: Final = datetime.fromisoformat("2021-04-01T12:00:00-07:00")

YOUNG: Final = "opted_in_35_and_below"
FIFTY: Final = "opted_in_above_45_to_50"


def task(fare: int, vehicle_class: str, worker_class: str = YOUNG) -> tuple[str, Gig]:
    """A task in Singapore in March 2029, reported by `gojek`."""
    return "gojek", gig(
        currency="SGD",
        earnings={"fare": fare},
        completed_at=datetime.fromisoformat("2029-03-31T23:59:59+08:00"),
        vehicle_class=vehicle_class,
        worker_class=worker_class,
        jurisdiction="SG",
        service="delivery",
    )


def dash(fare: int, at: str, jurisdiction: str) -> tuple[str, Gig]:
    """A delivery with a tip, which does not count, reported by `doordash`."""
    return "doordash", gig(
        earnings={"fare": fare, "tip": 5_00},
        completed_at=datetime.fromisoformat(at),
        service="delivery",
        jurisdiction=jurisdiction,
    )


def maryland(earned: int, deliveries: int) -> list[tuple[str, Gig]]:
    """So many deliveries in a month, that earned so much together."""
    each = earned // deliveries
    fares = [earned - each * (deliveries - 1), *[each] * (deliveries - 1)]
    return [dash(fare, "2025-06-15T12:00:00-04:00", "US-MD") for fare in fares]


def service(platform_id: str, fee: int, seconds: int) -> tuple[str, Gig]:
    """A service in Washington in 2018."""
    return platform_id, gig(
        earnings={"fare": fee},
        engaged_seconds=seconds,
        completed_at=datetime.fromisoformat("2018-03-15T12:00:00-07:00"),
        jurisdiction="US-WA",
    )


def cleanings(count: int) -> list[tuple[str, Gig]]:
    """Cleanings of one month."""
    first = datetime.fromisoformat("2019-10-01T12:00:00-04:00")
    return [("alia", gig(completed_at=first + timedelta(days=day), service="cleaning")) for day in range(count)]


def weekly(platform_id: str, hundredths: int, first: datetime, jurisdiction: str) -> list[tuple[str, Gig]]:
    """So many hundredths of an hour in each of 13 weeks."""
    return [
        (
            platform_id,
            gig(
                engaged_seconds=hundredths * 36,
                completed_at=first + week * WEEK,
                jurisdiction=jurisdiction,
                service="ride",
            ),
        )
        for week in range(13)
    ]


def payout(fare: int, vehicle_class: str = "car") -> tuple[str, Gig]:
    """A payout in Bengaluru in 2026, with a tip, which does not count."""
    return "namma", gig(
        currency="INR",
        earnings={"fare": fare, "tip": 20_00},
        completed_at=datetime.fromisoformat("2026-03-31T23:59:59+05:30"),
        vehicle_class=vehicle_class,
        jurisdiction="IN-KA",
    )


def wages(at: str) -> tuple[str, Gig]:
    """Wages of 1,000.00 euros."""
    return "bau", gig(currency="EUR", earnings={"fare": 1_000_00}, completed_at=datetime.fromisoformat(at))
