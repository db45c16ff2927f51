"""Periods: `2023-06`, `2023-Q2`, `2023-W26` (ISO 8601), counted in a program's own time zone.

A period that an event recorded holds in replay; what a later time-zone database says changes nothing.
"""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.rejections import Malformed

PeriodKind = Literal["week", "month", "quarter"]

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_QUARTER = re.compile(r"([0-9]{4})-Q([1-4])")
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises `Malformed` where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Malformed(f"expected an IANA time zone such as America/New_York, got {name!r}", key="time_zone") from None


def local_date(at: datetime, time_zone: str) -> date:
    """The calendar day of an instant in a time zone."""
    return at.astimezone(zone(time_zone)).date()


@lru_cache(maxsize=16_384)
def period_of(day: date, kind: PeriodKind) -> str:
    """The period of `kind` that `day` falls in."""
    match kind:
        case "month":
            return f"{day.year:04d}-{day.month:02d}"
        case "quarter":
            return f"{day.year:04d}-Q{(day.month + 2) // 3}"
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year:04d}-W{week:02d}"


@lru_cache(maxsize=4_096)
def first_day(period: str) -> date:
    """The first day of a period; raises `Malformed` where the text is no period."""
    try:
        if found := _MONTH.fullmatch(period):
            return date(int(found[1]), int(found[2]), 1)
        if found := _QUARTER.fullmatch(period):
            return date(int(found[1]), 3 * int(found[2]) - 2, 1)
        if found := _WEEK.fullmatch(period):
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        pass
    raise Malformed(f"expected a period such as 2023-06, 2023-Q2 or 2023-W26, got {period!r}", key="period")


def first_day_after(period: str) -> date:
    """The first day of the next period."""
    start = first_day(period)
    if "W" in period:
        return start + timedelta(days=7)
    months = start.month - 1 + (3 if "Q" in period else 1)
    return date(start.year + months // 12, months % 12 + 1, 1)


def is_period_start(day: date, kind: PeriodKind) -> bool:
    """Whether a period of `kind` begins on `day`."""
    return first_day(period_of(day, kind)) == day


@lru_cache(maxsize=4_096)
def days(period: str) -> int:
    """How many days a period has."""
    return (first_day_after(period) - first_day(period)).days
