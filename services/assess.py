"""What programs make of gigs: of each period as a whole, or gig by gig, without a database or a broker.

Gigs are accrued one after another, each by the change of the entitlement, as the exchange does it. So the amounts of a
period's gigs add up to what the period comes to, whatever the order.
"""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from domain.assessment import Assessor, Entitled
from domain.configuration import Taking
from domain.gig import Gig
from domain.rounding import rounded
from domain.totals import Totals, gigs, plus
from services.gig_lines import Taken


class PeriodRow(Struct, frozen=True, gc=False):
    """What a platform owes for one worker, period, benefit and payer, and the platform's work that it comes from.

    `base_minor` is the base after deductions; where it is not whole it is rounded half up, to be looked at.
    """

    worker_id: str
    platform_id: str
    program: str
    version: int
    period: str
    benefit: str
    payer: str
    currency: str
    amount_minor: int
    uncapped_amount_minor: int
    gigs: int
    base_minor: int
    engaged_seconds: int


class GigRow(Struct, frozen=True, gc=False):
    """What one gig moves for one benefit, payer and platform, and the entitlement after it.

    In a pooled program a gig may move what another platform owes.
    """

    gig_id: str
    revision: int
    worker_id: str
    platform_id: str
    program: str
    version: int
    period: str
    benefit: str
    payer: str
    currency: str
    amount_minor: int
    entitled_minor: int
    explanation: list[str] | UnsetType = UNSET


#: Assessor, gig, platform, period, totals before and after → the arithmetic in sentences.
Explain = Callable[[Assessor, Gig, str, str, Totals, Totals], list[str]]
_ORDER: Final = attrgetter("worker_id", "platform_id", "program", "period", "benefit", "payer")


class _WorkPeriod:
    """One worker's work in one period of one program, on one platform or, where it is pooled, on all of them."""

    __slots__ = ("assessor", "entitled", "platform_id", "taking", "totals", "worker_id")

    def __init__(self, taking: Taking, gig: Gig, platform_id: str) -> None:
        self.taking = taking
        self.worker_id = gig.worker_id
        self.platform_id = platform_id
        self.assessor = taking.program.in_force(taking.period)
        self.totals: Totals = ()
        self.entitled: dict[tuple[str, str, str], int] = {}

    def accrue(self, gig: Gig, platform_id: str) -> None:
        """Count a gig."""
        self.totals = plus(self.totals, self.assessor.measure(gig, platform_id))

    def entitlement(self) -> tuple[Entitled, ...]:
        """What the totals come to."""
        return self.assessor.entitlement(self.totals, self.taking.period, self.platform_id)


class _WorkPeriods:
    """The work periods that gigs have led to so far."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], _WorkPeriod] = {}

    def of(self, taken: Taken) -> Iterator[_WorkPeriod]:
        """The work periods in which a gig counts."""
        gig = taken.gig
        for taking in taken.takings:
            key = (taking.scope, gig.worker_id, taking.program_id, taking.period)
            found = self._found.get(key)
            if found is None:
                found = self._found[key] = _WorkPeriod(taking, gig, gig.platform_id)
            yield found

    def __iter__(self) -> Iterator[_WorkPeriod]:
        return iter(self._found.values())


def by_period(counted: Iterable[Taken]) -> list[PeriodRow]:
    """One row for each worker, platform, program, period, benefit and payer, in this order."""
    periods = _WorkPeriods()
    for taken in counted:
        for period in periods.of(taken):
            period.accrue(taken.gig, taken.gig.platform_id)
    rows = [row for period in periods for row in _period_rows(period)]
    rows.sort(key=_ORDER)
    return rows


def _period_rows(period: _WorkPeriod) -> Iterator[PeriodRow]:
    assessor, version = period.assessor, period.assessor.version
    work: dict[str, tuple[int, int, int]] = {}
    for each in period.entitlement():
        if each.platform_id not in work:
            work[each.platform_id] = _work(assessor, period.totals, each.platform_id)
        yield PeriodRow(
            period.worker_id,
            each.platform_id,
            version.id,
            version.version,
            period.taking.period,
            each.benefit,
            each.payer,
            version.currency,
            each.amount_minor,
            each.uncapped_minor,
            *work[each.platform_id],
        )


def _work(assessor: Assessor, totals: Totals, platform_id: str) -> tuple[int, int, int]:
    """How many gigs a platform's part of the totals holds, their base for display and their engaged seconds."""
    own = tuple([cell for cell in totals if cell.platform_id == platform_id]) if assessor.is_pooled else totals
    return gigs(own), rounded(assessor.base(own), "half_up"), sum([cell.engaged_seconds for cell in own])


def by_gig(counted: Iterable[Taken], explain: Explain | None = None) -> Iterator[GigRow]:
    """The rows of each gig, in the order of the gigs: all that it moves, and all of its own platform.

    With `explain` each row says why.
    """
    periods = _WorkPeriods()
    for taken in counted:
        for period in periods.of(taken):
            yield from _gig_rows(period, taken, explain)


def _gig_rows(period: _WorkPeriod, taken: Taken, explain: Explain | None) -> Iterator[GigRow]:
    gig, before, entitled = taken.gig, period.totals, period.entitled
    platform_id, name, version = gig.platform_id, period.taking.period, period.assessor.version
    period.accrue(gig, platform_id)
    why = UNSET if explain is None else explain(period.assessor, gig, platform_id, name, before, period.totals)
    for each in period.entitlement():
        key = (each.benefit, each.payer, each.platform_id)
        moved = each.amount_minor - entitled.get(key, 0)
        if moved or each.platform_id == platform_id:
            entitled[key] = each.amount_minor
            yield GigRow(
                gig.gig_id,
                gig.revision,
                gig.worker_id,
                each.platform_id,
                version.id,
                version.version,
                name,
                each.benefit,
                each.payer,
                version.currency,
                moved,
                each.amount_minor,
                why,
            )
