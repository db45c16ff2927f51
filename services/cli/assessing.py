"""`benefits assess`: what programs make of a file of gigs, without a database or a broker."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal, TextIO

import msgspec
import typer

from domain import program as programs
from domain.configuration import Configuration, ProgramNotFound
from domain.program import Program, PublishProgram
from domain.rejections import Malformed, NotFound, Rejected
from domain.rule import ProgramVersion
from services import assess
from services.assess import Explain, GigRow, PeriodRow
from services.cli import assessed_tables, program_files
from services.cli.output import bytes_progress
from services.composition import shipped_programs
from services.gig_lines import GigLines
from services.publish import Refused

STANDARD_INPUT: Final = "-"
#: Rows that are written at once.
ROWS_AT_ONCE: Final = 1_000


class NoSuchGigFile(NotFound):
    """The file of gigs cannot be read."""

    code = "no_such_gig_file"


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("assess")(assess_file)


def assess_file(
    program: Annotated[
        list[str],
        typer.Option(metavar="ID|FILE.toml", help="A shipped program, in all its versions, or a program file."),
    ],
    gigs: Annotated[str, typer.Option(metavar="FILE.jsonl|-", help="The gigs; `-` reads from standard input.")],
    per_gig: Annotated[bool, typer.Option("--per-gig", help="What each gig moves, in the order of the lines.")] = False,
    form: Annotated[Literal["json", "table"], typer.Option("--format", help="JSON lines, or for people.")] = "json",
    explain: Annotated[bool, typer.Option("--explain", help="With --per-gig: the arithmetic, in words.")] = False,
) -> None:
    """Say what programs make of a file of gigs, without a database or a broker.

    Each line is a gig as platforms report it, with its "platform_id", and with "cancelled": true where it is cancelled;
    later revisions replace earlier ones, in any order. Every platform counts as a member of every program. Lines that
    cannot be taken are reported and left out; then the exit code is 1.
    """
    if explain and not per_gig:
        raise typer.BadParameter("explains single gigs: expected --per-gig with it", param_hint="--explain")
    if gigs == STANDARD_INPUT and program_files.STANDARD_INPUT in program:
        raise typer.BadParameter("programs or gigs can come from standard input, not both", param_hint="--gigs")
    lines = GigLines(Configuration(chosen(program), {}))
    with _opened(gigs) as opened, bytes_progress("assessing", opened) as advance:
        lines.read(opened, _refuse, advance)
    rows = assess.by_gig(lines.gigs, _explain() if explain else None) if per_gig else assess.by_period(lines.gigs)
    _show(rows, form)
    if told := summary(lines):
        _tell(told)
    if lines.outcomes["refused"]:
        raise typer.Exit(1)


# Programs


def chosen(names: Iterable[str]) -> dict[str, Program]:
    """The programs of these names and files, by id; raises `ProgramNotFound`, or `Malformed` where they contradict."""
    shipped: dict[str, list[ProgramVersion]] = {}
    for version in shipped_programs():
        shipped.setdefault(version.id, []).append(version)
    found: dict[str, Program] = {}
    for name in dict.fromkeys(names):
        for version in shipped.get(name) or _from_file(name, shipped):
            found[version.id] = _published(found.get(version.id, programs.initial), version, name)
    return dict(sorted(found.items()))


def _from_file(name: str, shipped: Iterable[str]) -> Iterable[ProgramVersion]:
    if name == program_files.STANDARD_INPUT or name.endswith(".toml") or os.sep in name or Path(name).is_file():
        return program_files.read(name)
    ids = ", ".join(sorted(shipped))
    raise ProgramNotFound(f"no program {name!r:.100} is shipped: expected a program file, or one of {ids}")


def _published(state: Program, version: ProgramVersion, name: str) -> Program:
    """A program with one more version; the same one twice is one."""
    try:
        return programs.decider.fold(programs.decide(state, PublishProgram(version)), state)
    except Rejected as error:
        raise Malformed(error.detail, key=name) from None


# Gigs


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(Path(file).open("rb"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise NoSuchGigFile(f"{file}: {reason or error}") from None
        yield opened


def _refuse(refused: Refused) -> None:
    _tell(f"line {refused.line}: {' '.join(refused.why.split())}")


def _tell(words: str) -> None:
    """One line on stderr, if anybody still reads it."""
    try:
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        _leave(sys.stderr)


def _leave(stream: TextIO) -> None:
    """What is still to be written, at the latest when Python ends, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def summary(lines: GigLines) -> str:
    """What the rows do not say, in one line; nothing where there is nothing to say."""
    told = {
        ("gig is taken by no program", "gigs are taken by no program"): lines.untaken,
        ("gig is cancelled", "gigs are cancelled"): lines.cancelled,
        ("line is a duplicate", "lines are duplicates"): lines.outcomes["duplicate"],
        ("line is stale", "lines are stale"): lines.outcomes["stale"],
        ("line was refused", "lines were refused"): lines.outcomes["refused"],
    }
    return ", ".join(f"{count:,} {one if count == 1 else more}" for (one, more), count in told.items() if count)


# Rows


def _explain() -> Explain:
    from domain.wording import explain

    return explain


def _show(rows: Iterable[PeriodRow] | Iterable[GigRow], form: str) -> None:
    """Print the rows; whoever stops reading them has read enough."""
    try:
        if form == "table":
            for text in assessed_tables.texts(list(rows)):
                # What a terminal cannot write is no reason to write nothing.
                sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "replace"))
        else:
            _print_json(rows)
        sys.stdout.flush()
    except OSError as error:
        _leave(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise


def _print_json(rows: Iterable[PeriodRow] | Iterable[GigRow]) -> None:
    encoder, left = msgspec.json.Encoder(), iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        sys.stdout.buffer.write(encoder.encode_lines(some))
