"""What a program makes of some work: a small table that shows where its rules turn."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Final

from msgspec import Struct

from domain.assessment import Assessor
from domain.gig import Gig
from domain.period import period_of
from domain.rule import ProgramVersion
from domain.totals import Cell, Totals, plus
from services.example_points import CLASSES_MAX, Classes, Points, points

ROWS_MAX: Final = 12
#: Rows that classes may take away from the points of interest.
CLASS_ROWS_MAX: Final = 6
_PLATFORM: Final = "example"
_SOME_DAY: Final = datetime(2023, 1, 1, tzinfo=UTC)


class Work(Struct, frozen=True):
    """What a worker of one class did in a period: so many gigs, which earned and took this much together."""

    gigs: int
    earned_minor: int
    engaged_seconds: int
    classes: Classes = Classes()


class Example(Struct, frozen=True):
    """Some work, its exact base after deductions (in minor units), and what is due for it."""

    work: Work
    base_minor: Fraction
    due_minor: dict[str, int]
    uncapped_minor: int

    @property
    def total_minor(self) -> int:
        """What is due from all payers together."""
        return sum(self.due_minor.values())


class Examples(Struct, frozen=True):
    """The examples of one version in the period in which it takes effect, and the measures that its rules look at."""

    period: str
    measures: tuple[str, ...]
    rows: tuple[Example, ...]
    #: How many classes have no row.
    left_out: int


def examples(version: ProgramVersion) -> Examples:
    """At most `ROWS_MAX` examples, chosen so that they show the rules; raises `Malformed`."""
    assessor = Assessor(version)
    period = period_of(version.effective_from, version.period)
    found = points(assessor, period)
    seen = {"earned": found.earned_minor, "hours": found.seconds, "gigs": found.gigs, "weekly": found.is_by_week}
    rows = {work: _example(assessor, period, work) for work in _swept(found)}
    by_class = _telling([_example(assessor, period, work) for work in _of_classes(found)])
    rows |= {row.work: row for row in by_class}
    measures = tuple([name for name, values in seen.items() if values])
    return Examples(period, measures, tuple(rows.values()), max(len(found.classes) - max(len(by_class), 1), 0))


def _telling(rows: list[Example]) -> list[Example]:
    """The first rows of which none comes to the same as another."""
    first: dict[object, Example] = {}
    for row in rows:
        first.setdefault((row.base_minor, *row.due_minor.values(), row.uncapped_minor), row)
    return list(first.values())[:CLASS_ROWS_MAX]


def _swept(found: Points) -> list[Work]:
    """One measure after the other through its points of interest, the others ample."""
    room = ROWS_MAX - (min(len(found.classes), CLASS_ROWS_MAX) if len(found.classes) > 1 else 0)
    earned, seconds, gigs = found.ample
    first = found.classes[0]
    works = [Work(gigs, each, seconds, first) for each in found.earned_minor]
    works += [Work(gigs, earned, each, first) for each in found.seconds]
    works += [Work(each, earned, seconds, first) for each in found.gigs]
    all_ample = Work(gigs, earned, seconds, first)
    # Where there are classes, theirs begin with this one.
    wanted = [work for work in dict.fromkeys(works) if work != all_ample or room == ROWS_MAX]
    return _spread(wanted or [all_ample], room)


def _spread(works: list[Work], room: int) -> list[Work]:
    """As many as there is room for, evenly from the first to the last."""
    last = len(works) - 1
    return works if last < room else [works[at * last // (room - 1)] for at in range(room)]


def _of_classes(found: Points) -> list[Work]:
    """The same ample work by gigs of each class, where there are several."""
    earned, seconds, gigs = found.ample
    return [Work(gigs, earned, seconds, each) for each in found.classes[:CLASSES_MAX]] if found.classes[1:] else []


def _example(assessor: Assessor, period: str, work: Work) -> Example:
    totals = _totals(assessor, work)
    due_minor: dict[str, int] = {payer: 0 for rule in assessor.rules for payer in rule.payers}
    uncapped_minor = 0
    for entitled in assessor.entitlement(totals, period, _PLATFORM):
        due_minor[entitled.payer] += entitled.amount_minor
        uncapped_minor += entitled.uncapped_minor
    return Example(work, assessor.base(totals), due_minor, uncapped_minor)


def _totals(assessor: Assessor, work: Work) -> Totals:
    """The totals of this work in gigs as equal as whole numbers allow, however many they are."""
    earned, earned_left = divmod(work.earned_minor, work.gigs)
    engaged, engaged_left = divmod(work.engaged_seconds, work.gigs)
    cuts = sorted({0, earned_left, engaged_left, work.gigs})
    totals: Totals = ()
    for start, end in pairwise(cuts):
        one = _gig(assessor, earned + (start < earned_left), engaged + (start < engaged_left), work.classes)
        totals = plus(totals, _times(assessor.measure(one, _PLATFORM), end - start))
    return totals


def _gig(assessor: Assessor, earned_minor: int, engaged_seconds: int, classes: Classes) -> Gig:
    return Gig(
        gig_id="example",
        revision=0,
        worker_id="example",
        completed_at=_SOME_DAY,
        engaged_seconds=engaged_seconds,
        currency=assessor.version.currency,
        earnings={assessor.components[0]: earned_minor},
        vehicle_class=classes.vehicle or None,
        worker_class=classes.worker or None,
    )


def _times(cell: Cell, count: int) -> Cell:
    """The cell of `count` equal gigs, by doubling."""
    if count == 1:
        return cell
    half = _times(cell, count // 2)
    even = half.plus(half)
    return even.plus(cell) if count % 2 else even
