"""`benefits program …`: check a program, publish it, look at what is published."""

from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.table import Table

from domain.configuration import ProgramNotFound
from domain.rule import ProgramVersion
from services import operations, reassess
from services.cli import program_files
from services.cli.checking import ProgramFile, check
from services.cli.output import console, print_json
from services.cli.reaching import AsJson, By, Data, actor, opened
from services.cli.reassessing import tell
from services.composition import Exchange, now
from services.effect import Effect

program = typer.Typer(no_args_is_help=True, help="Check and publish programs; look at those that are published.")
program.command()(check)


class Told(Struct, frozen=True, omit_defaults=True):
    """What became of one version, as JSON: `published` where it was not before, `effect` in a dry run."""

    program_id: str
    version: int
    effective_from: str
    published: bool
    position: int | None = None
    is_reassessed: bool = False
    effect: Effect | None = None


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.add_typer(program, name="program")


@program.command()
def publish(
    file: ProgramFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would re-assess; nothing is stored.")
    ] = False,
    by: By = "",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Publish all versions in a program file, for good; none of them unless each can be.

    What was published like this before changes nothing. Where gigs count already in periods from a version's
    effective date on, the difference accrues: a running exchange sees to it at once, otherwise `benefits reassess`.
    """
    versions = program_files.read(file)
    with opened(data, "program", migrate=not dry_run) as exchange:
        new = operations.unpublished(exchange.log, versions)
        for version in versions:
            told = _preview(exchange, version, new) if dry_run else _publish(exchange, version, by)
            if as_json:
                print_json(told)
            else:
                _tell(told)


def _preview(exchange: Exchange, version: ProgramVersion, new: list[ProgramVersion]) -> Told:
    """What publishing a version by itself would move."""
    effect = reassess.preview(exchange.log, exchange.reads, version)
    return Told(version.id, version.version, str(version.effective_from), version in new, effect=effect)


def _publish(exchange: Exchange, version: ProgramVersion, by: str) -> Told:
    done = operations.publish(exchange.log, version, operations.By(actor(by), now()))
    is_late = done.changed and operations.has_accruals_since(exchange.log, version)
    day = str(version.effective_from)
    return Told(version.id, version.version, day, done.changed, done.position, is_reassessed=is_late)


def _tell(told: Told) -> None:
    name = f"{told.program_id} version {told.version}"
    if not told.published:
        typer.echo(f"already published: {name}")
        return
    verb = "published" if told.effect is None else "would publish"
    typer.echo(f"{verb} {name}, in force from {told.effective_from}")
    if told.is_reassessed:
        typer.echo(
            "gigs count in its periods already: their work periods are re-assessed, by a running exchange at once,"
            " otherwise by `benefits reassess`"
        )
    if told.effect is not None:
        tell(told.effect, "would be")


@program.command("list")
def list_programs(data: Data = None) -> None:
    """List the published programs and their versions."""
    with opened(data, "program") as exchange:
        found = exchange.log.configuration().programs
    table = Table("program", "version", "in force from", "title")
    for program_id, state in sorted(found.items()):
        for version in state.versions:
            table.add_row(program_id, str(version.version), str(version.effective_from), version.title)
    console.print(table)


@program.command()
def show(program_id: Annotated[str, typer.Argument(help="The program's id.")], data: Data = None) -> None:
    """Show all versions of a program as they were published, one object of JSON each."""
    with opened(data, "program") as exchange:
        found = exchange.log.configuration().programs.get(program_id)
    if found is None:
        raise ProgramNotFound(f"no program {program_id!r} is published: see `benefits program list`")
    for version in found.versions:
        print_json(msgspec.to_builtins(version))
