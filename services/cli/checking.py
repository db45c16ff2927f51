"""`benefits program check`: a program file in sentences, with examples, and what is surprising about it."""

import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Annotated, Final

import typer

from domain.money import written
from domain.period import days, local_date
from domain.program_wording import sentences
from domain.rule import ProgramVersion
from services.cli import program_files
from services.cli.output import clock_time
from services.composition import now
from services.program_examples import Example, Examples, examples

#: Parts of earnings that platforms report; others count too where a gig has them.
KNOWN_COMPONENTS: Final = frozenset(
    {"fare", "incentive", "tip", "toll", "airport_fee", "cancellation_fee", "referral", "reimbursement", "tax"}
)
ProgramFile = Annotated[str, typer.Argument(metavar="FILE", help="A program file; `-` reads from standard input.")]


def check(file: ProgramFile) -> None:
    """Check a program file, and show what its rules say and what they come to.

    Needs no database and no broker. A mistake is answered with the file, the key and what is allowed there, and the
    exit code is 2. What is allowed but surprising is said on stderr.
    """
    versions = program_files.read(file)
    for version in versions:
        typer.echo(f"{version.id}, version {version.version}")
        for sentence in sentences(version):
            typer.echo(f"  {sentence}")
        typer.echo()
        for line in table(version, examples(version)):
            typer.echo(f"  {line}")
        typer.echo()
    for surprise in surprises(versions):
        sys.stderr.write(f"warning: {file}: {surprise}\n")


def surprises(versions: Iterable[ProgramVersion]) -> Iterator[str]:
    """What is allowed, and yet perhaps not what was meant."""
    components = {component: None for version in versions for component in version.base.components}
    for component in components:
        if component not in KNOWN_COMPONENTS:
            yield f"base.components: {component!r} is no usual part of earnings ({', '.join(sorted(KNOWN_COMPONENTS))})"
    begun = [each for each in versions if each.effective_from <= local_date(now(), each.time_zone)]
    if begun:
        first = min(each.effective_from for each in begun)
        yield f"effective_from: {first} has passed: once it is published, gigs since then are assessed again"


def table(version: ProgramVersion, found: Examples) -> list[str]:
    """Examples as lines of aligned columns."""
    columns = _columns(version, found)
    widths = [max(len(cell) for cell in [name, *cells]) for name, cells in columns.items()]
    rows = [tuple(columns), *zip(*columns.values(), strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines = [line.rstrip() for line in lines]
    left_out = [f"({found.left_out} more classes without a row of their own)"] if found.left_out else []
    return [f"for example, in {found.period}, in {version.currency}:", *lines, *left_out]


def _columns(version: ProgramVersion, found: Examples) -> dict[str, list[str]]:
    """The cells of each column by its name; columns that say nothing are left out."""
    rows = found.rows
    columns: dict[str, list[str]] = {}
    if "earned" in found.measures:
        if any(row.base_minor != row.work.earned_minor for row in rows):
            columns["earned"] = [_money(version, row.work.earned_minor) for row in rows]
        columns["base"] = [_money(version, row.base_minor) for row in rows]
    if "hours" in found.measures:
        columns["hours"] = [clock_time(row.work.engaged_seconds) for row in rows]
    if "weekly" in found.measures:
        columns["a week"] = [clock_time(row.work.engaged_seconds * 7 // days(found.period)) for row in rows]
    if "gigs" in found.measures:
        columns["gigs"] = [f"{row.work.gigs:,}" for row in rows]
    if any(_class(row) for row in rows):
        columns["class"] = [_class(row) for row in rows]
    payers = list(rows[0].due_minor)
    for payer in payers:
        columns[payer] = [_money(version, row.due_minor[payer]) for row in rows]
    if len(payers) > 1:
        columns["total"] = [_money(version, row.total_minor) for row in rows]
    if any(row.uncapped_minor != row.total_minor for row in rows):
        columns["uncapped"] = [_uncapped(version, row) for row in rows]
    return columns


def _money(version: ProgramVersion, amount_minor: int | Fraction) -> str:
    return written(amount_minor, version.currency)


def _uncapped(version: ProgramVersion, row: Example) -> str:
    return _money(version, row.uncapped_minor) if row.uncapped_minor != row.total_minor else ""


def _class(row: Example) -> str:
    return " ".join(filter(None, [row.work.classes.vehicle, row.work.classes.worker]))
