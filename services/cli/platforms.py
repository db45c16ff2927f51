"""`benefits platform …`: what an operator does about platforms, as over HTTP."""

from datetime import date, datetime
from typing import Annotated

import typer

from domain.platform import Platform
from services import operations
from services.cli.output import print_json
from services.cli.reaching import By, Data, actor, opened
from services.composition import now
from services.operations import Done

platform = typer.Typer(no_args_is_help=True, help="Register platforms, join and leave programs, suspend, reinstate.")
PlatformId = Annotated[str, typer.Argument(help="The platform's id: a-z, 0-9, _ and -.")]
ProgramId = Annotated[str, typer.Argument(help="The program's id.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day of one of the program's periods.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.add_typer(platform, name="platform")


@platform.command()
def register(
    platform_id: PlatformId,
    name: Annotated[str, typer.Option(help="The platform's name.")],
    by: By = "",
    data: Data = None,
) -> None:
    """Make a platform known, with its topic."""
    with opened(data, "platform", migrate=True) as exchange:
        _print(operations.register(exchange.log, exchange.topics, exchange.new_topic, platform_id, name, _by(by)))


@platform.command()
def join(platform_id: PlatformId, program_id: ProgramId, since: Day, by: By = "", data: Data = None) -> None:
    """Make a platform a member of a program from a day on."""
    with opened(data, "platform", migrate=True) as exchange:
        _print(operations.join(exchange.log, platform_id, program_id, _day(since), _by(by)))


@platform.command()
def leave(platform_id: PlatformId, program_id: ProgramId, until: Day, by: By = "", data: Data = None) -> None:
    """End a platform's membership of a program before a day."""
    with opened(data, "platform", migrate=True) as exchange:
        _print(operations.leave(exchange.log, platform_id, program_id, _day(until), _by(by)))


@platform.command()
def suspend(
    platform_id: PlatformId,
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    by: By = "",
    data: Data = None,
) -> None:
    """Refuse what a platform reports from now on."""
    with opened(data, "platform", migrate=True) as exchange:
        _print(operations.suspend(exchange.log, platform_id, reason, _by(by)))


@platform.command()
def reinstate(platform_id: PlatformId, by: By = "", data: Data = None) -> None:
    """Take what a platform reports again."""
    with opened(data, "platform", migrate=True) as exchange:
        _print(operations.reinstate(exchange.log, platform_id, _by(by)))


def _by(given: str) -> operations.By:
    return operations.By(actor(given), now())


def _day(at: datetime) -> date:
    return at.date()


def _print(done: Done[Platform]) -> None:
    print_json(done)
