"""What one worker's gigs and work periods come to under the programs as they are now."""

from datetime import date, datetime

from domain.configuration import Configuration
from domain.desk import GigKey
from domain.gig import Gig
from domain.platform import Platform, PlatformSuspended, ProgramJoined, decider
from domain.reassessment import Finding, Plan, Reassessment, is_outdated
from domain.recorded import NewEvent
from domain.recorded_gig import GigRecorded
from domain.registry import RegisteredGig
from domain.rejections import InvariantBroken
from domain.rule import ProgramVersion
from domain.work_period import Contribution, ContributionAccrued, ContributionAdjusted, ContributionReversed
from tests.support.gigs import TENTH, configuration, gig, report, versions
from tests.support.late_versions import BY_CLASS, CARS, DOUBLED, FIRST, HALVED, ONLY_RIDES, POOLED, RIDES
from tests.support.memory_exchange import MemoryExchange, registry_of

JUNE = "work:uber:w-1:tenth:2023-06"
JULY = "work:uber:w-1:tenth:2023-07"
NONE = "work:uber:w-1:none:2023-06"
SHARED = "work:pooled:w-1:hours:2023-06"


def world(*tenth: ProgramVersion, uber: tuple[str, ...] = ("tenth",), lyft: tuple[str, ...] = ()) -> Configuration:
    return configuration([tenth or FIRST, POOLED], {"uber": uber, "lyft": lyft})


def exchange(within: Configuration, *gigs: Gig, platform_id: str = "uber") -> MemoryExchange:
    there = MemoryExchange(within)
    there.take_in_batches([report(each, platform_id) for each in gigs], 1)
    return there


def new_events(there: MemoryExchange, within: Configuration) -> list[NewEvent]:
    """What re-assessing writes; the registry stays a fold of the log, and doing it again writes nothing."""
    known = len(there.log)
    there.reassess(within)
    written = there.log[known:]
    there.reassess(within)
    assert len(there.log) == known + len(written)
    assert registry_of(there.log) == there.registry
    assert there.accrued() == there.entitled()
    return written


def kinds(written: list[NewEvent]) -> list[tuple[str, type]]:
    return [(new.stream, type(new.event)) for new in written]


def moved_minor(written: list[NewEvent]) -> int:
    contributions = [new.event for new in written if isinstance(new.event, Contribution)]
    return sum(line.amount_minor for event in contributions for line in event.lines)


# A version that was published late


def test_a_late_version_accrues_the_difference_for_the_whole_work_period_at_once() -> None:
    there = exchange(world(), gig("trip-1"), gig("trip-2", fare=20_00))
    (new,) = new_events(there, world(*FIRST, DOUBLED))
    assert isinstance(new.event, ContributionAdjusted)
    assert (new.stream, new.event.program_version, new.event.replaced_version) == (JUNE, 2, 1)
    assert moved_minor([new]) == 3_00
    assert [line.entitled_minor for line in new.event.lines] == [6_00]


def test_it_counts_the_gigs_that_count_by_the_facts_that_were_reported_last() -> None:
    there = exchange(world(), gig("trip-1"), gig("trip-2", fare=20_00), gig("trip-1", revision=1, fare=5_00))
    there.take(report(gig("trip-2", revision=1), cancelled=True))
    (new,) = new_events(there, world(*FIRST, DOUBLED))
    assert moved_minor([new]) == 50


def test_periods_before_the_late_version_keep_theirs() -> None:
    (since_july,) = versions(TENTH.replace("10 %", "20 %"), version=2, effective_from=date(2023, 7, 1))
    assert new_events(exchange(world(), gig()), world(*FIRST, since_july)) == []


def test_a_work_period_in_which_nothing_counts_is_left_alone() -> None:
    there = exchange(world(), gig())
    there.take(report(gig(revision=1), cancelled=True))
    assert new_events(there, world(*FIRST, DOUBLED)) == []


def test_a_later_version_moves_what_an_earlier_one_had_moved() -> None:
    there = exchange(world(), gig())
    new_events(there, world(*FIRST, DOUBLED))
    (new,) = new_events(there, world(*FIRST, DOUBLED, HALVED))
    assert isinstance(new.event, ContributionAdjusted)
    assert (new.event.program_version, new.event.replaced_version, moved_minor([new])) == (3, 2, -1_50)


def test_gigs_that_come_after_it_are_corrected_and_cancelled_as_ever() -> None:
    there = exchange(world(), gig("trip-1"), gig("trip-2"))
    new_events(there, world(*FIRST, DOUBLED))
    assert there.take(report(gig("trip-1", revision=1, fare=5_00))) == ["revised"]
    assert there.take(report(gig("trip-2", revision=1), cancelled=True)) == ["cancelled"]
    (amount,) = there.accrued()[JUNE].values()
    assert amount == 1_00


def test_an_event_about_all_gigs_changes_no_row_of_the_registry() -> None:
    there = exchange(world(), gig("trip-1"), gig("trip-2"))
    before = dict(there.registry)
    new_events(there, world(*FIRST, DOUBLED))
    assert there.registry == before


def test_a_version_that_cannot_assess_a_gig_leaves_its_work_period_as_it_is_and_the_others_go_on() -> None:
    other = gig("trip-3", worker_id="w-2", vehicle_class="car")
    there = exchange(world(), gig("trip-1", vehicle_class="car"), gig("trip-2", vehicle_class="boat"), other)
    known = len(there.log)
    findings = there.reassess(world(*FIRST, CARS))
    assert [(each.stream, each.code) for each in findings if not each.gig_id] == [(JUNE, "unlisted_class")]
    assert [new.stream for new in there.log[known:]] == ["work:uber:w-2:tenth:2023-06"]


def test_a_stream_is_outdated_where_gigs_count_by_another_version_than_the_one_in_force() -> None:
    there = exchange(world(), gig())
    (event,) = there.streams[JUNE]
    assert not is_outdated(world(), event)
    assert is_outdated(world(*FIRST, DOUBLED), event)
    there.take(report(gig(revision=1), cancelled=True))
    assert not is_outdated(world(*FIRST, DOUBLED), there.streams[JUNE][-1])
    assert not is_outdated(world(), GigRecorded("uber", gig()))


# A membership that was back-dated


def test_a_recorded_gig_is_accrued_by_a_program_joined_later() -> None:
    there = exchange(world(uber=()), gig("trip-1"), gig("trip-2", fare=20_00))
    written = new_events(there, world())
    assert kinds(written) == [(JUNE, ContributionAccrued)] * 2
    assert moved_minor(written) == 3_00
    assert [ref.stream for ref in there.registry["uber", "trip-1"].events] == [NONE, JUNE]


def test_only_gigs_from_the_day_of_the_membership_on_are_taken() -> None:
    joined = decider.fold([ProgramJoined("tenth", date(2023, 7, 1))], Platform("uber", "Uber"))
    within = Configuration(world().programs, {"uber": joined})
    july = gig("trip-2", completed_at=datetime.fromisoformat("2023-07-01T12:00:00-04:00"))
    there = exchange(world(uber=()), gig("trip-1"), july)
    assert kinds(new_events(there, within)) == [("work:uber:w-1:tenth:2023-07", ContributionAccrued)]


def test_a_gig_that_another_program_counts_is_counted_by_both() -> None:
    there = exchange(world(uber=("tenth",)), gig(engaged_seconds=3_600))
    written = new_events(there, world(uber=("tenth", "hours")))
    assert kinds(written) == [(SHARED, ContributionAccrued)]
    assert moved_minor(written) == 12_00


def test_gigs_that_come_into_a_pooled_work_period_divide_it_anew() -> None:
    there = exchange(world(lyft=("hours",)), gig("trip-9", engaged_seconds=3_600), platform_id="lyft")
    there.take(report(gig("trip-1", engaged_seconds=3_600)))
    (new,) = new_events(there, world(uber=("tenth", "hours"), lyft=("hours",)))
    assert isinstance(new.event, ContributionAccrued)
    assert [(line.platform_id, line.amount_minor) for line in new.event.lines] == [("lyft", -6_00), ("uber", 6_00)]


def test_a_cancelled_gig_is_left_alone() -> None:
    there = exchange(world(uber=()), gig("trip-1"), gig("trip-2"))
    there.take(report(gig("trip-1", revision=1), cancelled=True))
    assert [new.event.gig.gig_id for new in new_events(there, world())] == ["trip-2"]  # type: ignore[attr-defined]


def test_a_gig_that_moved_to_another_worker_while_recorded_counts_for_that_worker_alone() -> None:
    there = exchange(world(uber=()), gig("trip-1"), gig("trip-1", revision=1, worker_id="w-2"))
    assert kinds(new_events(there, world())) == [("work:uber:w-2:tenth:2023-06", ContributionAccrued)]


def test_a_suspended_platform_has_its_gigs_taken_still() -> None:
    there = exchange(world(uber=()), gig())
    now = world()
    suspended = decider.evolve(now.platforms["uber"], PlatformSuspended("unpaid"))
    assert kinds(new_events(there, Configuration(now.programs, {"uber": suspended}))) == [(JUNE, ContributionAccrued)]


def test_a_gig_corrected_after_it_was_taken_anew_is_adjusted_where_it_counts_by_now() -> None:
    there = exchange(world(uber=()), gig())
    new_events(there, world())
    assert there.take(report(gig())) == ["duplicate"]
    assert there.take(report(gig(revision=1, fare=20_00))) == ["revised"]
    assert isinstance(there.log[-1].event, ContributionAdjusted)
    assert there.take(report(gig(revision=2), cancelled=True)) == ["cancelled"]
    assert there.accrued() == {}


# A version that takes other gigs


def test_gigs_that_a_late_version_takes_no_more_are_reversed_and_recorded() -> None:
    there = exchange(world(), gig("trip-1", service="delivery"), gig("trip-2", service="ride"))
    written = new_events(there, world(*FIRST, RIDES))
    assert kinds(written) == [(JUNE, ContributionReversed), (JUNE, ContributionAdjusted), (NONE, GigRecorded)]
    assert moved_minor(written) == -1_00


def test_a_gig_that_leaves_is_not_measured_by_the_version_that_does_not_take_it() -> None:
    (cars,) = versions(BY_CLASS.replace("[base]", ONLY_RIDES), version=2)
    boat = gig("trip-1", service="delivery", vehicle_class="boat")
    there = exchange(world(), boat, gig("trip-2", service="ride", vehicle_class="car"))
    assert there.reassess(world(*FIRST, cars)) == []


def test_a_gig_that_comes_in_is_measured_by_the_version_that_takes_it() -> None:
    rides = versions(BY_CLASS.replace("[base]", ONLY_RIDES))
    (all_of_them,) = versions(BY_CLASS.replace('car = "10 %"', 'car = "10 %", boat = "20 %"'), version=2)
    there = exchange(
        world(*rides),
        gig("trip-1", service="ride", vehicle_class="car"),
        gig("trip-2", service="ferry", vehicle_class="boat"),
    )
    known = len(there.log)
    assert there.reassess(world(*rides, all_of_them)) == []
    assert moved_minor(there.log[known:]) == 2_00


def test_a_gig_goes_and_comes_back_with_the_versions() -> None:
    there = exchange(world(), gig(service="delivery"))
    new_events(there, world(*FIRST, RIDES))
    (third,) = versions(version=3)
    assert kinds(new_events(there, world(*FIRST, RIDES, third))) == [(JUNE, ContributionAccrued)]
    (fourth,) = versions(TENTH.replace("[base]", ONLY_RIDES), version=4)
    assert kinds(new_events(there, world(*FIRST, RIDES, third, fourth)))[0] == (JUNE, ContributionReversed)
    assert there.take(report(gig(revision=1, service="ride"))) == ["revised"]


def test_a_gig_that_a_program_cannot_assess_stays_where_it_is_whole() -> None:
    there = exchange(world(uber=("hours",)), gig(vehicle_class="boat", engaged_seconds=3_600))
    known = len(there.log)
    (finding,) = there.reassess(world(*versions(BY_CLASS), uber=("hours", "tenth")))
    assert (finding.stream, finding.gig_id, finding.code) == (SHARED, "trip-1", "unlisted_class")
    assert len(there.log) == known


# What was read is not all there is


def assess(there: MemoryExchange, known: dict[GigKey, RegisteredGig] | None = None) -> Plan:
    found = Reassessment(world(), there.streams, {"uber"})
    assert found.suspects.keys() == {("uber", "trip-1")}
    return found.plan(there.registry if known is None else known)


def test_a_gig_whose_row_says_something_newer_is_left_to_whoever_wrote_that() -> None:
    there = exchange(world(uber=()), gig())
    assert len(assess(there).events) == 1
    assert assess(there, {}) == Plan()
    newer = exchange(world(uber=()), gig(revision=1)).registry
    assert assess(there, newer) == Plan()


def test_a_corrupt_stream_leaves_its_worker_alone_and_says_so() -> None:
    there = exchange(world(), gig())
    broken: dict[str, list[object]] = {JUNE: [*there.streams[JUNE], InvariantBroken("position 7: bad")]}
    found = Reassessment(world(*FIRST, DOUBLED), broken, {"uber"})
    assert found.suspects == {}
    assert found.plan({}) == Plan(findings=(Finding(JUNE, "invariant_broken", "position 7: bad"),))


def test_a_history_that_does_not_hold_all_gigs_that_count_leaves_its_worker_alone_and_says_so() -> None:
    there = exchange(world(), gig("trip-1"), gig("trip-2"))
    found = Reassessment(world(*FIRST, DOUBLED), {JUNE: there.streams[JUNE][1:]})
    (finding,) = found.plan({}).findings
    assert finding.code == "invariant_broken"


def test_a_finding_names_the_stream_that_is_broken_not_the_worker_s_first() -> None:
    july = datetime.fromisoformat("2023-07-10T12:00:00-04:00")
    there = exchange(world(), gig("trip-1"), gig("trip-2", completed_at=july), gig("trip-3", completed_at=july))
    whole, lacking = there.streams[JUNE], there.streams[JULY][1:]
    (finding,) = Reassessment(world(*FIRST, DOUBLED), {JUNE: whole, JULY: lacking}).plan({}).findings
    assert (finding.stream, finding.code) == (JULY, "invariant_broken")
