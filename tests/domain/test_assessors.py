"""Each period has the assessor of the version in force."""

from datetime import date

import pytest

from domain.rejections import InvariantBroken
from tests.support.gigs import assessors, versions

TWO = assessors(*versions(), *versions(version=2, effective_from=date(2023, 7, 1)))


def test_an_event_that_names_a_version_nobody_published_stops() -> None:
    with pytest.raises(InvariantBroken, match="version 3"):
        TWO.of_version(3)


def test_a_period_before_the_first_version_has_no_assessor() -> None:
    assert TWO.find("2022-12") is None
    with pytest.raises(InvariantBroken, match="2022-12"):
        TWO.in_force("2022-12")


def test_each_period_has_the_assessor_of_the_version_in_force() -> None:
    assert [TWO.in_force(period).version.version for period in ("2023-01", "2023-06", "2023-07", "2024-01")] == [
        1,
        1,
        2,
        2,
    ]
    assert TWO.in_force("2023-07") is TWO.of_version(2)
    assert TWO.find("2023-06") is TWO.of_version(1)


def test_of_two_versions_of_one_day_the_greater_number_is_in_force() -> None:
    late = assessors(*versions(version=2), *versions())
    assert late.in_force("2023-06").version.version == 2
