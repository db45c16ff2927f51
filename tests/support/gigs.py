"""Builders of gigs, reports, programs and configurations, so that a test states only what it is about."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from domain import gig as gigs
from domain import platform, program, program_file
from domain.assessors import Assessors
from domain.configuration import Configuration
from domain.gig import Gig, GigReport
from domain.platform import JoinProgram, Platform, RegisterPlatform
from domain.program import Program, PublishProgram
from domain.rule import ProgramVersion

PROGRAMS: Final = Path(program_file.__file__).parent / "programs"

#: A Thursday of week 26, in the evening of New York and already Friday in Greenwich.
THURSDAY: Final = datetime.fromisoformat("2023-06-29T22:18:22-04:00")
#: The clock of the tests: late enough for whatever they say has happened.
NOW: Final = datetime(2024, 12, 31, tzinfo=UTC)

#: The plainest program there is: a tenth of the fare, month by month.
TENTH: Final = """
id = "tenth"
version = 1
title = "A tenth of the fare"
source = "invented"
currency = "USD"
period = "month"
time_zone = "America/New_York"
attribution_date = "completed_at"
effective_from = 2023-01-01

[base]
components = ["fare"]

[[rules]]
amount = { kind = "percent", rate = "10 %" }
rounding = { direction = "half_up", per = "period" }
benefits = [{ benefit = "retirement" }]
"""


def gig(gig_id: str = "trip-1", *, fare: int = 10_00, **fields: Any) -> Gig:
    """A finished gig of worker `w-1`; `fare` (minor units) is all it earned unless `earnings` says otherwise."""
    facts: dict[str, Any] = {
        "revision": 0,
        "worker_id": "w-1",
        "completed_at": THURSDAY,
        "engaged_seconds": 600,
        "currency": "USD",
        "earnings": {"fare": fare},
    }
    return Gig(gig_id=gig_id, **facts | fields)


def report(facts: Gig, platform_id: str = "uber", *, cancelled: bool = False, now: datetime = NOW) -> GigReport:
    """What a platform's message says, through the one way in: written as JSON and read again."""
    return gigs.report(platform_id, msgspec.json.encode(facts), cancelled=cancelled, now=now)


def shipped(program_id: str) -> tuple[ProgramVersion, ...]:
    """The versions of a program that comes with the exchange."""
    return program_file.read((PROGRAMS / f"{program_id}.toml").read_text("utf-8"))


def versions(text: str = TENTH, **replaced: Any) -> tuple[ProgramVersion, ...]:
    """The versions in a program file, with some keys replaced."""
    return tuple([msgspec.structs.replace(version, **replaced) for version in program_file.read(text)])


def published(*versions: ProgramVersion) -> Program:
    """A program whose versions were published in this order."""
    state = program.initial
    for version in versions:
        state = program.decider.fold(program.decide(state, PublishProgram(version)), state)
    return state


def assessors(*versions: ProgramVersion) -> Assessors:
    """A program's versions made ready to compute."""
    return Assessors(published(*versions))


def member(platform_id: str, *programs: ProgramVersion, since: date | None = None) -> Platform:
    """A platform that joined these programs on `since`, or when each first takes effect."""
    commands: list[platform.Command] = [RegisterPlatform(platform_id, platform_id.title())]
    commands += [JoinProgram(each.id, each.period, since or each.effective_from) for each in programs]
    state = platform.initial
    for command in commands:
        state = platform.decider.fold(platform.decide(state, command), state)
    return state


def configuration(
    programs: Iterable[tuple[ProgramVersion, ...]], members: Mapping[str, Iterable[str]]
) -> Configuration:
    """An exchange with these programs, and with platforms that are members of them since they first took effect."""
    by_id = {versions[0].id: versions for versions in programs}
    return Configuration(
        {program_id: published(*versions) for program_id, versions in by_id.items()},
        {
            platform_id: member(platform_id, *[by_id[program_id][0] for program_id in joined])
            for platform_id, joined in members.items()
        },
    )
