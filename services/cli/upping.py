"""`benefits up`: everything on one machine, until told to stop."""

import shlex
import shutil
import signal
import sys
from pathlib import Path
from threading import Event as Flag
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from services.api.access import Role
from services.cli.output import console, print_json
from services.cli.reaching import AsJson, data_directory
from services.composition import serve_embedded_broker
from services.settings import Settings
from services.up import SUBJECTS, EmbeddedExchange, embedded_exchange


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command()(up)
    app.command("embedded-broker", hidden=True)(embedded_broker)


def up(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="BENEFITS_DATA",
            help="Keep everything here and go on with what is there."
            " Without it: a temporary directory, removed at the end.",
            show_default=False,
            parser=data_directory,
            metavar="DIR",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="The API's port, 0 for any free one. Without it: BENEFITS_PORT, or 8080 if that is free, or any.",
            show_default=False,
            min=0,
            max=65_535,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start an embedded database and broker, ingest, projector, re-assessment and API, and run until Ctrl-C.

    The other commands find it by themselves while it runs. The embedded broker keeps about 5 MB a partition, in memory
    only: what was published and not taken yet when it stops is lost; what was taken is in the database for good.
    """
    stop = _stop_flag()
    with embedded_exchange(data, settings=Settings(), port=port, findable=True, stop=stop, told=_tell) as exchange:
        if as_json:
            print_json(exchange.addresses)
            sys.stdout.flush()
        else:
            _welcome(exchange)
        exchange.wait(stop)
        _tell("stopping")


def embedded_broker(
    announcement: Annotated[Path, typer.Argument(help="The file in which to say where it listens.")],
) -> None:
    """Be the broker of `benefits up`."""
    serve_embedded_broker(announcement, _stop_flag(), Settings().owner)


def _stop_flag() -> Flag:
    """A flag that Ctrl-C, SIGTERM and a terminal that goes away raise."""
    stop = Flag()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _tell(what: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"benefits: {what}\n")


def _welcome(exchange: EmbeddedExchange) -> None:
    addresses = exchange.addresses
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_row("API", f"{addresses.api}  (described at {addresses.api}/openapi.json)")
    table.add_row("Kafka", addresses.kafka)
    table.add_row("PostgreSQL", addresses.database)
    table.add_row("data", addresses.data_dir)
    console.print(Panel(table, title="portable benefits exchange", title_align="left", expand=False))
    console.print("\nTry it, in another terminal:\n")
    # Not in the panel and never wrapped: lines are there to be copied.
    plain = Console(soft_wrap=True, highlight=False, markup=False)
    for line in _examples(exchange):
        plain.print(f"  {line}")
    console.print("\nCtrl-C stops everything.")


def _examples(exchange: EmbeddedExchange) -> list[str]:
    benefits, api = _command(), exchange.api
    data = shlex.quote(str(exchange.data_dir))
    worker, acme = SUBJECTS["worker"], SUBJECTS["platform"]
    gig = (
        f'{{"gig_id": "trip-1", "revision": 0, "worker_id": "{worker}", "completed_at": "2023-06-30T22:18:22-04:00", '
        '"engaged_seconds": 1261, "currency": "USD", "earnings": {"fare": 16900, "tip": 300}}'
    )

    def curl(role: Role, subject: str, path: str) -> str:
        token = f"{benefits} token --data {data} --role {role} --subject {subject}"
        return f'curl -H "Authorization: Bearer $({token})" {api}{path}'

    return [
        f"{benefits} platform register {acme} --name Acme --data {data}",
        f"{benefits} platform join {acme} demo-weekly --since 2023-01-02 --data {data}",
        f"echo '{gig}' | {benefits} publish - --platform {acme} --data {data}",
        curl("worker", worker, f"/v1/workers/{worker}/balance"),
        curl("platform", acme, f"/v1/platforms/{acme}/liability"),
        curl("auditor", "me", f"/v1/platforms/{acme}/gigs/trip-1"),
        f"{benefits} replay --data {data}",
        f"{benefits} doctor --data {data}",
    ]


def _command() -> str:
    """How this command line can be called from another terminal."""
    ours = Path(sys.argv[0]).resolve()
    if ours.name != "benefits":
        return f"{shlex.quote(sys.executable)} -m services.cli"
    found = shutil.which("benefits")
    return "benefits" if found and Path(found).resolve() == ours else shlex.quote(str(ours))
