"""`benefits ingest`, `project`, `api`: the processes of an exchange."""

import os
import re
import signal
from pathlib import Path
from threading import Event as Flag
from typing import Annotated, Final

import typer

from domain.rejections import Malformed, Unavailable
from services import health, logs
from services.cli.output import Report, progress
from services.cli.reaching import By, Data, actor, quieten, settings_for
from services.composition import Exchange, serve
from services.replay import rebuild
from services.settings import Settings

_GAP: Final = re.compile(r"(?P<topic>[^/=]+)/(?P<partition>[0-9]{1,6})=(?P<offset>[0-9]{1,18})")


class LeftBehind(Unavailable):
    """The process that started this one, and would stop it, is gone."""

    code = "left_behind"


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    for command in (ingest, project, api):
        app.command()(command)


def ingest(
    accept_gap: Annotated[
        str | None,
        typer.Option(help="Go on at an offset although messages before it are lost: TOPIC/PARTITION=OFFSET."),
    ] = None,
    by: By = "",
    data: Data = None,
) -> None:
    """Take gigs from Kafka into the log until told to stop."""
    settings, stop = begin(data, is_task=accept_gap is not None)
    with Exchange(settings, "ingest") as exchange:
        exchange.start()
        if accept_gap is not None:
            _accept_gap(exchange, accept_gap, actor(by))
            return
        with health.server(settings.host, settings.health_port, settings.listener):
            exchange.ingest().run(stop)


def _accept_gap(exchange: Exchange, where: str, by: str) -> None:
    found = _GAP.fullmatch(where)
    if found is None:
        raise Malformed(f"expected TOPIC/PARTITION=OFFSET, got {where!r}", key="--accept-gap")
    partition = exchange.accept_gap(found["topic"], int(found["partition"]), int(found["offset"]), by)
    typer.echo(f"{partition} goes on at {found['offset']}")


def project(
    rebuild_views: Annotated[
        bool, typer.Option("--rebuild", help="Fold all views anew beside the live ones, compare, switch, and end.")
    ] = False,
    accept_differences: Annotated[
        bool, typer.Option(help="Switch although the new views differ from the live ones.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False,
    data: Data = None,
) -> None:
    """Fold the log into the views until told to stop."""
    settings, stop = begin(data, is_task=rebuild_views)
    with Exchange(settings, "project") as exchange:
        exchange.start()
        if not rebuild_views:
            with health.server(settings.host, settings.health_port, settings.listener):
                exchange.projector().run(stop)
            return
        with progress("rebuilding") as told:
            found = rebuild(exchange.log, exchange.views, told, accept_differences=accept_differences)
    Report(found, as_json).rebuilt(accepted=accept_differences)


def api(data: Data = None) -> None:
    """Serve HTTP until told to stop."""
    settings, stop = begin(data)
    with Exchange(settings, "api") as exchange:
        serve(exchange, stop)


def begin(data: Path | None, *, is_task: bool = False) -> tuple[Settings, Flag]:
    """Settings, logs, and a flag that SIGINT and SIGTERM raise; a task that ends by itself can still be interrupted.

    Raises `LeftBehind`.
    """
    settings = settings_for(data, look_around=is_task)
    if settings.owner not in {None, os.getppid()}:
        raise LeftBehind(f"process {settings.owner}, for which this one was started, is gone")
    stop = Flag()
    if is_task:
        quieten(settings)
    else:
        logs.configure(settings.log_level)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    return settings, stop
