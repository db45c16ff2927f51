"""`benefits program …`: the published programs."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from domain.configuration import ProgramNotFound
from services.cli.output import console, print_json
from services.cli.reaching import Data, opened

program = typer.Typer(no_args_is_help=True, help="Look at the published programs.")


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.add_typer(program, name="program")


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
