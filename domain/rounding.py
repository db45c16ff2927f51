"""The one rounding function: an exact ratio to an integer, in a named direction.

Directions are the words of the field: `half_up` rounds a tie away from zero (what statutes call "to the nearest"),
`half_even` to the even neighbour, `half_down` toward zero; `floor` and `ceiling` look along the number line, `down`
and `up` toward and away from zero.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, get_args

Direction = Literal["half_up", "half_even", "half_down", "floor", "ceiling", "down", "up"]
DIRECTIONS: tuple[str, ...] = get_args(Direction)


def rounded(value: Fraction | int, direction: Direction, unit: int = 1) -> int:
    """`value` rounded to a whole multiple of `unit` (both in minor units)."""
    return rounded_ratio(value.numerator, value.denominator, direction, unit)


def rounded_ratio(numerator: int, denominator: int, direction: Direction, unit: int = 1) -> int:
    """`numerator / denominator` rounded to a whole multiple of `unit`; the ratio need not be in lowest terms."""
    denominator *= unit
    floor, rest = divmod(numerator, denominator)
    if rest == 0:
        return floor * unit
    return (floor + _goes_up(direction, 2 * rest - denominator, floor)) * unit


def _goes_up(direction: Direction, above_half: int, floor: int) -> bool:
    """Whether a value strictly between `floor` and `floor + 1` becomes `floor + 1`.

    `above_half` is negative below the middle, zero at a tie, positive above it.
    """
    negative = floor < 0
    match direction:
        case "half_up":
            return above_half > 0 or (above_half == 0 and not negative)
        case "half_even":
            return above_half > 0 or (above_half == 0 and floor % 2 == 1)
        case "half_down":
            return above_half > 0 or (above_half == 0 and negative)
        case "floor":
            return False
        case "ceiling":
            return True
        case "down":
            return negative
        case "up":
            return not negative


def split(total: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    """`total` divided by `weights`, each part floored, the last with any weight taking the rest."""
    if len(weights) == 1:
        return (total,)
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    last = max(at for at, weight in enumerate(weights) if weight)
    parts[last] += total - sum(parts)
    return tuple(parts)


def apportioned(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` divided by `weights`, what flooring leaves going to the largest remainders (Hamilton's method).

    Of equal remainders the first is served first. Weights are not negative and not all zero.
    """
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    if left := total - sum(parts):
        by_remainder = sorted(range(len(weights)), key=lambda index: -(total * weights[index] % whole))
        for index in by_remainder[:left]:
            parts[index] += 1
    return tuple(parts)


def crossed(rows: Sequence[int], columns: Sequence[int]) -> list[tuple[int, ...]]:
    """A table whose rows and columns add up to these sums exactly; for two columns no cell is one off proportion.

    `rows` and `columns` have the same total and none is negative; then no cell is. One tuple is returned for each row.
    Each column is dealt out over what the columns before it left of the rows, its running total floored.
    """
    left = list(rows)
    dealt = []
    for column in columns:
        cells = _dealt(column, left)
        left = [rest - cell for rest, cell in zip(left, cells, strict=True)]
        dealt.append(cells)
    return list(zip(*dealt, strict=True))


def _dealt(total: int, rows: Sequence[int]) -> list[int]:
    """`total` dealt out in proportion to `rows`, no cell above its row: the running total is floored."""
    whole = sum(rows)
    cells, dealt, running = [], 0, 0
    for row in rows:
        running += row
        until = total * running // whole if whole else 0
        cells.append(until - dealt)
        dealt = until
    return cells
