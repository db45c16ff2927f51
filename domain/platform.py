"""A platform: its membership in programs and its standing.

States: unregistered → registered ⇄ suspended.
Invariants: a membership begins and ends on the first day of a period of its program; memberships of one program do
not overlap; suspension keeps memberships and refuses only what is taken in while it lasts.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from domain.decider import Decider
from domain.identifiers import RESERVED_NAMES, PlatformId, ProgramId
from domain.period import PeriodKind, first_day_after, is_period_start
from domain.rejections import InvariantBroken, Malformed, NotFound, Rejected

Title = Annotated[str, Meta(min_length=1, max_length=200)]
Reason = Annotated[str, Meta(min_length=1, max_length=1_000)]

# Commands


class RegisterPlatform(Struct, frozen=True):
    """Make a platform known to the exchange."""

    platform_id: PlatformId
    name: Title


class JoinProgram(Struct, frozen=True):
    """Make a platform a member of a program from the first day of one of its periods (of `period_kind`)."""

    program_id: ProgramId
    period_kind: PeriodKind
    effective_from: date


class LeaveProgram(Struct, frozen=True):
    """End a membership before `effective_until`; `last_accrued` is the latest period with accruals, if any."""

    program_id: ProgramId
    period_kind: PeriodKind
    effective_until: date
    last_accrued: str | None


class SuspendPlatform(Struct, frozen=True):
    """Refuse what the platform reports from now on."""

    reason: Reason


class ReinstatePlatform(Struct, frozen=True):
    """Take what the platform reports again."""


Command = RegisterPlatform | JoinProgram | LeaveProgram | SuspendPlatform | ReinstatePlatform

# Events: these shapes are stored. Add, never change.


class PlatformRegistered(Struct, frozen=True):
    """The platform is known under this id."""

    platform_id: str
    name: str


class ProgramJoined(Struct, frozen=True):
    """The platform is a member from `effective_from` (inclusive) on."""

    program_id: str
    effective_from: date


class ProgramLeft(Struct, frozen=True):
    """The membership ends before `effective_until` (exclusive)."""

    program_id: str
    effective_until: date


class PlatformSuspended(Struct, frozen=True):
    """What the platform reports is refused from now on."""

    reason: str


class PlatformReinstated(Struct, frozen=True):
    """What the platform reports is taken again."""


Event = PlatformRegistered | ProgramJoined | ProgramLeft | PlatformSuspended | PlatformReinstated

# Rejections


class PlatformNotFound(NotFound):
    """No platform is registered under this id."""

    code = "platform_not_found"


class PlatformExists(Rejected):
    """The id is taken by a platform of another name."""

    code = "platform_exists"


class AlreadyMember(Rejected):
    """The platform is a member of the program at that time already."""

    code = "already_member"


class NotMember(Rejected):
    """The platform is no member of the program at that time."""

    code = "not_member"


class NotPeriodStart(Rejected):
    """Memberships begin and end on the first day of a period."""

    code = "not_period_start"


class PeriodHasAccruals(Rejected):
    """Gigs were taken in a period that the membership was to leave out."""

    code = "period_has_accruals"


# State


class Membership(Struct, frozen=True):
    """Member from `effective_from` (inclusive) until `effective_until` (exclusive; None: open)."""

    program_id: str
    effective_from: date
    effective_until: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the platform is a member on `day`."""
        return self.effective_from <= day and (self.effective_until is None or day < self.effective_until)


class Platform(Struct, frozen=True):
    """What later decisions about a platform need."""

    platform_id: str = ""
    name: str = ""
    memberships: tuple[Membership, ...] = ()
    suspended: str | None = None

    def is_member(self, program_id: str, day: date) -> bool:
        """Whether the platform is a member of a program on `day`."""
        return any(each.program_id == program_id and each.covers(day) for each in self.memberships)


initial = Platform()


# Decide


def decide(state: Platform, command: Command) -> list[Event]:
    """The events that follow from a command; raises `Rejected`."""
    match command:
        case RegisterPlatform():
            return _register(state, command)
        case _ if not state.platform_id:
            raise PlatformNotFound("no such platform is registered")
        case JoinProgram():
            return _join(state, command)
        case LeaveProgram():
            return _leave(state, command)
        case SuspendPlatform():
            return [] if state.suspended is not None else [PlatformSuspended(command.reason)]
        case ReinstatePlatform():
            return [] if state.suspended is None else [PlatformReinstated()]


def _register(state: Platform, command: RegisterPlatform) -> list[Event]:
    if command.platform_id in RESERVED_NAMES:
        raise Malformed(f"{command.platform_id!r} is reserved", key="platform_id")
    if not command.name.isprintable():
        raise Malformed("expected a name without control characters", key="name")
    if not state.platform_id:
        return [PlatformRegistered(command.platform_id, command.name)]
    if state.name != command.name:
        raise PlatformExists(f"{command.platform_id} is registered as {state.name!r}")
    return []


def _join(state: Platform, command: JoinProgram) -> list[Event]:
    wanted = Membership(command.program_id, command.effective_from)
    if wanted in state.memberships:
        return []
    _require_period_start(command.effective_from, command.period_kind)
    for known in state.memberships:
        overlaps = known.effective_until is None or command.effective_from < known.effective_until
        if known.program_id == command.program_id and overlaps:
            raise AlreadyMember(f"already a member of {command.program_id} from {known.effective_from}")
    return [ProgramJoined(command.program_id, command.effective_from)]


def _leave(state: Platform, command: LeaveProgram) -> list[Event]:
    ended = [each for each in state.memberships if each.program_id == command.program_id]
    if any(each.effective_until == command.effective_until for each in ended):
        return []
    _require_period_start(command.effective_until, command.period_kind)
    current = next((each for each in ended if each.effective_until is None), None)
    if current is None or command.effective_until < current.effective_from:
        raise NotMember(f"no membership of {command.program_id} could end before {command.effective_until}")
    if command.last_accrued is not None and first_day_after(command.last_accrued) > command.effective_until:
        raise PeriodHasAccruals(f"{command.program_id} has gigs of {command.last_accrued}: leave from a later period")
    return [ProgramLeft(command.program_id, command.effective_until)]


def _require_period_start(day: date, kind: PeriodKind) -> None:
    if not is_period_start(day, kind):
        raise NotPeriodStart(f"{day} is not the first day of a {kind}")


# Evolve


def evolve(state: Platform, event: Event) -> Platform:
    """The state after an event."""
    known = state.memberships
    match event:
        case PlatformRegistered() if not state.platform_id:
            return Platform(event.platform_id, event.name)
        case _ if not state.platform_id:
            raise InvariantBroken(f"{type(event).__name__} before the platform was registered")
        case ProgramJoined():
            joined = Membership(event.program_id, event.effective_from)
            return Platform(state.platform_id, state.name, (*known, joined), state.suspended)
        case ProgramLeft():
            left = tuple([_ended(each, event) for each in known])
            if left == known:
                raise InvariantBroken(f"left {event.program_id} without being a member")
            return Platform(state.platform_id, state.name, left, state.suspended)
        case PlatformSuspended() if state.suspended is None:
            return Platform(state.platform_id, state.name, known, event.reason)
        case PlatformReinstated() if state.suspended is not None:
            return Platform(state.platform_id, state.name, known)
        case _:
            raise InvariantBroken(f"{type(event).__name__} cannot happen to {state.platform_id} as it stands")


def _ended(membership: Membership, event: ProgramLeft) -> Membership:
    if membership.program_id != event.program_id or membership.effective_until is not None:
        return membership
    return Membership(membership.program_id, membership.effective_from, event.effective_until)


decider = Decider(kind="platform", initial=initial, decide=decide, evolve=evolve)
