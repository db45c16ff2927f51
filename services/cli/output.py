"""What commands print: progress on a terminal, plain lines otherwise, one object of JSON where asked for."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.replay import Replayed

#: What platforms and operators wrote is shown as it is, never taken for markup.
console = Console(markup=False, emoji=False)
#: Seconds between plain lines of progress.
PLAIN_SECONDS = 5.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function to be told the position reached and the one to reach, shown on stderr."""
    if sys.stderr.isatty():
        columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda reached, total: bar.update(task, completed=reached, total=total)
        return
    told = monotonic()

    def tell(reached: int, total: int) -> None:
        nonlocal told
        if monotonic() - told > PLAIN_SECONDS:
            told = monotonic()
            sys.stderr.write(f"{what}: position {reached} of {total}\n")

    yield tell


@contextmanager
def bytes_progress(what: str, opened: BinaryIO) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of a file, on a terminal; a pipe has no end to run towards."""
    size = os.fstat(opened.fileno()).st_size
    if not sys.stderr.isatty() or not size:
        yield lambda _: None
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=size)
        yield lambda count: bar.advance(task, count)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A function to be told a count that grows towards no known end, shown on stderr."""
    told = monotonic()

    def tell(count: int) -> None:
        nonlocal told
        if monotonic() - told > PLAIN_SECONDS:
            told = monotonic()
            sys.stderr.write(f"{what}: {count:,}\n")

    if not sys.stderr.isatty():
        yield tell
        return
    with Console(stderr=True).status(what) as status:
        yield lambda count: status.update(f"{what}: {count:,}")


def print_json(value: object) -> None:
    """One line of JSON on stdout."""
    typer.echo(msgspec.json.encode(value).decode())


class Report:
    """The outcome of a replay or a rebuild, on stdout; leaves with 1 where views differ."""

    def __init__(self, found: Replayed, as_json: bool) -> None:
        self._found = found
        self._as_json = as_json

    def replayed(self) -> None:
        """Say whether the stored views equal the log."""
        self._say("equal to the log", "differ from the log")

    def rebuilt(self, *, accepted: bool) -> None:
        """Say whether the new views took the place of the live ones."""
        differ = "differed and were replaced" if accepted else "differ: nothing was switched (see --accept-differences)"
        self._say("equal, and switched to the new ones", differ)

    def _say(self, equal: str, differ: str) -> None:
        found = self._found
        if self._as_json:
            print_json(found)
        else:
            rows = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
            typer.echo(f"{found.events:,} events to position {found.position:,}; rows: {rows}")
            typer.echo(f"views are {equal}" if not found.differences else f"views {differ}")
            if found.differences:
                console.print(_differences(found))
        if found.differences:
            raise typer.Exit(1)


def _differences(found: Replayed) -> Table:
    table = Table("view", "key", "stored", "replayed", title=f"first of {len(found.differences)} differences")
    for each in found.differences[:20]:
        table.add_row(each.view, " · ".join(each.key), _values(each.stored), _values(each.replayed))
    return table


def _values(values: tuple[int, ...] | None) -> str:
    return "missing" if values is None else ", ".join(map(str, values))


def clock_time(seconds: int) -> str:
    """A length of time in hours, minutes and seconds: `1,234:05:09`."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:,}:{minute:02d}:{second:02d}"
