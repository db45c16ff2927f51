"""Assessed rows as people read them: money written out, hours instead of seconds, totals at the end."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType
from rich import box
from rich.console import Console
from rich.table import Table

from domain.money import written
from services.assess import GigRow, PeriodRow
from services.cli.output import clock_time, console

Row = PeriodRow | GigRow
#: A heading, and what stands below it for a row.
Column = tuple[str, Callable[[Any], str]]
#: Where nobody looks on, a table is as wide as it has to be.
_WIDE: Final = 10_000
#: A longer table would be looked at from its end to its beginning before the first row is shown.
_ROWS_MAX: Final = 1_000


def _money(name: str) -> Callable[[Any], str]:
    return lambda row: written(getattr(row, name), row.currency)


def _uncapped(row: PeriodRow) -> str:
    if row.uncapped_amount_minor == row.amount_minor:
        return ""
    return written(row.uncapped_amount_minor, row.currency)


def _why(row: GigRow) -> str:
    return "\n".join(row.explanation or ())


_PLACE: Final[tuple[Column, ...]] = (
    ("worker", lambda row: row.worker_id),
    ("platform", lambda row: row.platform_id),
    ("program", lambda row: f"{row.program} {row.version}"),
    ("period", lambda row: row.period),
    ("benefit", lambda row: row.benefit),
    ("payer", lambda row: row.payer),
)
_OF_PERIODS: Final[tuple[Column, ...]] = (
    *_PLACE,
    ("gigs", lambda row: f"{row.gigs:,}"),
    ("base", _money("base_minor")),
    ("hours", lambda row: clock_time(row.engaged_seconds)),
    ("uncapped", _uncapped),
    ("amount", _money("amount_minor")),
    ("", lambda row: row.currency),
)
_OF_GIGS: Final[tuple[Column, ...]] = (
    ("gig", lambda row: row.gig_id),
    ("revision", lambda row: str(row.revision)),
    *_PLACE,
    ("amount", _money("amount_minor")),
    ("entitled", _money("entitled_minor")),
    ("", lambda row: row.currency),
)
_NUMBERS: Final = frozenset({"gigs", "base", "hours", "uncapped", "amount", "entitled", "revision"})


def texts(rows: Sequence[Row]) -> Iterator[str]:
    """The rows and what they add up to, piece by piece."""
    if not rows:
        return
    columns = _columns(rows)
    for start in range(0, len(rows), _ROWS_MAX):
        yield _text(_table(columns, rows[start : start + _ROWS_MAX]))
    yield _text(_totals(rows))


def _text(table: Table) -> str:
    at = console if console.is_terminal else Console(markup=False, emoji=False, width=_WIDE)
    with at.capture() as captured:
        at.print(table, highlight=False)
    return captured.get()


def _columns(rows: Sequence[Row]) -> Sequence[Column]:
    """The columns that say something."""
    if isinstance(rows[0], GigRow):
        is_explained = rows[0].explanation is not UNSET
        return (*_OF_GIGS, ("why", _why)) if is_explained else _OF_GIGS
    is_capped = any(isinstance(row, PeriodRow) and _uncapped(row) for row in rows)
    return [column for column in _OF_PERIODS if is_capped or column[1] is not _uncapped]


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    table = _empty([heading for heading, _ in columns])
    said: list[str] | UnsetType = UNSET
    for row in rows:
        cells = [cell(row) for _, cell in columns]
        if isinstance(row, GigRow):
            # All rows of a gig in a program have one explanation: it is said once.
            cells[-1] = "" if row.explanation is said is not UNSET else cells[-1]
            said = row.explanation
        table.add_row(*cells)
    return table


def _totals(rows: Sequence[Row]) -> Table:
    """What each program comes to, for each benefit and payer, and in all where there are several."""
    amounts: Counter[tuple[str, str, str, str]] = Counter()
    programs: Counter[tuple[str, str]] = Counter()
    for row in rows:
        amounts[row.program, row.benefit, row.payer, row.currency] += row.amount_minor
        programs[row.program, row.currency] += row.amount_minor
    table = _empty(["total", "benefit", "payer", "amount", ""])
    for (program, currency), amount in sorted(programs.items()):
        parts = sorted(key for key in amounts if key[0] == program)
        for part in parts:
            table.add_row(*part[:3], written(amounts[part], currency), currency)
        if len(parts) > 1:
            table.add_row(program, "all", "", written(amount, currency), currency)
    return table


def _empty(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        is_number = heading in _NUMBERS
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return table
