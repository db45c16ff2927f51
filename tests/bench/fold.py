"""How fast the projector folds a log that is there: with reading, decoding and writing, and the pure fold alone."""

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

from msgspec import Struct

from projections.catalogue import VIEWS
from projections.view import Key, Values, View, fold
from services.composition import Exchange
from services.projector import Projector

PURE_EVENTS_MAX = 100_000


class Folded(Struct, frozen=True):
    """Events per second."""

    projector: float
    pure: float


class NewViews:
    """Views that begin at nothing beside the live ones, as the projector sees them."""

    def __init__(self, exchange: Exchange) -> None:
        self._views = exchange.views
        self.versions = self._views.begin(VIEWS)
        self._position = 0

    def live(self, views: Iterable[View]) -> dict[str, tuple[Any, int]]:
        return {view.name: (self.versions[view.name], self._position) for view in views}

    def write(self, changes: Sequence[tuple[View, Any, Mapping[Key, Values]]], old: int, new: int) -> None:
        self._views.write(changes, old, new)
        self._position = new


def measure(exchange: Exchange) -> Folded:
    """Fold an exchange's log into new views and forget them."""
    views = NewViews(exchange)
    projector = Projector(exchange.log, views, lambda _: None)  # type: ignore[arg-type]
    events = 0
    began = perf_counter()
    while folded := projector.step():
        events += folded
    projected = events / (perf_counter() - began)
    exchange.views.drop(VIEWS, views.versions)
    read = exchange.log.after(0, PURE_EVENTS_MAX)
    began = perf_counter()
    fold(VIEWS, read)
    return Folded(projected, len(read) / (perf_counter() - began))
