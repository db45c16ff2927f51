"""A late change: a version or a membership that takes effect in periods in which gigs were taken already.

What was decided before it stays in the log; where it may make a difference now is a `Concern`: work periods of
programs from a day on, and the gigs of platforms, which other programs may take by now. It says where to look, and may
well say too much: looking at what is right changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct

from domain.configuration import Configuration
from domain.gig import CLOCK_TOLERANCE
from domain.identifiers import POOLED, work_of
from domain.period import first_day
from domain.platform import Platform, ProgramJoined
from domain.program import Program, ProgramPublished
from domain.recorded import Recorded
from domain.rule import ProgramVersion
from domain.work_period import Contribution

#: How far into the future the day of a gig may lie: by a platform's clock, and by the time zone of a program.
AHEAD_MAX: Final = CLOCK_TOLERANCE + timedelta(days=1)


class Concern(Struct, frozen=True):
    """Where to look: in the work periods of `programs` from these days on, and at all gigs of `platforms`.

    `pooled` are the programs in whose shared work periods gigs of those platforms may count.
    """

    programs: dict[str, date] = {}
    platforms: frozenset[str] = frozenset()
    pooled: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.programs or self.platforms)

    def touches(self, stream: str) -> bool:
        """Whether what a stream holds may come to something else."""
        work = work_of(stream)
        if work is None:
            return False
        scope, _, program_id, period = work
        if scope in self.platforms or (scope == POOLED and program_id in self.pooled):
            return True
        since = self.programs.get(program_id)
        return since is not None and first_day(period) >= since

    def has_gigs_in(self, stream: str, latest: object) -> bool:
        """Whether gigs of these platforms stand in a stream whose latest event is `latest`."""
        work = work_of(stream)
        if work is None or work[0] != POOLED:
            return work is not None and work[0] in self.platforms
        return isinstance(latest, Contribution) and any(cell.platform_id in self.platforms for cell in latest.totals)


def concern(changes: Iterable[Recorded], configuration: Configuration) -> Concern:
    """Where these events of programs and platforms may make a difference, the configuration being as it is now."""
    programs: dict[str, date] = {}
    platforms: set[str] = set()
    for each in changes:
        match each.event:
            case ProgramPublished(version) if _is_late(version.effective_from, each.recorded_at):
                before = _before(version, configuration.programs[version.id])
                since, members = _of_version(version, before, configuration.platforms)
                platforms |= members
                if since is not None:
                    programs[version.id] = min(since, programs.get(version.id, since))
            case ProgramJoined(_, effective_from) if _is_late(effective_from, each.recorded_at):
                platforms.add(each.stream.partition(":")[2])
    return _with_pooled(programs, platforms, configuration)


def concern_of(version: ProgramVersion, before: Program, configuration: Configuration) -> Concern:
    """Where a version may make a difference that is not published yet."""
    since, members = _of_version(version, before, configuration.platforms)
    return _with_pooled({} if since is None else {version.id: since}, members, configuration)


def _is_late(effective_from: date, recorded_at: datetime) -> bool:
    """Whether gigs of that day or a later one may have been taken already."""
    return effective_from <= (recorded_at + AHEAD_MAX).date()


def _before(version: ProgramVersion, program: Program) -> Program:
    """The program as it stood before a version was published."""
    return Program(program.versions[: [each.version for each in program.versions].index(version.version)])


def _of_version(
    version: ProgramVersion, before: Program, platforms: Mapping[str, Platform]
) -> tuple[date | None, set[str]]:
    """From when on a version takes the place of another, and the members whose gigs it takes otherwise than that."""
    replaced = before.effective_by(version.effective_from)
    if not before.versions:
        # Nobody could be a member yet.
        return None, set()
    if replaced is not None:
        if (replaced.effective_from, replaced.version) > (version.effective_from, version.version):
            return None, set()
        if replaced.applies_to == version.applies_to:
            return version.effective_from, set()
    members = {
        platform_id
        for platform_id, platform in platforms.items()
        if any(
            each.program_id == version.id
            and (each.effective_until is None or each.effective_until > version.effective_from)
            for each in platform.memberships
        )
    }
    return version.effective_from if replaced is not None else None, members


def _with_pooled(programs: dict[str, date], platforms: set[str], configuration: Configuration) -> Concern:
    joined = {
        membership.program_id
        for platform_id in platforms
        for membership in configuration.platforms[platform_id].memberships
    }
    pooled = {each for each in joined if configuration.programs[each].versions[0].scope == POOLED}
    return Concern(programs, frozenset(platforms), frozenset(pooled))
