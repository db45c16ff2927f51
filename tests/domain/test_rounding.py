"""There is one rounding function, and its direction always has a name."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rounding import DIRECTIONS, Direction, apportioned, crossed, rounded, rounded_ratio, split

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


@given(fractions, st.sampled_from(list(TABLE)), st.integers(1, 500), st.integers(1, 12))
def test_a_ratio_rounds_as_its_value_does_in_lowest_terms_or_not(
    value: Fraction, direction: Direction, unit: int, times: int
) -> None:
    ratio = value.numerator * times, value.denominator * times
    assert rounded_ratio(*ratio, direction, unit) == rounded(value, direction, unit)


# Over platforms


def test_what_flooring_leaves_goes_to_the_largest_remainders_and_of_equal_ones_to_the_first() -> None:
    assert apportioned(537_00, (10, 5)) == (358_00, 179_00)
    assert apportioned(100, (1, 1, 1)) == (34, 33, 33)
    assert apportioned(10, (1, 5, 3)) == (1, 6, 3)
    assert apportioned(1, (0, 1, 1)) == (0, 1, 0)
    assert apportioned(0, (3, 1)) == (0, 0)
    assert apportioned(7, (4,)) == (7,)


weights = st.lists(st.integers(0, 100), min_size=1, max_size=6).filter(any)


@given(st.integers(0, 10**9), weights)
def test_each_part_is_its_quota_rounded_down_or_up_and_together_they_are_the_whole(
    total: int, weights: list[int]
) -> None:
    parts = apportioned(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(st.integers(0, 10**9), weights, st.integers(1, 1000))
def test_only_the_proportions_of_the_weights_count(total: int, weights: list[int], times: int) -> None:
    assert apportioned(total, [weight * times for weight in weights]) == apportioned(total, weights)


# Over benefits and payers


@st.composite
def margins(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """The sums of the rows and of the columns of one table."""
    rows = draw(st.lists(st.integers(0, 200), min_size=1, max_size=5))
    cuts = sorted(draw(st.lists(st.integers(0, sum(rows)), max_size=2)))
    return rows, [high - low for low, high in zip([0, *cuts], [*cuts, sum(rows)], strict=True)]


@given(margins())
def test_a_table_adds_up_both_ways_and_holds_nothing_negative(margins: tuple[list[int], list[int]]) -> None:
    rows, columns = margins
    table = crossed(rows, columns)
    assert [sum(row) for row in table] == rows
    assert [sum(column) for column in zip(*table, strict=True)] == columns
    assert min(cell for row in table for cell in row) >= 0


@given(margins())
def test_no_cell_is_a_unit_off_proportion_for_two_columns_or_two_for_three(
    margins: tuple[list[int], list[int]],
) -> None:
    rows, columns = margins
    for row, cells in zip(rows, crossed(rows, columns), strict=True):
        for column, cell in zip(columns, cells, strict=True):
            assert abs(cell * sum(rows) - row * column) < max(len(columns) - 1, 1) * max(sum(rows), 1)


def test_a_table_of_nothing_is_nothing() -> None:
    assert crossed((0, 0), (0, 0)) == [(0, 0), (0, 0)]


def test_a_part_without_weight_gets_nothing_of_what_rounding_leaves() -> None:
    assert split(1, (1, 1, 0)) == (0, 1, 0)
    assert split(7, (0, 3, 0)) == (0, 7, 0)
