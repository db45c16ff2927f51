"""`benefits doctor`: is everything as it should be?"""

from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from services.cli.output import console, print_json
from services.cli.reaching import AsJson, Data, quieten, settings_for
from services.composition import Exchange

if TYPE_CHECKING:
    from services.doctor import Finding

_MARKS: Final = {"ok": ("✓", "green"), "finding": ("✗", "red"), "unknown": ("?", "yellow")}


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(doctor)


def doctor(as_json: AsJson = False, data: Data = None) -> None:
    """Check versions, database, schema, programs, views, quarantine, broker, topics and offsets; writes nothing.

    Exits 0 when all is well, 1 when there is something to do, 2 when something could not be looked at.
    """
    from services.doctor import examine

    settings = settings_for(data)
    quieten(settings)
    found = []
    with Exchange(settings, "doctor") as exchange:
        for finding in examine(exchange):
            found.append(finding)
            if not as_json:
                _show(finding)
    if as_json:
        print_json(found)
    states = {finding.state for finding in found}
    raise typer.Exit(2 if "unknown" in states else 1 if "finding" in states else 0)


def _show(finding: "Finding") -> None:
    todo = f" → {finding.todo}" if finding.todo else ""
    line = Text.assemble(_MARKS[finding.state], f" {finding.check:<11} {finding.detail}{todo}")
    console.print(line, soft_wrap=True, highlight=False)
