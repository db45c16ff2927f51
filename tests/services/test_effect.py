"""An effect says how much is moved, and what goes up and down again is not moved."""

from domain.reassessment import Finding, Plan
from domain.recorded import NewEvent
from domain.recorded_gig import GigRecorded
from domain.registry import RegisteredGig
from domain.work_period import ContributionAccrued, Line
from services.effect import FINDINGS_TOLD_MAX, Effect, Moved, Tally
from tests.support.gigs import gig

JUNE, NONE = "work:uber:w-1:tenth:2023-06", "work:uber:w-1:none:2023-06"


def accrued(amount_minor: int, stream: str = JUNE, currency: str = "USD") -> NewEvent:
    line = Line("retirement", "platform", "uber", amount_minor, 0)
    return NewEvent(stream, 1, ContributionAccrued("uber", "tenth", 1, "2023-06", gig(currency=currency), (), (line,)))


def test_nothing_follows_from_nothing() -> None:
    tally = Tally()
    tally.add(Plan())
    assert tally.effect == Effect()


def test_money_is_counted_once_for_each_work_period_and_currency() -> None:
    tally = Tally()
    tally.add(Plan((accrued(5_00), accrued(-2_00), accrued(-1_00, stream="work:uber:w-1:tenth:2023-07"))))
    tally.add(Plan((accrued(4_00, currency="CAD"),)))
    assert tally.effect == Effect(
        work_periods=3, workers=2, platforms=1, money={"CAD": Moved(4_00, 4_00), "USD": Moved(2_00, 3_00, 1_00)}
    )


def test_a_gig_that_is_only_recorded_moves_no_work_period() -> None:
    tally = Tally()
    row = RegisteredGig(0, False, b"", ())
    tally.add(Plan((NewEvent(NONE, 1, GigRecorded("uber", gig())),), {("uber", "trip-1"): row}))
    assert tally.effect == Effect(workers=1, gigs=1)


def test_all_findings_are_counted_and_the_first_are_told() -> None:
    tally = Tally()
    findings = tuple([Finding(JUNE, "unlisted_class", f"gig {number}") for number in range(FINDINGS_TOLD_MAX)])
    tally.add(Plan(findings=findings))
    tally.add(Plan(findings=findings))
    assert (tally.effect.findings, tally.effect.findings_count) == (findings, 2 * FINDINGS_TOLD_MAX)
