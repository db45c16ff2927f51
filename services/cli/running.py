"""`benefits ingest`, `project`, `api`: the processes of an exchange."""

import signal
from threading import Event as Flag
from typing import Annotated

import typer

from domain.message import Partition
from domain.rejections import Malformed
from services import health, logs
from services.cli.output import Report, progress
from services.composition import Exchange, serve
from services.replay import rebuild
from services.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for command in (ingest, project, api):
        app.command()(command)


def ingest(
    accept_gap: Annotated[
        str | None,
        typer.Option(help="Go on at an offset although messages before it are lost: TOPIC/PARTITION=OFFSET."),
    ] = None,
) -> None:
    """Take gigs from Kafka into the log until told to stop."""
    settings, stop = _begin()
    with Exchange(settings, "ingest") as exchange:
        exchange.start()
        if accept_gap is not None:
            _accept_gap(exchange, accept_gap)
            return
        with health.server(settings.host, settings.health_port):
            exchange.ingest().run(stop)


def _accept_gap(exchange: Exchange, where: str) -> None:
    try:
        at, offset = where.split("=")
        topic, number = at.split("/")
        partition = Partition(exchange.topics.cluster_id(), topic, int(number))
        exchange.accept_gap(partition, int(offset), "operator")
    except ValueError:
        raise Malformed(f"expected TOPIC/PARTITION=OFFSET, got {where!r}", key="--accept-gap") from None
    typer.echo(f"{partition} goes on at {offset}")


def project(
    rebuild_views: Annotated[
        bool, typer.Option("--rebuild", help="Fold all views anew beside the live ones, compare, switch, and end.")
    ] = False,
    accept_differences: Annotated[
        bool, typer.Option(help="Switch although the new views differ from the live ones.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False,
) -> None:
    """Fold the log into the views until told to stop."""
    settings, stop = _begin()
    with Exchange(settings, "project") as exchange:
        exchange.start()
        if not rebuild_views:
            with health.server(settings.host, settings.health_port):
                exchange.projector().run(stop)
            return
        with progress("rebuilding") as told:
            found = rebuild(exchange.log, exchange.views, told, accept_differences=accept_differences)
    Report(found, as_json).rebuilt(accepted=accept_differences)


def api() -> None:
    """Serve HTTP until told to stop."""
    settings, _ = _begin(signals=False)
    with Exchange(settings, "api") as exchange:
        exchange.start()
        serve(exchange)


def _begin(*, signals: bool = True) -> tuple[Settings, Flag]:
    """Settings, logs, and a flag that SIGINT and SIGTERM raise."""
    settings = Settings()
    logs.configure(settings.log_level)
    stop = Flag()
    for number in (signal.SIGINT, signal.SIGTERM) if signals else ():
        signal.signal(number, lambda *_: stop.set())
    return settings, stop
