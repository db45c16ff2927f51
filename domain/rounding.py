"""The one rounding function: an exact ratio to an integer, in a named direction.

Directions are the words of the field: `half_up` rounds a tie away from zero (what statutes call "to the nearest"),
`half_even` to the even neighbour, `half_down` toward zero; `floor` and `ceiling` look along the number line, `down`
and `up` toward and away from zero.
"""

from fractions import Fraction
from typing import Literal, get_args

Direction = Literal["half_up", "half_even", "half_down", "floor", "ceiling", "down", "up"]
DIRECTIONS: tuple[str, ...] = get_args(Direction)


def rounded(value: Fraction | int, direction: Direction, unit: int = 1) -> int:
    """`value` rounded to a whole multiple of `unit` (both in minor units)."""
    numerator, denominator = value.numerator, value.denominator * unit
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
    """`total` divided by `weights`, each part floored, the last taking the rest; parts add up exactly."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights[:-1]]
    return (*parts, total - sum(parts))
