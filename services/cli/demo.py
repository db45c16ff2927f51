"""`benefits demo`: real trips through the whole exchange, and a report about them."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from threading import Event as Flag
from time import monotonic
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.cli.output import print_json
from services.cli.reaching import AsJson, data_directory, quieten
from services.composition import Exchange
from services.demo.demonstration import Told, demonstrate
from services.demo.findings import Findings
from services.demo.report import report
from services.settings import Settings
from services.up import embedded_exchange

#: Wider than this, lines are hard to read; narrower without a terminal, tables would break.
WIDTH: Final = 100


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(demo)


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Keep the database here, to look at afterwards or to run again. Without it nothing is left behind.",
            show_default=False,
            parser=data_directory,
            metavar="DIR",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send 1,605 real trips through an exchange of its own and report what became of every cent.

    Exits with 1 where a trip differs from the surcharge that was really booked for it, or a view from the log.
    """
    started_at = monotonic()
    settings = Settings()
    quieten(settings)
    with _interruption() as interruption, ExitStack() as running:
        with _telling() as told:
            exchange = running.enter_context(_running_exchange(data, settings, interruption, told))
            with interruption.at_once():
                found = demonstrate(exchange, told, started_at)
        # Everything takes its time to stop in order: no reason to wait for it before reading.
        _print(found, as_json=as_json)
    if not as_json:
        _console().print(_farewell(found, data))
    if not found.is_right:
        raise typer.Exit(1)


@contextmanager
def _running_exchange(
    data: Path | None, settings: Settings, interruption: "_Interruption", told: Told
) -> Iterator[Exchange]:
    """An exchange with everything that belongs to it, for as long as the block lasts."""
    with (
        embedded_exchange(
            data, settings=settings, port=0, stop=interruption.stop, told=lambda what: told(what, 0, 0)
        ) as running,
        Exchange(running.settings, "demo") as exchange,
    ):
        yield exchange


class _Interruption:
    """What Ctrl-C, SIGTERM and a terminal that goes away do: raise `stop`, and where that is allowed end at once.

    While things start and stop it is not, so that nothing is left behind half made.
    """

    def __init__(self) -> None:
        self.stop = Flag()
        self._raises = False

    def __call__(self, *_: object) -> None:
        self.stop.set()
        if self._raises:
            self._raises = False
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Until the block ends, an interruption ends it with `KeyboardInterrupt`."""
        self._raises = True
        try:
            if self.stop.is_set():
                raise KeyboardInterrupt
            yield
        finally:
            self._raises = False


@contextmanager
def _interruption() -> Iterator[_Interruption]:
    interruption = _Interruption()
    former = {number: signal.signal(number, interruption) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield interruption
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _telling() -> Iterator[Told]:
    """Says on stderr what is being done: a bar on a terminal, one plain line for each step otherwise."""
    if not sys.stderr.isatty():
        yield _plainly()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda what, reached, total: bar.update(task, description=what, completed=reached, total=total or None)


def _plainly() -> Told:
    last = ""

    def tell(what: str, _reached: int, total: int) -> None:
        nonlocal last
        if what != last:
            last = what
            sys.stderr.write(f"benefits: {what}{f' ({total:,})' if total else ''}\n")

    return tell


def _print(found: Findings, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        _console().print(report(found))
    sys.stdout.flush()


def _console() -> Console:
    # A stream that knows no "✓" gets a "?" rather than an error.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    console.width = _width(console)
    return console


def _width(console: Console) -> int:
    """The terminal's, but no more than is easily read; without a terminal what COLUMNS says, else as much as that."""
    is_known = console.is_terminal or "COLUMNS" in os.environ
    return min(console.width, WIDTH) if is_known else WIDTH


def _farewell(found: Findings, data: Path | None) -> Text:
    if data is None:
        kept = "Nothing is left behind: `benefits demo --data DIR` keeps it."
    else:
        kept = f"Kept in {data}: `benefits up --data {data}` goes on with it, and a second demo changes no account."
    return Text(f"\n{found.seconds} seconds. {kept}", style="dim")
