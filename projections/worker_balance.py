"""Worker balance: what each worker has in each benefit, by phase of the money."""

from domain.postings import Posting
from projections.view import Change, View


def group(posting: Posting) -> Change | None:
    """What a posting adds to a worker's benefit."""
    if posting.account != "pending":
        return None
    return (posting.worker_id, posting.benefit, posting.currency), (-posting.amount_minor,)


view = View("worker_balance", ("worker_id", "benefit", "currency"), ("pending_minor",), group)
