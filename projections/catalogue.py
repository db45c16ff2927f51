"""All views, in the order in which they are written."""

from projections import platform_liability, worker_balance, worker_source
from projections.view import View

VIEWS: tuple[View, ...] = (worker_balance.view, worker_source.view, platform_liability.view)
