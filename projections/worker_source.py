"""Worker source: which platform each worker's benefits came from. After crediting, money has no source any more."""

from domain.postings import Posting
from projections.view import Change, View


def group(posting: Posting) -> Change | None:
    """What a posting adds to what one platform accrued for a worker's benefit."""
    if posting.account != "pending":
        return None
    key = (posting.worker_id, posting.platform_id, posting.benefit, posting.currency)
    return key, (-posting.amount_minor,)


view = View("worker_source", ("worker_id", "platform_id", "benefit", "currency"), ("accrued_minor",), group)
