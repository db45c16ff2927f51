"""Running totals of a work period: what its gigs add up to, exactly.

Totals are a small table, one cell for each class that the program tells apart and a single one where it tells none.
What a rate multiplies is summed before it is rounded; rules that round each gig keep their own sum of rounded amounts.
"""

from fractions import Fraction

from msgspec import Struct

from domain.rejections import InvariantBroken


class Cell(Struct, frozen=True, gc=False, omit_defaults=True):
    """The sums over the gigs of one class: money in minor units, engaged time in seconds.

    `base_minor` is what the gigs earned before deductions, which depend on the class. `rounded_minor` holds the sums of
    rules that round per gig, in the order of the program's rules: the amounts, and where gigs are capped then what they
    would be without caps. `exact_minor` holds the same of rules that make an amount of each gig and round per period,
    as ratios such as `1501/40`.
    """

    gigs: int
    base_minor: int
    engaged_seconds: int
    rounded_minor: tuple[int, ...] = ()
    platform_id: str = ""
    vehicle_class: str = ""
    worker_class: str = ""
    exact_minor: tuple[str, ...] = ()

    def plus(self, other: "Cell", sign: int = 1) -> "Cell":
        """The cell with another of the same class and shape added, or taken away where `sign` is -1."""
        return Cell(
            self.gigs + sign * other.gigs,
            self.base_minor + sign * other.base_minor,
            self.engaged_seconds + sign * other.engaged_seconds,
            tuple([a + sign * b for a, b in zip(self.rounded_minor, other.rounded_minor, strict=True)]),
            self.platform_id,
            self.vehicle_class,
            self.worker_class,
            _added(self.exact_minor, other.exact_minor, sign) if self.exact_minor else (),
        )

    @property
    def is_possible(self) -> bool:
        """Whether gigs can add up to this: no sum below zero, and no gigs no sums."""
        sums = (self.base_minor, self.engaged_seconds)
        if self.gigs < 0 or min(sums) < 0:
            return False
        return self.gigs > 0 or not (any(sums) or any(self.rounded_minor) or any(map(Fraction, self.exact_minor)))

    def is_of_class(self, other: "Cell") -> bool:
        """Whether both cells count the same class of gigs."""
        return (
            self.platform_id == other.platform_id
            and self.vehicle_class == other.vehicle_class
            and self.worker_class == other.worker_class
        )


def _added(one: tuple[str, ...], other: tuple[str, ...], sign: int) -> tuple[str, ...]:
    return tuple([str(Fraction(a) + sign * Fraction(b)) for a, b in zip(one, other, strict=True)])


Totals = tuple[Cell, ...]


def plus(totals: Totals, cell: Cell) -> Totals:
    """Totals with a gig's cell added."""
    for index, known in enumerate(totals):
        if known.is_of_class(cell):
            return (*totals[:index], known.plus(cell), *totals[index + 1 :])
    return (*totals, cell)


def minus(totals: Totals, cell: Cell) -> Totals:
    """Totals with a gig's cell taken away; a class without gigs has no cell.

    Raises `InvariantBroken` where the cell was never added: corruption that would otherwise become a wrong amount.
    """
    for index, known in enumerate(totals):
        if known.is_of_class(cell):
            rest = known.plus(cell, -1)
            if not rest.is_possible:
                raise InvariantBroken("totals hold less than the gig that is taken out of them")
            return (*totals[:index], *([rest] if rest.gigs else []), *totals[index + 1 :])
    raise InvariantBroken("totals hold no gig of the class that is taken out of them")


def gigs(totals: Totals) -> int:
    """How many gigs count."""
    return sum([cell.gigs for cell in totals])
