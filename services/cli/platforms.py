"""`benefits platform …`: what an operator does about platforms, as over HTTP."""

from datetime import date, datetime
from typing import Annotated

import typer

from services import logs, operations
from services.cli.output import print_json
from services.composition import Exchange, now
from services.operations import Done
from services.settings import Settings

platform = typer.Typer(no_args_is_help=True, help="Register platforms, join and leave programs, suspend, reinstate.")
PlatformId = Annotated[str, typer.Argument(help="The platform's id: a-z, 0-9, _ and -.")]
ProgramId = Annotated[str, typer.Argument(help="The program's id.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day of one of the program's periods.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.add_typer(platform, name="platform")


@platform.command()
def register(platform_id: PlatformId, name: Annotated[str, typer.Option(help="The platform's name.")]) -> None:
    """Make a platform known, with its topic."""
    with _exchange() as exchange:
        _print(operations.register(exchange.log, exchange.topics, exchange.new_topic, platform_id, name, _by()))


@platform.command()
def join(platform_id: PlatformId, program_id: ProgramId, since: Day) -> None:
    """Make a platform a member of a program from a day on."""
    with _exchange() as exchange:
        _print(operations.join(exchange.log, platform_id, program_id, _day(since), _by()))


@platform.command()
def leave(platform_id: PlatformId, program_id: ProgramId, until: Day) -> None:
    """End a platform's membership of a program before a day."""
    with _exchange() as exchange:
        _print(operations.leave(exchange.log, platform_id, program_id, _day(until), _by()))


@platform.command()
def suspend(platform_id: PlatformId, reason: Annotated[str, typer.Option(help="Why, in words.")]) -> None:
    """Refuse what a platform reports from now on."""
    with _exchange() as exchange:
        _print(operations.suspend(exchange.log, platform_id, reason, _by()))


@platform.command()
def reinstate(platform_id: PlatformId) -> None:
    """Take what a platform reports again."""
    with _exchange() as exchange:
        _print(operations.reinstate(exchange.log, platform_id, _by()))


def _exchange() -> Exchange:
    settings = Settings()
    logs.configure(settings.log_level)
    exchange = Exchange(settings, "platform")
    exchange.start()
    return exchange


def _by() -> operations.By:
    return operations.By("command line", now())


def _day(at: datetime) -> date:
    return at.date()


def _print(done: Done) -> None:
    print_json(done)
