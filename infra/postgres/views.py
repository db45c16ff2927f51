"""Table tables: written in batches together with the position they stand at, rebuilt beside the live version.

A view's rows carry the version they belong to; `view` names the version that readers see, and the library's tracking
table holds the position of each version under `<view>.<version>`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from eventsourcing.postgres import PostgresTrackingRecorder
from msgspec import Struct

from domain.rejections import Conflict
from infra.postgres.datastore import Datastore, Rows

Key = tuple[str, ...]
Values = tuple[int, ...]
#: A row that differs: its key, and its values in the one version and in the other (None where it is missing).
Differing = tuple[Key, Values | None, Values | None]


class Table(Protocol):
    """What a view's rows are called and look like: text keys and integer values that add up."""

    @property
    def name(self) -> str: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def values(self) -> tuple[str, ...]: ...


#: How many differences are told.
MOST_DIFFERENCES: Final = 100

_LIVE: Final = b"""
    select v.name, v.live_version, t.notification_id from view v
    join exchange_tracking t on t.application_name = v.name || '.' || v.live_version
"""


class ViewVersion(Struct, frozen=True, order=True):
    """One version of one view."""

    name: str
    version: int

    @property
    def tracked_as(self) -> str:
        """The name under which its position is tracked."""
        return f"{self.name}.{self.version}"


class ViewRecorder(PostgresTrackingRecorder):
    """Rows and positions of views."""

    def __init__(self, datastore: Datastore) -> None:
        super().__init__(datastore, tracking_table_name="exchange_tracking")
        self.exchange = datastore

    def create_table(self) -> None:
        """Nothing: the schema is made by migrations."""

    def ensure(self, views: Iterable[Table]) -> None:
        """Make version 1 of each view that has none yet."""
        with self.exchange.transact() as rows:
            for view in views:
                rows.execute("insert into view values (%s, 1) on conflict do nothing", [view.name])
                rows.execute(
                    "insert into exchange_tracking select name || '.' || live_version, 0 from view where name = %s"
                    " on conflict do nothing",
                    [view.name],
                )

    def live(self, views: Iterable[Table]) -> dict[str, tuple[ViewVersion, int]]:
        """The version of each view that readers see, and its position."""
        found = self.exchange.read(_LIVE.decode())
        known = {name: (ViewVersion(name, version), position) for name, version, position in found}
        return {view.name: known[view.name] for view in views}

    def write(
        self, changes: Sequence[tuple[Table, ViewVersion, Mapping[Key, Values]]], old_position: int, new_position: int
    ) -> None:
        """Add changes and move the versions' positions from old to new; raises `Conflict` unless all stood at old."""
        with self.exchange.transact() as rows:
            for _, version, _ in sorted(changes, key=lambda change: change[1]):
                _advance(rows, version, old_position, new_position)
            for view, version, table in changes:
                _add(rows, view, version.version, table)

    def snapshot(self, views: Iterable[Table]) -> tuple[int, dict[str, dict[Key, Values]]]:
        """The rows of all live versions and the one position they stand at, from one snapshot."""
        with self.exchange.transact() as rows:
            rows.execute("set transaction isolation level repeatable read, read only")
            live = _live(rows)
            positions = {live[view.name][1] for view in views}
            if len(positions) != 1:
                raise Conflict("the views stand at different positions: let the projector catch up")
            return positions.pop(), {view.name: _rows(rows, view, live[view.name][0]) for view in views}

    def count(self, view: Table) -> int:
        """How many rows the live version of a view has."""
        ((count,),) = self.exchange.read(
            f"select count(*) from {view.name} join view on live_version = version and name = %b", view.name
        )
        return int(count)

    def begin(self, views: Iterable[Table]) -> dict[str, ViewVersion]:
        """New versions of views, empty and at position 0, that nobody reads yet."""
        with self.exchange.transact() as rows:
            return {view.name: _begin(rows, view) for view in views}

    def switch(
        self, views: Iterable[Table], new: Mapping[str, ViewVersion], position: int, *, accept_differences: bool
    ) -> dict[str, list[Differing]] | None:
        """Let readers see `new` (all at `position`) and drop what they saw, unless the two differ; returns how.

        None where the live views stand elsewhere: the new ones have to catch up first. While it compares, the
        projector waits.
        """
        with self.exchange.transact() as rows:
            rows.execute("select from view order by name for update")
            live = _live(rows, lock=True)
            if any(live[view.name][1] != position for view in views):
                return None
            differing = {view.name: _compare(rows, view, live[view.name][0], new[view.name]) for view in views}
            if accept_differences or not any(differing.values()):
                for view in views:
                    _switch(rows, view, live[view.name][0], new[view.name])
            return differing

    def drop(self, views: Iterable[Table], versions: Mapping[str, ViewVersion]) -> None:
        """Forget versions, unless readers see them by now."""
        with self.exchange.transact() as rows:
            live = _live(rows)
            for view in views:
                if live[view.name][0] != versions[view.name]:
                    _drop(rows, view, versions[view.name])


def _live(rows: Rows, *, lock: bool = False) -> dict[str, tuple[ViewVersion, int]]:
    found = rows.execute(_LIVE + (b" order by v.name for update of t" if lock else b"")).fetchall()
    return {name: (ViewVersion(name, version), position) for name, version, position in found}


def _rows(rows: Rows, view: Table, version: ViewVersion) -> dict[Key, Values]:
    columns = ", ".join((*view.keys, *view.values))
    found = rows.execute(f"select {columns} from {view.name} where version = %s".encode(), [version.version])
    width = len(view.keys)
    return {row[:width]: row[width:] for row in found.fetchall()}


def _begin(rows: Rows, view: Table) -> ViewVersion:
    """The next version; one that a killed rebuild left behind is dropped, a rebuild under way loses its own."""
    rows.execute("select from view where name = %s for update", [view.name])
    live = _live(rows)[view.name][0]
    left = rows.execute(
        "select split_part(application_name, '.', 2)::int from exchange_tracking"
        " where split_part(application_name, '.', 1) = %s and application_name <> %s",
        [view.name, live.tracked_as],
    ).fetchall()
    for (number,) in left:
        _drop(rows, view, ViewVersion(view.name, number))
    latest = max([live.version, *[number for (number,) in left]])
    version = ViewVersion(view.name, latest + 1)
    rows.execute("insert into exchange_tracking values (%s, 0)", [version.tracked_as])
    return version


def _compare(rows: Rows, view: Table, old: ViewVersion, new: ViewVersion) -> list[Differing]:
    """Where two versions differ, found by the database; at most `MOST_DIFFERENCES`."""
    columns = ", ".join((*view.keys, *view.values))
    one = f"select {columns} from {view.name} where version ="
    found = rows.execute(
        f"(({one} %(old)s except {one} %(new)s) union ({one} %(new)s except {one} %(old)s))"
        f" order by {columns} limit {MOST_DIFFERENCES}".encode(),
        {"old": old.version, "new": new.version},
    ).fetchall()
    keys = sorted({row[: len(view.keys)] for row in found})
    return [(key, _row(rows, view, old, key), _row(rows, view, new, key)) for key in keys]


def _row(rows: Rows, view: Table, version: ViewVersion, key: Key) -> Values | None:
    where = " and ".join(f"{name} = %s" for name in view.keys)
    statement = f"select {', '.join(view.values)} from {view.name} where version = %s and {where}"
    return rows.execute(statement.encode(), [version.version, *key]).fetchone()


def _switch(rows: Rows, view: Table, old: ViewVersion, new: ViewVersion) -> None:
    rows.execute("update view set live_version = %s where name = %s", [new.version, view.name])
    _drop(rows, view, old)


def _advance(rows: Rows, version: ViewVersion, old_position: int, new_position: int) -> None:
    moved = rows.execute(
        "update exchange_tracking set notification_id = %s where application_name = %s and notification_id = %s",
        [new_position, version.tracked_as, old_position],
    )
    if moved.rowcount != 1:
        raise Conflict(f"{version.tracked_as} does not stand at position {old_position} any more")


def _add(rows: Rows, view: Table, version: int, table: Mapping[Key, Values]) -> None:
    ordered = sorted(table.items())
    if not ordered:
        return
    keys = [list(column) for column in zip(*[key for key, _ in ordered], strict=True)]
    values = [list(column) for column in zip(*[values for _, values in ordered], strict=True)]
    columns = ", ".join((*view.keys, *view.values))
    types = ", ".join(["%b::text[]"] * len(keys) + ["%b::bigint[]"] * len(values))
    sums = ", ".join(f"{name} = {view.name}.{name} + excluded.{name}" for name in view.values)
    rows.execute(
        f"insert into {view.name} (version, {columns}) select %b::int, * from unnest({types})"
        f" on conflict (version, {', '.join(view.keys)}) do update set {sums}".encode(),
        [version, *keys, *values],
    )


def _drop(rows: Rows, view: Table, version: ViewVersion) -> None:
    rows.execute(f"delete from {view.name} where version = %s".encode(), [version.version])
    rows.execute("delete from exchange_tracking where application_name = %s", [version.tracked_as])
