"""`benefits quarantine …`: messages that could not be taken."""

from collections import Counter
from typing import Annotated, Literal

import typer
from rich.table import Table

from domain.message import Quarantined
from domain.rejections import Malformed, NotFound
from services.cli.output import console, print_json
from services.cli.reaching import By, Data, actor, opened
from services.composition import now
from services.operations import By as Operator

quarantine = typer.Typer(
    no_args_is_help=True, help="Messages that could not be taken: look at them, take them once more, give them up."
)
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
    data: Data = None,
) -> None:
    """List messages in quarantine, oldest first."""
    with opened(data, "quarantine") as exchange:
        found = exchange.reads.quarantine(state=state, after=after, limit=limit)
    if as_json:
        for each in found:
            print_json(shown(each, whole=False))
        return
    table = Table(
        "number", "recorded at", "where", "reason", "detail", title=f"{state} in quarantine, {len(found)} shown"
    )
    for each in found:
        message = each.refused.message
        where = f"{message.partition} @ {message.offset}"
        at = f"{each.recorded_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(each.quarantine_id), at, where, each.refused.reason, each.refused.detail)
    console.print(table)


@quarantine.command()
def show(number: Annotated[int, typer.Argument(help="The number that `list` shows.")], data: Data = None) -> None:
    """Show a message whole: why it was refused, its coordinates, headers, key and value."""
    with opened(data, "quarantine") as exchange:
        found = exchange.reads.quarantined(number)
    if found is None:
        raise NotFound(f"there is no message {number} in quarantine: see `benefits quarantine list`")
    print_json(shown(found, whole=True))


@quarantine.command()
def redrive(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="The numbers that `list` shows.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All open messages, oldest first.")] = False,
    as_json: AsJson = False,
    by: By = "",
    data: Data = None,
) -> None:
    """Take messages once more, the way they went when they arrived; exits 1 where one is refused again and stays."""
    if everything == bool(numbers):
        raise Malformed("say which: numbers, or --all")
    with opened(data, "quarantine") as exchange:
        found = exchange.redrive(Operator(actor(by), now()), None if everything else numbers)
    refused = [each for each in found if each.outcome == "quarantined"]
    if as_json:
        for each in found:
            print_json(each)
    else:
        for each in refused:
            typer.echo(f"{each.quarantine_id}: still refused, {each.reason}: {each.detail}")
        outcomes = Counter(each.outcome for each in found)
        typer.echo(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "nothing to take")
    if refused:
        raise typer.Exit(1)


@quarantine.command()
def discard(
    numbers: Annotated[list[int], typer.Argument(help="The numbers that `list` shows.")],
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    by: By = "",
    data: Data = None,
) -> None:
    """Give messages up; they stay readable, with the reason."""
    with opened(data, "quarantine") as exchange:
        found = exchange.discard(Operator(actor(by), now()), numbers, reason)
    typer.echo(f"{len(found)} discarded")


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
