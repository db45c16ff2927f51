"""A platform joins and leaves programs at the start of their periods, and can be suspended."""

from datetime import date

import pytest

from domain.identifiers import RESERVED_NAMES
from domain.period import PeriodKind
from domain.platform import (
    AlreadyMember,
    JoinProgram,
    LeaveProgram,
    NotMember,
    NotPeriodStart,
    PeriodHasAccruals,
    PlatformExists,
    PlatformNotFound,
    PlatformRegistered,
    PlatformReinstated,
    PlatformSuspended,
    ProgramJoined,
    ProgramLeft,
    RegisterPlatform,
    ReinstatePlatform,
    SuspendPlatform,
    decider,
)
from domain.rejections import InvariantBroken, Malformed
from tests.support.scenario import Given

REGISTERED = PlatformRegistered("uber", "Uber")
JULY = date(2023, 7, 1)
OCTOBER = date(2023, 10, 1)
JOINED = ProgramJoined("alia", JULY)
LEFT = ProgramLeft("alia", OCTOBER)
SUSPENDED = PlatformSuspended("statements are overdue")


def join(since: date = JULY, program_id: str = "alia", kind: PeriodKind = "month") -> JoinProgram:
    return JoinProgram(program_id, kind, since)


def leave(until: date = OCTOBER, last_accrued: str | None = None) -> LeaveProgram:
    return LeaveProgram("alia", "month", until, last_accrued)


# An unregistered platform


def test_a_platform_is_registered_under_its_id() -> None:
    Given(decider).when(RegisterPlatform("uber", "Uber")).then(REGISTERED)


@pytest.mark.parametrize("reserved", sorted(RESERVED_NAMES))
def test_reserved_names_are_no_platforms(reserved: str) -> None:
    Given(decider).when(RegisterPlatform(reserved, "Uber")).then_refused(Malformed, reserved)


@pytest.mark.parametrize(
    "command",
    [join(), leave(), SuspendPlatform("why not"), ReinstatePlatform()],
    ids=lambda command: type(command).__name__,
)
def test_nothing_else_can_be_asked_of_a_platform_that_is_not_registered(
    command: JoinProgram | LeaveProgram | SuspendPlatform | ReinstatePlatform,
) -> None:
    Given(decider).when(command).then_refused(PlatformNotFound)


# A registered platform


def test_a_platform_registered_twice_is_registered_once() -> None:
    Given(decider, REGISTERED).when(RegisterPlatform("uber", "Uber")).then_nothing()


def test_an_id_stands_for_one_platform() -> None:
    Given(decider, REGISTERED).when(RegisterPlatform("uber", "Lyft")).then_refused(PlatformExists, "'Uber'")


def test_a_platform_joins_a_program_from_the_start_of_a_period() -> None:
    Given(decider, REGISTERED).when(join()).then(JOINED)


@pytest.mark.parametrize(
    ("day", "kind"), [(date(2023, 7, 2), "month"), (date(2023, 6, 1), "quarter"), (date(2023, 7, 1), "week")]
)
def test_a_membership_cannot_begin_within_a_period(day: date, kind: PeriodKind) -> None:
    Given(decider, REGISTERED).when(join(day, kind=kind)).then_refused(NotPeriodStart, str(day), kind)


def test_a_platform_cannot_leave_what_it_never_joined() -> None:
    Given(decider, REGISTERED).when(leave()).then_refused(NotMember)


# A member


def test_a_program_joined_twice_is_joined_once() -> None:
    Given(decider, REGISTERED, JOINED).when(join()).then_nothing()


@pytest.mark.parametrize("since", [date(2023, 6, 1), date(2023, 8, 1)])
def test_memberships_of_one_program_do_not_overlap(since: date) -> None:
    Given(decider, REGISTERED, JOINED).when(join(since)).then_refused(AlreadyMember, "2023-07-01")


def test_a_platform_may_be_a_member_of_several_programs() -> None:
    Given(decider, REGISTERED, JOINED).when(join(program_id="tenth")).then(ProgramJoined("tenth", JULY))


def test_a_membership_ends_at_the_start_of_a_period() -> None:
    Given(decider, REGISTERED, JOINED).when(leave()).then(LEFT)
    Given(decider, REGISTERED, JOINED).when(leave(date(2023, 10, 2))).then_refused(NotPeriodStart)


def test_a_membership_cannot_end_before_it_began() -> None:
    Given(decider, REGISTERED, JOINED).when(leave(date(2023, 6, 1))).then_refused(NotMember)


def test_a_platform_cannot_leave_before_the_end_of_a_period_with_accruals() -> None:
    Given(decider, REGISTERED, JOINED).when(leave(last_accrued="2023-10")).then_refused(PeriodHasAccruals, "2023-10")
    Given(decider, REGISTERED, JOINED).when(leave(last_accrued="2023-09")).then(LEFT)


def test_a_member_is_one_from_the_day_it_joined() -> None:
    state = decider.fold([REGISTERED, JOINED])
    assert [state.is_member("alia", day) for day in (date(2023, 6, 30), JULY, date(2050, 1, 1))] == [False, True, True]
    assert not state.is_member("tenth", JULY)


# A former member


def test_a_program_left_twice_is_left_once() -> None:
    Given(decider, REGISTERED, JOINED, LEFT).when(leave()).then_nothing()


def test_a_former_member_was_one_until_the_day_it_left() -> None:
    state = decider.fold([REGISTERED, JOINED, LEFT])
    assert [state.is_member("alia", day) for day in (date(2023, 9, 30), OCTOBER)] == [True, False]


def test_leaving_one_program_leaves_no_other() -> None:
    state = decider.fold([REGISTERED, JOINED, ProgramJoined("tenth", JULY), LEFT])
    assert state.is_member("tenth", OCTOBER)
    assert not state.is_member("alia", OCTOBER)


def test_a_former_member_can_join_again_once_it_has_left() -> None:
    left = Given(decider, REGISTERED, JOINED, LEFT)
    left.when(join(OCTOBER)).then(ProgramJoined("alia", OCTOBER))
    left.when(join(date(2023, 9, 1))).then_refused(AlreadyMember)


def test_who_joined_again_can_leave_again() -> None:
    again = Given(decider, REGISTERED, JOINED, LEFT, ProgramJoined("alia", date(2023, 11, 1)))
    again.when(leave(date(2023, 12, 1))).then(ProgramLeft("alia", date(2023, 12, 1)))


# Suspended, and reinstated


def test_a_platform_is_suspended_with_a_reason() -> None:
    Given(decider, REGISTERED).when(SuspendPlatform("statements are overdue")).then(SUSPENDED)


def test_a_platform_suspended_twice_is_suspended_once() -> None:
    Given(decider, REGISTERED, SUSPENDED).when(SuspendPlatform("statements are overdue")).then_nothing()


def test_suspension_keeps_memberships() -> None:
    state = decider.fold([REGISTERED, JOINED, SUSPENDED])
    assert state.suspended == "statements are overdue"
    assert state.is_member("alia", JULY)
    assert decider.evolve(state, PlatformReinstated()) == decider.fold([REGISTERED, JOINED])


def test_a_suspended_platform_can_still_join_and_leave() -> None:
    Given(decider, REGISTERED, SUSPENDED).when(join()).then(JOINED)
    Given(decider, REGISTERED, JOINED, SUSPENDED).when(leave()).then(LEFT)


def test_joining_and_leaving_do_not_lift_a_suspension() -> None:
    assert decider.fold([REGISTERED, SUSPENDED, JOINED]).suspended == "statements are overdue"
    assert decider.fold([REGISTERED, JOINED, SUSPENDED, LEFT]).suspended == "statements are overdue"


def test_a_suspended_platform_is_reinstated() -> None:
    Given(decider, REGISTERED, SUSPENDED).when(ReinstatePlatform()).then(PlatformReinstated())


def test_a_platform_in_good_standing_needs_no_reinstating() -> None:
    Given(decider, REGISTERED).when(ReinstatePlatform()).then_nothing()


# A corrupt history


@pytest.mark.parametrize(
    "history",
    [
        [JOINED],
        [SUSPENDED],
        [REGISTERED, REGISTERED],
        [REGISTERED, LEFT],
        [REGISTERED, JOINED, LEFT, LEFT],
        [REGISTERED, SUSPENDED, SUSPENDED],
        [REGISTERED, PlatformReinstated()],
    ],
    ids=lambda history: " ".join(type(event).__name__ for event in history),
)
def test_what_cannot_have_happened_stops_the_fold(history: list[PlatformRegistered]) -> None:
    with pytest.raises(InvariantBroken):
        decider.fold(history)
