"""Where a version or a membership makes a difference that takes effect where gigs were taken already."""

from datetime import date, datetime, timedelta

import pytest

from domain.configuration import Configuration
from domain.late_change import Concern, concern, concern_of
from domain.platform import PlatformRegistered, ProgramJoined, ProgramLeft, decider
from domain.program import ProgramPublished
from domain.recorded import Recorded
from domain.rule import AppliesTo, ProgramVersion
from domain.totals import Cell
from domain.work_period import ContributionAccrued
from tests.support.gigs import NOW, configuration, gig, member, published, versions

FIRST = versions()
JANUARY, JULY = date(2023, 1, 1), date(2023, 7, 1)


def version(number: int, since: date = JANUARY, *services: str) -> ProgramVersion:
    (made,) = versions(version=number, effective_from=since, applies_to=AppliesTo(services=services))
    return made


def change(event: object, stream: str = "program:tenth", at: datetime = NOW) -> Recorded:
    return Recorded(1, stream, 1, at, "ada", event)


def where(*tenth: ProgramVersion, at: datetime = NOW) -> Concern:
    """What the last of these versions concerns."""
    now = configuration([tenth], {"uber": ["tenth"], "lyft": []})
    found = concern([change(ProgramPublished(tenth[-1]), at=at)], now)
    assert found == concern_of(tenth[-1], published(*tenth[:-1]), now) or at != NOW
    return found


# Versions


def test_a_first_version_concerns_nothing() -> None:
    assert not where(*FIRST)


def test_a_late_version_concerns_the_work_periods_of_its_program_from_its_first_day_on() -> None:
    found = where(*FIRST, version(2, JULY))
    assert (found.programs, found.platforms) == ({"tenth": JULY}, frozenset())
    assert found.touches("work:uber:w-1:tenth:2023-07")
    assert found.touches("work:lyft:w-2:tenth:2024-01")
    assert not found.touches("work:uber:w-1:tenth:2023-06")
    assert not found.touches("work:uber:w-1:other:2023-07")
    assert not found.touches("work:uber:w-1:none:2023-07")
    assert not found.touches("worker:w-1")


def test_a_version_that_is_published_in_good_time_concerns_nothing() -> None:
    in_time = datetime(2023, 6, 28, tzinfo=NOW.tzinfo)
    assert not where(*FIRST, version(2, JULY), at=in_time)
    assert where(*FIRST, version(2, JULY), at=in_time + timedelta(days=1))


def test_a_version_that_another_one_overrules_concerns_nothing() -> None:
    assert not where(*FIRST, version(3, JULY), version(2, JULY))
    assert where(*FIRST, version(3, JULY), version(2)).programs == {"tenth": JANUARY}


def test_a_version_that_takes_other_gigs_concerns_all_gigs_of_its_members() -> None:
    found = where(*FIRST, version(2, JULY, "ride"))
    assert (found.programs, found.platforms) == ({"tenth": JULY}, frozenset({"uber"}))
    assert found.touches("work:uber:w-1:none:2023-06")
    assert not found.touches("work:lyft:w-1:none:2023-06")
    assert not where(*FIRST, version(2, JANUARY, "ride"), version(3, JULY, "ride")).platforms


def test_a_version_from_before_the_first_one_concerns_the_gigs_that_nothing_took() -> None:
    found = where(*FIRST, version(2, date(2022, 1, 1)))
    assert found == Concern({}, frozenset({"uber"}))


def test_former_members_are_concerned_while_they_were_members() -> None:
    left = decider.evolve(member("uber", *FIRST), ProgramLeft("tenth", JULY))
    for since, platforms in ((JANUARY, {"uber"}), (JULY, set())):
        second = version(2, since, "ride")
        now = Configuration({"tenth": published(*FIRST, second)}, {"uber": left})
        assert concern([change(ProgramPublished(second))], now).platforms == platforms


# Memberships


def test_a_back_dated_membership_concerns_all_gigs_of_its_platform() -> None:
    now = configuration([FIRST], {"uber": ["tenth"]})
    joined = change(ProgramJoined("tenth", JANUARY), "platform:uber")
    assert concern([joined], now) == Concern({}, frozenset({"uber"}))


def test_a_membership_of_the_future_and_a_registration_concern_nothing() -> None:
    now = configuration([FIRST], {"uber": ["tenth"]})
    of_the_future = ProgramJoined("tenth", NOW.date() + timedelta(days=3))
    assert not concern(
        [change(of_the_future, "platform:uber"), change(PlatformRegistered("uber", "Uber"), "platform:uber")], now
    )


def test_the_shared_work_periods_of_a_platform_are_concerned_with_it() -> None:
    pooled = versions(id="shared", scope="pooled")
    now = configuration([FIRST, pooled], {"uber": ["tenth", "shared"], "lyft": ["shared"]})
    found = concern([change(ProgramJoined("tenth", JANUARY), "platform:uber")], now)
    assert found.pooled == {"shared"}
    assert found.touches("work:pooled:w-1:shared:2023-06")
    assert not found.touches("work:pooled:w-1:other:2023-06")


@pytest.mark.parametrize(("platform_id", "is_there"), [("uber", True), ("lyft", False)])
def test_gigs_of_a_platform_stand_in_its_own_streams_and_in_shared_ones_that_count_them(
    platform_id: str, is_there: bool
) -> None:
    found = Concern({}, frozenset({"uber"}), frozenset({"shared"}))
    cell = Cell(1, 10_00, 600, (), platform_id)
    shared = ContributionAccrued(platform_id, "shared", 1, "2023-06", gig(), (cell,), ())
    assert found.has_gigs_in("work:pooled:w-1:shared:2023-06", shared) == is_there
    assert found.has_gigs_in(f"work:{platform_id}:w-1:none:2023-06", None) == is_there


def test_several_changes_concern_what_each_of_them_does() -> None:
    second, third = version(2, JULY), version(3, JANUARY)
    now = configuration([(*FIRST, second, third)], {"uber": ["tenth"]})
    changes = [change(ProgramPublished(second)), change(ProgramPublished(third)), change(ProgramPublished(second))]
    assert concern(changes, now).programs == {"tenth": JANUARY}
