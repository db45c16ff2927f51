"""Real trips as gigs: rows of New York's public trip records to what platforms report. Pure; money never is a float.

Who drove which trip is nobody's to know: TLC publishes no driver ids. The 60 shifts are a published simulation, their
trips are real; that each of their drivers works for two apps, and drives Black Car trips too, is our invention.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Final

from msgspec import Struct

from domain.gig import Gig
from domain.money import decimal, minor
from domain.period import zone
from domain.rejections import Malformed

CURRENCY: Final = "USD"
NEW_YORK: Final = zone("America/New_York")
METERS_A_MILE: Final = Fraction("1609.344")

Row = Mapping[str, str]


class DemoPlatform(Struct, frozen=True):
    """A platform of the demonstration, and the program it is a member of since a day."""

    platform_id: str
    name: str
    program_id: str
    since: date


UBER: Final = DemoPlatform("uber-nyc", "Uber", "black-car-fund", date(2023, 1, 1))
LYFT: Final = DemoPlatform("lyft-nyc", "Lyft", "black-car-fund", date(2023, 1, 1))
CROSSTOWN: Final = DemoPlatform("crosstown", "Crosstown", "demo-weekly", date(2021, 12, 27))
HARBOR: Final = DemoPlatform("harbor", "Harbor", "demo-weekly", date(2021, 12, 27))

PLATFORMS: Final = (UBER, LYFT, CROSSTOWN, HARBOR)
LICENSES: Final = {"HV0003": UBER, "HV0005": LYFT}
#: The trips of a shift go to these in turn, by their place in the shift.
SHIFT_PLATFORMS: Final = (CROSSTOWN, HARBOR)


class Trip(Struct, frozen=True):
    """A trip as its platform reports it, with the surcharge that was really booked for it where that is known."""

    platform_id: str
    gig: Gig
    surcharge_minor: int | None = None


def name_of(platform_id: str) -> str:
    """A platform's name, or its id where it is none of these."""
    return next((each.name for each in PLATFORMS if each.platform_id == platform_id), platform_id)


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file with a header."""
    return list(csv.DictReader(text.splitlines()))


def black_car_trips(records: Iterable[Row], worker_ids: Sequence[str]) -> list[Trip]:
    """Trips with the Black Car Fund surcharge that Uber and Lyft booked; their drivers are `worker_ids` in turn."""
    return [_black_car_trip(row, worker_ids[place % len(worker_ids)]) for place, row in enumerate(records)]


def shift_trips(records: Iterable[Row]) -> list[Trip]:
    """Trips of driver shifts, one worker a shift, reported by two platforms in turn."""
    places: dict[str, int] = {}
    trips = []
    for row in records:
        place = places[row["shift_id"]] = places.get(row["shift_id"], 0) + 1
        trips.append(_shift_trip(row, place))
    return trips


def _black_car_trip(row: Row, worker_id: str) -> Trip:
    seconds = int(row["trip_time"])
    span = span_of(row["pickup_datetime"], row["dropoff_datetime"], seconds)
    earnings = {
        "fare": cents(row["base_passenger_fare"]),
        "toll": cents(row["tolls"]),
        "airport_fee": cents(row["airport_fee"]),
        "tip": cents(row["tips"]),
    }
    gig = _gig(row["trip_id"], worker_id, span, seconds, earnings, row["trip_miles"])
    return Trip(LICENSES[row["hvfhs_license_num"]].platform_id, gig, cents(row["bcf"]))


def _shift_trip(row: Row, place: int) -> Trip:
    known = int(row["trip_time"]) if row["trip_time"] else None
    span = span_of(row["request_datetime"], row["dropoff_datetime"], known)
    # Half of the rows do not say how long the trip took: there it counts from the request to the drop-off.
    seconds = span.elapsed_seconds if known is None else known
    earnings = {"fare": cents(row["driver_pay"]), "tip": cents(row["tips"])}
    gig = _gig(f"{row['shift_id']}-{place:02d}", worker_of(row["shift_id"]), span, seconds, earnings, row["trip_miles"])
    return Trip(SHIFT_PLATFORMS[(place - 1) % 2].platform_id, gig)


def _gig(gig_id: str, worker_id: str, span: "Span", seconds: int, earnings: dict[str, int], miles: str) -> Gig:
    return Gig(
        gig_id=gig_id,
        revision=0,
        worker_id=worker_id,
        started_at=span.started_at,
        completed_at=span.completed_at,
        engaged_seconds=seconds,
        currency=CURRENCY,
        earnings=earnings,
        distance_meters=meters(miles) if miles else None,
        jurisdiction="US-NY",
        service="ride",
    )


def worker_of(shift_id: str) -> str:
    """The worker who drove a shift."""
    return f"driver-{shift_id}"


def cents(dollars: str) -> int:
    """Dollars as the records write them, in cents: `27.9` → 2790; raises `Malformed` where cents are not enough."""
    amount = minor(decimal(dollars), CURRENCY)
    if amount.denominator != 1:
        raise Malformed(f"{dollars} dollars are not whole cents")
    return int(amount)


def meters(miles: str) -> int:
    """Miles in meters, to the nearest."""
    return round(decimal(miles) * METERS_A_MILE)


class Span(Struct, frozen=True):
    """When a trip began and ended; the beginning is unknown where the record puts it after the end (3 rows do)."""

    started_at: datetime | None
    completed_at: datetime

    @property
    def elapsed_seconds(self) -> int:
        """Seconds between the two, 0 where the beginning is unknown."""
        # Python subtracts times of one zone by their clocks, not by the time that passed.
        began = self.started_at or self.completed_at
        return (self.completed_at.astimezone(UTC) - began.astimezone(UTC)) // timedelta(seconds=1)


def span_of(start: str, end: str, seconds: int | None) -> Span:
    """When a trip began and ended, from what New York's clocks showed, each with the offset of that instant.

    In the hour that the change of the clock in autumn repeats, the reading is taken that agrees best with the seconds
    the trip took, or that makes it shortest where they are unknown; the earlier one where both agree alike.
    """
    ends = _readings(end)
    spans = [Span(first, last) for first in _readings(start) for last in ends]
    possible = [span for span in spans if span.elapsed_seconds >= 0]
    return min(possible, key=lambda span: abs(span.elapsed_seconds - (seconds or 0)), default=Span(None, ends[0]))


def _readings(wall: str) -> list[datetime]:
    """The instants at which New York's clocks showed this time: one, or in autumn's repeated hour two, in order.

    Raises `Malformed` in the hour that spring leaves out.
    """
    shown = datetime.fromisoformat(wall)
    found = {shown.replace(tzinfo=NEW_YORK, fold=fold).astimezone(UTC) for fold in (0, 1)}
    local = [each.astimezone(NEW_YORK) for each in sorted(found)]
    real = [each for each in local if each.replace(tzinfo=None) == shown]
    if not real:
        raise Malformed(f"clocks in New York never showed {wall}")
    return real
