"""A view: what one read model is called, how its rows are keyed, and what an event adds to which row.

All views so far are *groupings*: every value is a sum, so events fold into changes that are added to the rows.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from domain.postings import Posting, postings
from domain.recorded import Recorded

Key = tuple[str, ...]
Values = tuple[int, ...]
Change = tuple[Key, Values]


class View(Struct, frozen=True):
    """One read model: names of its key and value columns, and what a posting adds to which row, if anything."""

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    group: Callable[[Posting], Change | None]


def fold(
    views: Iterable[View], events: Iterable[Recorded], rows: dict[str, dict[Key, Values]] | None = None
) -> dict[str, dict[Key, Values]]:
    """The rows of each view (by its name) after `events`, beginning at `rows` or at nothing. `rows` is changed."""
    views = tuple(views)
    rows = {} if rows is None else rows
    targets = [(view.group, rows.setdefault(view.name, {})) for view in views]
    for recorded in events:
        for posting in postings(recorded.event):
            for group, table in targets:
                change = group(posting)
                if change is not None:
                    key, values = change
                    known = table.get(key)
                    table[key] = values if known is None else tuple([a + b for a, b in zip(known, values, strict=True)])
    return rows


class Difference(Struct, frozen=True):
    """A row that is not what the log says; None where it is missing."""

    view: str
    key: Key
    stored: Values | None
    replayed: Values | None


def compare(view: View, stored: Mapping[Key, Values], replayed: Mapping[Key, Values]) -> list[Difference]:
    """The rows in which two versions of a view differ, in order of their keys."""
    keys = sorted(stored.keys() | replayed.keys())
    pairs = [(key, stored.get(key), replayed.get(key)) for key in keys]
    return [Difference(view.name, key, old, new) for key, old, new in pairs if old != new]
