"""The projector: folds the log into the views, batch by batch, each written together with its position."""

from collections.abc import Callable
from threading import Event as Flag
from typing import Any, Final

from domain.rejections import Conflict, Unavailable
from projections.catalogue import VIEWS
from projections.view import View, fold
from services import heap
from services.backoff import Backoff
from services.logs import logger
from services.metrics import PROJECTOR
from services.ports import Log, Views

#: Events folded in memory before the views are written: the more, the fewer rows an event costs while we are behind.
BATCH: Final = 20_000

log = logger(__name__)


class Projector:
    """Follows the log. Two of them do no harm: each write compares-and-sets the position."""

    def __init__(self, exchange: Log, views: Views, wait: Callable[[float], None]) -> None:
        self._log = exchange
        self._views = views
        self._wait = wait

    def run(self, stop: Flag) -> None:
        """Follow the log until told to stop."""
        heap.settle()
        backoff = Backoff(stop)
        while not stop.is_set():
            try:
                if not self.step():
                    self._wait(0.5)
                PROJECTOR.ready.set(1)
                backoff.succeeded()
            except Conflict as error:
                log.info("fenced", detail=error.detail)
                backoff.wait()
            except Unavailable as error:
                PROJECTOR.ready.set(0)
                log.warning("waiting", reason=error.code, detail=error.detail, seconds=backoff.delay)
                backoff.wait()

    def step(self) -> int:
        """Fold one batch into each view; returns how many events that were."""
        live = self._views.live(VIEWS)
        groups: dict[int, list[View]] = {}
        for view in VIEWS:
            groups.setdefault(live[view.name][1], []).append(view)
        return max(self._advance(views, live, position) for position, views in sorted(groups.items()))

    def _advance(self, views: list[View], live: dict[str, tuple[Any, int]], position: int) -> int:
        events = self._log.after(position, BATCH)
        if not events:
            return 0
        rows = fold(views, events)
        head = events[-1].position
        self._views.write([(view, live[view.name][0], rows[view.name]) for view in views], position, head)
        PROJECTOR.events.inc(len(events))
        PROJECTOR.position.set(head)
        return len(events)
