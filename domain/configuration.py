"""The configuration: all programs and platforms as they stand, and which programs take a gig.

A program takes a gig where the platform is a member on the attribution date, a version is in force, the currency is
the program's, and no field present on the gig lies outside `applies_to`. A gig that a taking program cannot assess is
refused whole, before anything accrues.
"""

from collections.abc import Mapping
from datetime import date

from msgspec import Struct

from domain.assessors import Assessors
from domain.gig import Gig
from domain.period import local_date, period_of
from domain.platform import Platform
from domain.program import Program
from domain.rejections import Malformed, NotFound, Rejected
from domain.rule import AppliesTo, ProgramVersion


class UnknownPlatform(Rejected):
    """Nobody registered the platform that reports."""

    code = "unknown_platform"


class SuspendedPlatform(Rejected):
    """The platform that reports is suspended."""

    code = "suspended_platform"


class MissingPaidAt(Malformed):
    """A program counts by the day of payment, and the gig names none."""

    code = "missing_paid_at"


class Taking(Struct, frozen=True, gc=False):
    """A program that takes a gig, and the period it counts in."""

    program_id: str
    scope: str
    period: str
    program: Assessors


class Configuration:
    """Programs and platforms by id, as of one epoch."""

    def __init__(self, programs: Mapping[str, Program], platforms: Mapping[str, Platform], epoch: int = 0) -> None:
        self.epoch = epoch
        self.programs = dict(programs)
        self.platforms = dict(platforms)
        self._assessors = {program_id: Assessors(program) for program_id, program in programs.items()}
        self._days: dict[tuple[str, str, date], Taking | None] = {}
        self._pooling = frozenset(
            [
                platform_id
                for platform_id, platform in platforms.items()
                if any(_is_pooled(programs.get(each.program_id)) for each in platform.memberships)
            ]
        )

    def is_pooling(self, platform_id: str) -> bool:
        """Whether a platform is, or ever was, in a program that counts the gigs of several platforms together."""
        return platform_id in self._pooling

    def assessors(self, program_id: str) -> Assessors:
        """All versions of a program, made ready to compute; raises `KeyError` where there is no such program."""
        return self._assessors[program_id]

    def reporting(self, platform_id: str) -> Platform:
        """The platform that reports; raises `UnknownPlatform` or `SuspendedPlatform`."""
        platform = self.platforms.get(platform_id)
        if platform is None:
            raise UnknownPlatform(f"no platform {platform_id!r} is registered")
        if platform.suspended is not None:
            raise SuspendedPlatform(f"platform {platform_id!r} is suspended: {platform.suspended}")
        return platform

    def takings(self, platform_id: str, gig: Gig, *, cancelled: bool = False) -> tuple[Taking, ...]:
        """The programs that take a gig of this platform; raises `Rejected` or `Malformed` where it cannot be taken.

        What ends a gig is not assessed: a cancellation need not say what an assessment asks for.
        """
        return self.takings_of(self.reporting(platform_id), gig, is_assessed=not cancelled)

    def takings_of(self, platform: Platform, gig: Gig, *, is_assessed: bool = True) -> tuple[Taking, ...]:
        """The programs that take a gig of a platform, suspended or not; raises `Malformed`.

        Suspension counts when a gig is taken in, not when it is looked at again.
        """
        programs = dict.fromkeys([membership.program_id for membership in platform.memberships])
        found = [self._taking(platform, program_id, gig, is_assessed=is_assessed) for program_id in programs]
        return tuple([taking for taking in found if taking is not None])

    def _taking(self, platform: Platform, program_id: str, gig: Gig, *, is_assessed: bool) -> Taking | None:
        program = self._assessors[program_id]
        terms = program.program.versions[0]
        if gig.currency != terms.currency:
            return None
        at = gig.completed_at if terms.attribution_date == "completed_at" else gig.paid_at
        if at is None:
            if not is_assessed or not _applies_ever(program.program, gig):
                return None
            raise MissingPaidAt(f"program {program_id} counts by paid_at", key="paid_at")
        taking = self._on_day(platform, program_id, local_date(at, terms.time_zone))
        if taking is None:
            return None
        assessor = program.in_force(taking.period)
        if not _applies(assessor.version.applies_to, gig):
            return None
        if assessor.is_by_class and is_assessed:
            assessor.require_listed(gig)
        return taking

    def _on_day(self, platform: Platform, program_id: str, day: date) -> Taking | None:
        """What a program does with a platform's gigs of a day; found out once, as long as this epoch lasts."""
        key = (platform.platform_id, program_id, day)
        if key not in self._days:
            self._days[key] = self._find_taking(platform, program_id, day)
        return self._days[key]

    def _find_taking(self, platform: Platform, program_id: str, day: date) -> Taking | None:
        program = self._assessors[program_id]
        terms = program.program.versions[0]
        period = period_of(day, terms.period)
        if not platform.is_member(program_id, day) or program.find(period) is None:
            return None
        scope = platform.platform_id if terms.scope == "platform" else terms.scope
        return Taking(program_id, scope, period, program)


def _is_pooled(program: Program | None) -> bool:
    return program is not None and any(version.scope == "pooled" for version in program.versions)


def _applies(to: AppliesTo, gig: Gig) -> bool:
    """Whether no field present on the gig lies outside."""
    return (not to.jurisdictions or gig.jurisdiction is None or gig.jurisdiction in to.jurisdictions) and (
        not to.services or gig.service is None or gig.service in to.services
    )


def _applies_ever(program: Program, gig: Gig) -> bool:
    return any(_applies(version.applies_to, gig) for version in program.versions)


def joinable(program: Program, program_id: str) -> ProgramVersion:
    """The terms that are fixed for a program; raises `Rejected` where it was never published."""
    if not program.versions:
        raise ProgramNotFound(f"no program {program_id!r} is published")
    return program.versions[0]


class ProgramNotFound(NotFound):
    """No program is published under this id."""

    code = "program_not_found"
