"""Replay: every view folded from position 0, to compare with what is stored or to take its place."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from domain.rejections import Conflict
from projections.catalogue import VIEWS
from projections.view import Difference, Key, Values, compare, fold
from services.ports import Log, Views

#: Events folded in memory at a time.
BATCH: Final = 10_000
#: How often a switch is tried anew because the projector moved on meanwhile.
ATTEMPTS: Final = 50

#: Told the position reached and the one to reach.
Progress = Callable[[int, int], None]


class Replayed(Struct, frozen=True):
    """What a replay came to: the position, how many events and rows, and where the stored views differ."""

    position: int
    events: int
    rows: dict[str, int]
    differences: list[Difference]


def replay(exchange: Log, views: Views, progress: Progress) -> Replayed:
    """Fold all events up to where the stored views stand, in memory, and compare row by row; writes nothing."""
    position, stored = views.snapshot(VIEWS)
    replayed: dict[str, dict[Key, Values]] = {view.name: {} for view in VIEWS}
    reached = count = 0
    while reached < position:
        events = [event for event in exchange.after(reached, BATCH) if event.position <= position]
        if not events:
            break
        fold(VIEWS, events, replayed)
        count += len(events)
        reached = events[-1].position
        progress(reached, position)
    differences = [each for view in VIEWS for each in compare(view, stored[view.name], replayed[view.name])]
    return Replayed(position, count, {name: len(rows) for name, rows in replayed.items()}, differences)


def rebuild(exchange: Log, views: Views, progress: Progress, *, accept_differences: bool = False) -> Replayed:
    """Fold the log into new versions beside the live views, compare at one position, and let readers see the new.

    Where the two differ nothing is switched, unless differences are accepted. The projector goes on meanwhile.
    """
    new = views.begin(VIEWS)
    position = count = 0
    try:
        for _ in range(ATTEMPTS):
            while events := exchange.after(position, BATCH):
                rows = fold(VIEWS, events)
                head = events[-1].position
                views.write([(view, new[view.name], rows[view.name]) for view in VIEWS], position, head)
                count += len(events)
                position = head
                progress(position, exchange.head())
            differing = views.switch(VIEWS, new, position, accept_differences=accept_differences)
            if differing is not None:
                differences = [Difference(name, *each) for name, rows_of in differing.items() for each in rows_of]
                if differences and not accept_differences:
                    views.drop(VIEWS, new)
                return Replayed(position, count, {view.name: views.count(view) for view in VIEWS}, differences)
        raise Conflict("the projector moved on each time the views were to be compared")
    except BaseException:
        views.drop(VIEWS, new)
        raise
