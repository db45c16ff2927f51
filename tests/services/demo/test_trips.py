"""Rows of the public trip records become gigs without losing a cent, an hour or a row."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from domain.gig import check
from domain.rejections import Malformed
from services.demo.demonstration import recorded_trips
from services.demo.trips import CROSSTOWN, HARBOR, LYFT, UBER, Trip, cents, meters, rows, span_of
from tests.support.gigs import NOW

DATA = files("services.demo") / "data"
TRIPS = recorded_trips()
BLACK_CAR = [trip for trip in TRIPS if trip.surcharge_minor is not None]
SHIFTS = [trip for trip in TRIPS if trip.surcharge_minor is None]


def dollars(amount: str) -> int:
    """Cents by another way than the one under test."""
    return int(Decimal(amount).scaleb(2).to_integral_exact())


def by_platform(trips: list[Trip]) -> Counter[str]:
    return Counter(trip.platform_id for trip in trips)


class TestBlackCarTrips:
    records = rows((DATA / "nyc_hvfhv_2023.csv").read_text("utf-8"))

    def test_126_trips_are_reported_by_the_platforms_that_drove_them(self) -> None:
        assert by_platform(BLACK_CAR) == {UBER.platform_id: 93, LYFT.platform_id: 33}

    def test_every_amount_is_the_recorded_one_to_the_cent(self) -> None:
        for trip, row in zip(BLACK_CAR, self.records, strict=True):
            assert trip.gig.gig_id == row["trip_id"]
            assert trip.gig.earnings == {
                "fare": dollars(row["base_passenger_fare"]),
                "toll": dollars(row["tolls"]),
                "airport_fee": dollars(row["airport_fee"]),
                "tip": dollars(row["tips"]),
            }
            assert trip.surcharge_minor == dollars(row["bcf"])

    def test_a_trip_lasts_from_pickup_to_drop_off_on_new_yorks_clocks(self) -> None:
        gig = BLACK_CAR[0].gig
        assert (gig.started_at and gig.started_at.isoformat()) == "2023-01-05T04:36:32-05:00"
        assert gig.completed_at.isoformat() == "2023-01-05T04:42:39-05:00"
        assert gig.engaged_seconds == 367

    def test_summer_trips_carry_summers_offset(self) -> None:
        offsets = {trip.gig.completed_at.month: trip.gig.completed_at.utcoffset() for trip in BLACK_CAR}
        assert offsets[1] == timedelta(hours=-5)
        assert offsets[7] == timedelta(hours=-4)


class TestShiftTrips:
    records = rows((DATA / "nyc_driver_shifts.csv").read_text("utf-8"))

    def test_60_workers_drive_1479_trips_for_two_platforms_in_turn(self) -> None:
        assert by_platform(SHIFTS) == {CROSSTOWN.platform_id: 752, HARBOR.platform_id: 727}
        assert len({trip.gig.worker_id for trip in SHIFTS}) == 60
        of_one = [trip.platform_id for trip in SHIFTS if trip.gig.worker_id == "driver-B-01"]
        assert of_one[:4] == ["crosstown", "harbor", "crosstown", "harbor"]

    def test_pay_and_tips_are_the_recorded_ones_to_the_cent(self) -> None:
        for trip, row in zip(SHIFTS, self.records, strict=True):
            assert trip.gig.earnings == {"fare": dollars(row["driver_pay"]), "tip": dollars(row["tips"])}

    def test_13_trips_have_zero_pay(self) -> None:
        assert sum(trip.gig.earnings["fare"] == 0 for trip in SHIFTS) == 13

    def test_where_seconds_are_missing_a_trip_counts_from_the_request_to_the_drop_off(self) -> None:
        missing = [trip.gig for trip, row in zip(SHIFTS, self.records, strict=True) if not row["trip_time"]]
        assert len(missing) == 735
        for gig in missing:
            lasted = gig.completed_at - gig.started_at if gig.started_at else timedelta()
            assert gig.engaged_seconds == lasted.total_seconds()
            assert gig.distance_meters is None

    def test_three_trips_that_the_records_end_before_they_begin_have_no_beginning(self) -> None:
        unknown = [trip.gig.gig_id for trip in SHIFTS if trip.gig.started_at is None]
        assert unknown == ["A2022-06-18", "A2022-07-25", "B-25-16"]


def test_the_exchange_could_take_every_trip_and_no_two_share_an_id() -> None:
    for trip in TRIPS:
        check(trip.gig, NOW)
    assert len({(trip.platform_id, trip.gig.gig_id) for trip in TRIPS}) == len(TRIPS) == 1_605


def test_the_drivers_of_the_shifts_drove_the_black_car_trips_too() -> None:
    assert {trip.gig.worker_id for trip in BLACK_CAR} == {trip.gig.worker_id for trip in SHIFTS}


def test_what_is_no_whole_number_of_cents_is_refused() -> None:
    assert (cents("27.9"), cents("0.0"), cents("8.18")) == (2790, 0, 818)
    with pytest.raises(Malformed, match="whole cents"):
        cents("8.185")


def test_miles_become_the_nearest_meters() -> None:
    assert (meters("1.0"), meters("17.26")) == (1609, 27777)


class TestClocks:
    """On 6 November 2022 New York's clocks showed 01:00 to 02:00 twice, on 13 March 2022 never 02:00 to 03:00."""

    @staticmethod
    def span(start: str, end: str, seconds: int | None) -> tuple[str | None, str]:
        span = span_of(f"2022-11-06 {start}", f"2022-11-06 {end}", seconds)
        return f"{span.started_at:%H:%M%z}" if span.started_at else None, f"{span.completed_at:%H:%M%z}"

    def test_the_seconds_that_a_trip_took_tell_which_hour_is_meant(self) -> None:
        assert self.span("00:50:00", "01:10:00", 20 * 60) == ("00:50-0400", "01:10-0400")
        assert self.span("00:50:00", "01:10:00", 80 * 60) == ("00:50-0400", "01:10-0500")

    def test_a_trip_that_seems_to_run_backwards_ran_over_the_change(self) -> None:
        assert self.span("01:50:00", "01:10:00", None) == ("01:50-0400", "01:10-0500")

    def test_where_both_hours_agree_the_first_is_taken(self) -> None:
        assert self.span("01:10:00", "01:30:00", 20 * 60) == ("01:10-0400", "01:30-0400")

    def test_what_no_clock_ever_showed_is_refused(self) -> None:
        with pytest.raises(Malformed, match="never showed"):
            span_of("2022-03-13 01:50:00", "2022-03-13 02:30:00", None)

    def test_time_runs_on_where_the_clock_jumps(self) -> None:
        span = span_of("2022-03-13 01:50:00", "2022-03-13 03:10:00", None)
        assert span.elapsed_seconds == 20 * 60
        assert datetime.fromisoformat("2022-03-13T03:10:00-04:00") == span.completed_at
