"""Periods are weeks, months and quarters of a program's own time zone."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.period import PeriodKind, days, first_day, first_day_after, is_period_start, local_date, period_of, zone
from domain.rejections import Malformed

KINDS: tuple[PeriodKind, ...] = ("week", "month", "quarter")
any_day = st.dates(date(2000, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("day", "week", "month", "quarter"),
    [
        (date(2023, 6, 30), "2023-W26", "2023-06", "2023-Q2"),
        (date(2023, 7, 1), "2023-W26", "2023-07", "2023-Q3"),
        (date(2023, 1, 1), "2022-W52", "2023-01", "2023-Q1"),
        (date(2024, 12, 30), "2025-W01", "2024-12", "2024-Q4"),
        (date(2020, 12, 31), "2020-W53", "2020-12", "2020-Q4"),
    ],
)
def test_a_day_falls_in_one_period_of_each_kind(day: date, week: str, month: str, quarter: str) -> None:
    assert [period_of(day, kind) for kind in KINDS] == [week, month, quarter]


@given(any_day, st.sampled_from(KINDS))
def test_a_period_holds_the_days_from_its_first_to_the_first_of_the_next(day: date, kind: PeriodKind) -> None:
    period = period_of(day, kind)
    assert first_day(period) <= day < first_day_after(period)
    assert period_of(first_day(period), kind) == period
    assert period_of(first_day_after(period) - timedelta(days=1), kind) == period
    assert period_of(first_day_after(period), kind) != period


@pytest.mark.parametrize(
    ("period", "length"),
    [
        ("2023-W26", 7),
        ("2023-02", 28),
        ("2024-02", 29),
        ("2023-Q1", 90),
        ("2024-Q1", 91),
        ("2023-Q4", 92),
        ("2023-12", 31),
    ],
)
def test_a_period_has_so_many_days(period: str, length: int) -> None:
    assert days(period) == length


@given(any_day, st.sampled_from(KINDS))
def test_a_period_starts_on_its_first_day_and_on_no_other(day: date, kind: PeriodKind) -> None:
    assert is_period_start(day, kind) == (first_day(period_of(day, kind)) == day)


@pytest.mark.parametrize(
    "text",
    ["", "2023", "2023-6", "2023-13", "2023-00", "2023-Q0", "2023-Q5", "2023-W54", "2023-W53", "2023-W00", "2023-W1",
     "0000-01", "2023-06-01", " 2023-06", "2023-06\n", "2023-w26", "٢٠٢٣-06"],
)  # fmt: skip
def test_what_is_no_period_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="expected a period such as 2023-06"):
        first_day(text)


def test_the_same_instant_is_another_day_in_another_time_zone() -> None:
    late = datetime.fromisoformat("2023-06-30T22:18:22-04:00")
    assert local_date(late, "America/New_York") == date(2023, 6, 30)
    assert local_date(late, "Europe/Berlin") == date(2023, 7, 1)


def test_a_day_follows_the_zone_through_its_change_to_summer_time() -> None:
    assert local_date(datetime.fromisoformat("2023-03-12T04:59:59+00:00"), "America/New_York") == date(2023, 3, 11)
    assert local_date(datetime.fromisoformat("2023-03-13T03:59:59+00:00"), "America/New_York") == date(2023, 3, 12)
    assert local_date(datetime.fromisoformat("2023-03-13T04:00:00+00:00"), "America/New_York") == date(2023, 3, 13)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/hostname", "\0"])
def test_an_unknown_time_zone_is_malformed(name: str) -> None:
    with pytest.raises(Malformed) as refusal:
        zone(name)
    assert refusal.value.key == "time_zone"
