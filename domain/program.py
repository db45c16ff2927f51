"""A program: the rules by which finished gigs accrue contributions, as versions that are published and never edited.

States: unpublished → published (one version or more).
Invariants: a version number stands for one content; currency, period, time zone, scope and attribution date are the
same in all versions; each version takes effect on the first day of a period.
"""

from datetime import date

from msgspec import Struct

from domain.assessment import check
from domain.decider import Decider
from domain.period import first_day
from domain.rejections import InvariantBroken, Rejected
from domain.rule import FIXED_KEYS, ProgramVersion

# Commands


class PublishProgram(Struct, frozen=True):
    """Publish one version."""

    version: ProgramVersion


# Events: these shapes are stored. Add, never change.


class ProgramPublished(Struct, frozen=True):
    """A version stands from now on."""

    version: ProgramVersion


# Rejections


class ProgramVersionExists(Rejected):
    """This version number was published with other content."""

    code = "program_version_exists"


class ProgramTermsFixed(Rejected):
    """A version tried to change what is fixed for a program."""

    code = "program_terms_fixed"


# State


class Program(Struct, frozen=True):
    """The published versions, in the order of publication."""

    versions: tuple[ProgramVersion, ...] = ()

    def version(self, number: int) -> ProgramVersion | None:
        """The version with this number."""
        return next((version for version in self.versions if version.version == number), None)

    def in_force(self, period: str) -> ProgramVersion | None:
        """The version for a period: the latest that is effective by its first day, then the greatest number."""
        return self.effective_by(first_day(period))

    def effective_by(self, day: date) -> ProgramVersion | None:
        """The version with the greatest `effective_from` not after `day`, then the greatest number."""
        effective = [version for version in self.versions if version.effective_from <= day]
        return max(effective, key=lambda version: (version.effective_from, version.version), default=None)


initial = Program()


# Decide


def decide(state: Program, command: PublishProgram) -> list[ProgramPublished]:
    """The events that follow from a command; raises `Rejected` or `Malformed`."""
    version = command.version
    check(version)
    known = state.version(version.version)
    if known == version:
        return []
    if known is not None:
        raise ProgramVersionExists(f"version {version.version} of {version.id} was published with other content")
    for key in FIXED_KEYS if state.versions else ():
        if getattr(state.versions[0], key) != getattr(version, key):
            raise ProgramTermsFixed(f"{key} of {version.id} is {getattr(state.versions[0], key)!r} in all versions")
    return [ProgramPublished(version)]


# Evolve


def evolve(state: Program, event: ProgramPublished) -> Program:
    """The state after an event."""
    if state.version(event.version.version) is not None:
        raise InvariantBroken(f"version {event.version.version} of {event.version.id} was published twice")
    return Program((*state.versions, event.version))


decider = Decider(kind="program", initial=initial, decide=decide, evolve=evolve)
