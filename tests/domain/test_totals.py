"""Running totals are exact sums, one cell for each class of gigs."""

import pytest
from msgspec import structs

from domain.rejections import InvariantBroken
from domain.totals import Cell, gigs, minus, plus

ONE = Cell(1, 10_00, 600, (30,))
OTHER = Cell(1, 5_00, 60, (15,))
EXACT = Cell(1, 10_00, 600, exact_minor=("1/3", "5"))
BY_BIKE = Cell(1, 7_00, 90, (21,), vehicle_class="bicycle")


def test_gigs_of_one_class_add_up_in_one_cell() -> None:
    assert plus(plus((), ONE), OTHER) == (Cell(2, 15_00, 660, (45,)),)


def test_gigs_of_different_classes_stay_apart() -> None:
    assert plus(plus((), ONE), BY_BIKE) == (ONE, BY_BIKE)
    assert plus((ONE, BY_BIKE), BY_BIKE)[0] == ONE
    assert plus((ONE, BY_BIKE), OTHER) == (Cell(2, 15_00, 660, (45,)), BY_BIKE)


def test_gigs_of_different_platforms_stay_apart() -> None:
    of_lyft, of_uber = [structs.replace(ONE, platform_id=platform_id) for platform_id in ("lyft", "uber")]
    assert plus(plus((), of_lyft), of_uber) == (of_lyft, of_uber)
    assert minus((of_lyft, of_uber), of_uber) == (of_lyft,)


def test_sums_of_exact_amounts_stay_ratios() -> None:
    two = plus((EXACT,), Cell(1, 0, 0, exact_minor=("1/6", "0")))
    assert two == (Cell(2, 10_00, 600, exact_minor=("1/2", "5")),)
    assert minus(two, EXACT) == (Cell(1, 0, 0, exact_minor=("1/6", "0")),)


def test_gigs_are_counted_over_all_cells() -> None:
    assert (gigs(()), gigs((Cell(2, 15_00, 660), BY_BIKE))) == (0, 3)


def test_taking_a_gig_away_undoes_adding_it() -> None:
    assert minus(plus((ONE,), OTHER), OTHER) == (ONE,)
    assert minus(plus((ONE,), BY_BIKE), BY_BIKE) == (ONE,)


def test_a_class_without_gigs_has_no_cell() -> None:
    assert minus((ONE,), ONE) == ()
    assert minus((ONE, BY_BIKE), ONE) == (BY_BIKE,)


@pytest.mark.parametrize(
    ("totals", "taken"),
    [
        ((), ONE),
        ((ONE,), BY_BIKE),
        ((ONE,), OTHER),
        ((OTHER,), ONE),
        ((Cell(2, 15_00, 660, (45,)),), Cell(1, 20_00, 60, (60,))),
        ((Cell(2, 15_00, 660, (45,)),), Cell(1, 5_00, 700, (15,))),
        ((EXACT,), Cell(1, 10_00, 600, exact_minor=("1/3", "4"))),
        ((structs.replace(ONE, platform_id="uber"),), structs.replace(ONE, platform_id="lyft")),
    ],
)
def test_a_gig_that_was_never_added_cannot_be_taken_away(totals: tuple[Cell, ...], taken: Cell) -> None:
    with pytest.raises(InvariantBroken):
        minus(totals, taken)
