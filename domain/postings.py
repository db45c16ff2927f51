"""The one translation of events into money: balanced postings, debit positive and credit negative.

Contribution accrued, adjusted or reversed: each line debits `receivable/<platform>/<program>` and credits
`pending/<worker>/<benefit>`, or the other way round where it is negative. What a new version of a program moves is
about all gigs of a work period and tagged with none.

Worker balance, platform liability and trial balance are groupings of the same postings by their tags.
"""

from typing import Literal

from msgspec import Struct

from domain.work_period import Contribution, is_about_all

Account = Literal["receivable", "pending"]


class Posting(Struct, frozen=True, gc=False):
    """One side of a money movement with all that it is about; `amount_minor` is positive for a debit."""

    account: Account
    amount_minor: int
    currency: str
    platform_id: str
    worker_id: str
    program_id: str
    benefit: str
    payer: str
    period: str
    gig_id: str

    @property
    def path(self) -> str:
        """The account's full name, such as `pending/w-104/retirement`."""
        if self.account == "receivable":
            return f"receivable/{self.platform_id}/{self.program_id}"
        return f"pending/{self.worker_id}/{self.benefit}"


def postings(event: object) -> list[Posting]:
    """The postings of any event of the log; none where it moves no money. They add up to zero per currency."""
    return _contribution(event) if isinstance(event, Contribution) else []


def _contribution(event: Contribution) -> list[Posting]:
    gig = event.gig
    gig_id = "" if is_about_all(event) else gig.gig_id
    moved: list[Posting] = []
    for line in event.lines:
        if line.amount_minor:
            about = (
                gig.currency,
                line.platform_id,
                gig.worker_id,
                event.program_id,
                line.benefit,
                line.payer,
                event.period,
                gig_id,
            )
            moved.append(Posting("receivable", line.amount_minor, *about))
            moved.append(Posting("pending", -line.amount_minor, *about))
    return moved
