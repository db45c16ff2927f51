"""There is one rounding function, and its direction always has a name."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rounding import DIRECTIONS, Direction, rounded, split

#: How each direction rounds these seven values.
VALUES = ("-1.5", "-0.5", "-0.4", "0.4", "0.5", "0.6", "1.5")
TABLE: dict[Direction, tuple[int, ...]] = {
    "half_up": (-2, -1, 0, 0, 1, 1, 2),
    "half_even": (-2, 0, 0, 0, 0, 1, 2),
    "half_down": (-1, 0, 0, 0, 0, 1, 1),
    "floor": (-2, -1, -1, 0, 0, 0, 1),
    "ceiling": (-1, 0, 0, 1, 1, 1, 2),
    "down": (-1, 0, 0, 0, 0, 0, 1),
    "up": (-2, -1, -1, 1, 1, 1, 2),
}

fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=1000)


def test_the_table_below_knows_every_direction() -> None:
    assert set(TABLE) == set(DIRECTIONS)


@pytest.mark.parametrize("direction", TABLE)
def test_each_direction_rounds_as_its_name_says(direction: Direction) -> None:
    assert tuple(rounded(Fraction(value), direction) for value in VALUES) == TABLE[direction]


def test_rounding_to_a_unit_yields_whole_multiples_of_it() -> None:
    assert rounded(Fraction("96250"), "half_up", 100) == 96_300
    assert rounded(Fraction("96249.99"), "half_up", 100) == 96_200
    assert rounded(Fraction("52099"), "floor", 100) == 52_000
    assert rounded(Fraction("-52001"), "floor", 100) == -52_100


@given(fractions, st.sampled_from(list(TABLE)), st.integers(1, 500))
def test_rounding_moves_an_amount_by_less_than_one_unit(value: Fraction, direction: Direction, unit: int) -> None:
    result = rounded(value, direction, unit)
    assert result % unit == 0
    assert abs(result - value) < unit


@given(fractions, st.sampled_from(list(TABLE)), st.integers(1, 500))
def test_rounding_what_is_rounded_changes_nothing(value: Fraction, direction: Direction, unit: int) -> None:
    once = rounded(value, direction, unit)
    assert rounded(once, direction, unit) == once


@given(fractions, fractions, st.sampled_from(list(TABLE)))
def test_rounding_keeps_order(one: Fraction, other: Fraction, direction: Direction) -> None:
    low, high = sorted([one, other])
    assert rounded(low, direction) <= rounded(high, direction)


def test_a_split_floors_each_part_and_the_last_takes_the_rest() -> None:
    assert split(74_000, (19, 8, 10)) == (38_000, 16_000, 20_000)
    assert split(100, (1, 1, 1)) == (33, 33, 34)
    assert split(1, (5, 3, 2)) == (0, 0, 1)
    assert split(0, (5, 3, 2)) == (0, 0, 0)
    assert split(7, (4,)) == (7,)


@given(st.integers(0, 10**9), st.lists(st.integers(1, 100), min_size=1, max_size=6).map(tuple))
def test_the_parts_of_a_split_add_up_and_none_is_negative(total: int, weights: tuple[int, ...]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0
    assert len(parts) == len(weights)
