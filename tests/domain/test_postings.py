"""One translation turns events into balanced postings; every view of money is a grouping of them."""

from domain import postings as translation
from domain.platform import PlatformRegistered
from domain.postings import Posting
from domain.recorded_gig import GigRecorded
from domain.work_period import ContributionAccrued, ContributionAdjusted, ContributionReversed, Line
from tests.support.gigs import gig

LINES = (
    Line("retirement", "platform", "uber", 3_20, 3_20),
    Line("paid_leave", "worker", "uber", -10, 1_92),
    Line("health", "platform", "uber", 0, 1_29),
)


def ledger(event: object) -> list[str]:
    """Postings as an accountant writes them: account, debit or credit, amount."""
    return [
        f"{posting.path} {'Dr' if posting.amount_minor > 0 else 'Cr'} {abs(posting.amount_minor)} {posting.currency}"
        for posting in translation.postings(event)
    ]


def test_an_accrued_line_is_owed_by_the_platform_and_pending_for_the_worker() -> None:
    event = ContributionAccrued("uber", "tenth", 1, "2023-06", gig(), (), LINES[:1])
    assert ledger(event) == ["receivable/uber/tenth Dr 320 USD", "pending/w-1/retirement Cr 320 USD"]


def test_the_sign_of_a_line_decides_the_side_and_a_line_that_did_not_move_is_no_posting() -> None:
    event = ContributionReversed("uber", "tenth", 1, "2023-06", gig(), (), LINES, revision=1, reason="moved")
    assert ledger(event) == [
        "receivable/uber/tenth Dr 320 USD",
        "pending/w-1/retirement Cr 320 USD",
        "receivable/uber/tenth Cr 10 USD",
        "pending/w-1/paid_leave Dr 10 USD",
    ]


def test_a_posting_says_all_that_it_is_about() -> None:
    event = ContributionAccrued("uber", "tenth", 1, "2023-06", gig("trip-7"), (), LINES[1:2])
    assert translation.postings(event)[0] == Posting(
        account="receivable",
        amount_minor=-10,
        currency="USD",
        platform_id="uber",
        worker_id="w-1",
        program_id="tenth",
        benefit="paid_leave",
        payer="worker",
        period="2023-06",
        gig_id="trip-7",
    )


def adjusted(*lines: Line, replaced_version: int | None = None) -> ContributionAdjusted:
    return ContributionAdjusted(
        platform_id="uber",
        program_id="tenth",
        program_version=2,
        period="2023-06",
        gig=gig("trip-7", revision=1),
        totals=(),
        lines=lines,
        replaced_revision=0,
        replaced_version=replaced_version,
    )


def test_what_a_new_version_moves_is_about_all_gigs_and_tagged_with_none() -> None:
    by_version = translation.postings(adjusted(*LINES[:1], replaced_version=1))
    by_revision = translation.postings(adjusted(*LINES[:1]))
    assert [posting.gig_id for posting in by_version] == ["", ""]
    assert [posting.gig_id for posting in by_revision] == ["trip-7", "trip-7"]
    assert [posting.path for posting in by_version] == [posting.path for posting in by_revision]


def test_in_a_pooled_program_each_platform_owes_its_own_lines_whoever_reported_the_gig() -> None:
    shared = (
        Line("health", "platform", "lyft", -1_79_00, 3_58_00),
        Line("health", "platform", "uber", 1_79_00, 1_79_00),
    )
    event = ContributionAccrued("uber", "stipend", 1, "2023-Q2", gig(), (), shared)
    assert ledger(event) == [
        "receivable/lyft/stipend Cr 17900 USD",
        "pending/w-1/health Dr 17900 USD",
        "receivable/uber/stipend Dr 17900 USD",
        "pending/w-1/health Cr 17900 USD",
    ]


def test_events_that_move_no_money_have_no_postings() -> None:
    assert ledger(PlatformRegistered("uber", "Uber")) == []
    assert ledger(GigRecorded("uber", gig())) == []
    assert ledger(ContributionAccrued("uber", "tenth", 1, "2023-06", gig(), (), ())) == []
