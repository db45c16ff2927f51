"""Platform liability: what each platform owes to each program for each period, and who bears it."""

from domain.postings import Posting
from projections.view import Change, View


def group(posting: Posting) -> Change | None:
    """What a posting adds to a platform's debt."""
    if posting.account != "receivable":
        return None
    key = (posting.platform_id, posting.program_id, posting.period, posting.payer, posting.currency)
    return key, (posting.amount_minor,)


view = View(
    "platform_liability", ("platform_id", "program_id", "period", "payer", "currency"), ("accrued_minor",), group
)
