"""`benefits publish`: a file of gigs to Kafka."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer

from domain.identifiers import PlatformId
from domain.rejections import ExchangeError, Malformed, NotFound
from services.cli.output import bytes_progress, print_json
from services.cli.reaching import AsJson, Data, quieten, settings_for
from services.composition import Exchange
from services.publish import Published, Refused, publish


class NoSuchFile(NotFound):
    """The file to publish cannot be read."""

    code = "no_such_file"


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("publish")(publish_file)


def publish_file(
    file: Annotated[str, typer.Argument(help="One gig a line, as JSON; `-` reads from standard input.")],
    platform_id: Annotated[str, typer.Option("--platform", help="Whose gigs they are.")],
    structured: Annotated[
        bool, typer.Option("--structured", help="CloudEvents in structured instead of binary mode.")
    ] = False,
    is_raw: Annotated[
        bool, typer.Option("--raw", help="Send each line as it is, whatever it holds: to see what quarantine does.")
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Publish gigs to Kafka: each line of FILE is the data of one CloudEvent, with the worker's id as its key.

    A line with "cancelled": true beside the gig's fields cancels it. Lines that are no JSON object, or name no gig and
    worker, are reported and left out; then the exit code is 1. Before the embedded broker would overflow, publishing
    waits for ingest.
    """
    _check_platform(platform_id)
    settings = settings_for(data)
    quieten(settings)
    told = Published()
    with (
        _opened(file) as lines,
        bytes_progress("publishing", lines) as advance,
        Exchange(settings, "publish") as exchange,
    ):
        try:
            with exchange.sink(platform_id, structured=structured) as sink:
                publish(lines, sink, told, _refuse, advance, is_raw=is_raw)
        except (ExchangeError, KeyboardInterrupt):
            if told.messages:
                sys.stderr.write(f"{told.messages:,} messages arrived before this:\n")
            raise
    if as_json:
        print_json(told)
    else:
        refused = f", {told.refused:,} lines refused" if told.refused else ""
        messages = "message" if told.messages == 1 else "messages"
        typer.echo(f"published {told.messages:,} {messages} to gigs.{platform_id}{refused}")
    if told.refused:
        raise typer.Exit(1)


def _check_platform(platform_id: str) -> None:
    try:
        msgspec.convert(platform_id, PlatformId)
    except msgspec.ValidationError:
        raise Malformed(f"{platform_id!r:.100} is no platform's id (a-z, 0-9, _ and -)", key="--platform") from None


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise NoSuchFile(f"{file}: {error.strerror or error}") from None
        yield opened


def _refuse(refused: Refused) -> None:
    sys.stderr.write(f"line {refused.line}: {refused.why}\n")
