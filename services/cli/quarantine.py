"""`benefits quarantine …`: messages that could not be taken."""

from typing import Annotated, Literal

import typer
from rich.table import Table

from domain.message import Quarantined
from domain.rejections import NotFound
from services import logs
from services.cli.output import console, print_json
from services.composition import Exchange
from services.settings import Settings

quarantine = typer.Typer(no_args_is_help=True, help="Look at messages that could not be taken, and why.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.add_typer(quarantine, name="quarantine")


@quarantine.command("list")
def list_messages(
    state: Annotated[Literal["open", "redriven", "discarded"], typer.Option(help="Which messages.")] = "open",
    after: Annotated[int, typer.Option(help="Begin after this number.")] = 0,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List messages in quarantine, oldest first."""
    with _exchange() as exchange:
        found = exchange.reads.quarantine(state=state, after=after, limit=limit)
    if as_json:
        for each in found:
            print_json(shown(each, whole=False))
        return
    table = Table("number", "recorded at", "where", "reason", "detail", title=f"{len(found)} {state} in quarantine")
    for each in found:
        message = each.refused.message
        where = f"{message.partition} @ {message.offset}"
        at = f"{each.recorded_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(each.quarantine_id), at, where, each.refused.reason, each.refused.detail)
    console.print(table)


@quarantine.command()
def show(number: Annotated[int, typer.Argument(help="The number that `list` shows.")]) -> None:
    """Show a message whole: why it was refused, its coordinates, headers, key and value."""
    with _exchange() as exchange:
        found = exchange.reads.quarantined(number)
    if found is None:
        raise NotFound(f"there is no message {number} in quarantine: see `benefits quarantine list`")
    print_json(shown(found, whole=True))


def shown(each: Quarantined, *, whole: bool) -> dict[str, object]:
    """A quarantined message as JSON shows it; bytes as text where they are UTF-8, as base64 where not."""
    message = each.refused.message
    about: dict[str, object] = {
        "quarantine_id": each.quarantine_id,
        "state": each.state,
        "recorded_at": each.recorded_at,
        "reason": each.refused.reason,
        "detail": each.refused.detail,
        "cluster": message.partition.cluster,
        "topic": message.partition.topic,
        "partition": message.partition.number,
        "offset": message.offset,
    }
    if whole:
        about |= {
            "timestamp_ms": message.timestamp_ms,
            "headers": [[name, _text(value)] for name, value in message.headers],
            "key": _text(message.key),
            "value": _text(message.value),
            "resolution": each.resolution,
        }
    return about


def _text(value: bytes | None) -> object:
    """Text as it is; what is no text as `{"base64": …}`, which msgspec writes for bytes."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": value}


def _exchange() -> Exchange:
    settings = Settings()
    logs.configure(settings.log_level)
    exchange = Exchange(settings, "quarantine")
    exchange.check_schema()
    return exchange
