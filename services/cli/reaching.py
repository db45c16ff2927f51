"""Which exchange a command is about, and with what settings."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from services import logs, whereabouts
from services.composition import Exchange
from services.settings import Settings


def data_directory(given: str) -> Path:
    """The path of a data directory. An empty one is a variable that was not set, not the current directory."""
    if not given:
        raise typer.BadParameter("the path is empty")
    return Path(given)


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="BENEFITS_DATA",
        help="The data directory of a running `benefits up`. Neither this nor BENEFITS_DATABASE or BENEFITS_KAFKA"
        " given: the one that runs on this machine. Settings in the environment win.",
        show_default=False,
        parser=data_directory,
        metavar="DIR",
    ),
]
By = Annotated[
    str, typer.Option("--by", help="Who does it, for the log. [default: the login name]", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_ADDRESSES: Final = {"database", "kafka"}


def settings_for(data: Path | None, *, look_around: bool = True) -> Settings:
    """Settings from the environment and, for what it leaves open, from a running embedded exchange.

    That is the one on `data`, or else (`look_around`, and neither database nor broker configured) the one on this
    machine. Raises `NotRunning`, or `Malformed` where several run.
    """
    given = Settings()
    if data is not None:
        return _filled(given, whereabouts.running_on(data).settings)
    if not look_around or given.model_fields_set & _ADDRESSES:
        return given
    found = whereabouts.the_running_one()
    return given if found is None else _filled(given, found.settings)


def _filled(given: Settings, found: dict[str, str]) -> Settings:
    values = {name.removeprefix("BENEFITS_").lower(): value for name, value in found.items()}
    missing = Settings.model_fields.keys() - given.model_fields_set
    return Settings.model_validate(
        given.model_dump(exclude_unset=True) | {name: values[name] for name in missing & values.keys()}
    )


@contextmanager
def opened(data: Path | None, process: str, *, migrate: bool = False) -> Iterator[Exchange]:
    """The exchange a command is about, its schema checked or (`migrate`) brought up to date."""
    settings = settings_for(data)
    quieten(settings)
    with Exchange(settings, process) as exchange:
        if migrate:
            exchange.start()
        else:
            exchange.require_database()
            exchange.check_schema()
        yield exchange


def quieten(settings: Settings) -> None:
    """Logs of a command that answers in words are shown only where a level is asked for."""
    logs.configure(settings.log_level if "log_level" in Settings().model_fields_set else "critical")


def actor(given: str) -> str:
    """Who acts: the one named, or the login name."""
    try:
        return given or getpass.getuser()
    except (KeyError, OSError):
        return "command line"
