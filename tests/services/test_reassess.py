"""The re-assessment job on a real log: late versions and back-dated memberships come to count, and nothing twice."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Event as Flag

import pytest
from msgspec.structs import replace

from domain.rule import ProgramVersion
from domain.work_period import Contribution, ContributionAdjusted
from services.effect import Effect
from services.reassess import due_since, preview
from tests.support.gigs import NOW, gig, report, versions
from tests.support.late_scene import audit, events, fleet, job, join, late_scene, pending_minor, publish, take, usd
from tests.support.late_versions import BY_CLASS, CARS, DOUBLED, FIRST, HALVED, POOLED_DOUBLED, RIDES
from tests.support.scene import Scene
from tests.support.taking import TakingProcess


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """Two platforms, of which one counts a tenth of the fare from January on; nothing is due."""
    with late_scene(database, tmp_path) as scene:
        yield scene


# A version that was published late


def test_a_late_version_accrues_the_difference_for_every_work_period(scene: Scene) -> None:
    take(scene, *fleet(3, gigs_each=2))
    publish(scene, DOUBLED)
    head = scene.log.head()
    assert job(scene).all_due() == Effect(work_periods=3, workers=3, platforms=1, money=usd(6_00, 6_00))
    written = events(scene, head)
    assert {type(each.event) for each in written} == {ContributionAdjusted}
    assert {each.actor for each in written} == {"reassess"}
    assert pending_minor(scene) == 4_00
    audit(scene)


def test_doing_it_twice_does_nothing(scene: Scene) -> None:
    take(scene, *fleet(3))
    publish(scene, DOUBLED)
    job(scene).all_due()
    head = scene.log.head()
    assert job(scene).all_due() == Effect()
    assert job(scene).step(Flag()) == Effect()
    assert scene.log.head() == head


def test_nothing_that_was_written_changes(scene: Scene) -> None:
    take(scene, *fleet(3))
    publish(scene, DOUBLED)
    before = events(scene)
    job(scene).all_due()
    assert events(scene)[: len(before)] == before


def test_first_versions_and_those_of_the_future_lead_to_nothing(scene: Scene) -> None:
    take(scene, *fleet(3))
    publish(scene, replace(DOUBLED, effective_from=date(2026, 1, 1)))
    assert due_since(scene.log) is None
    assert job(scene).all_due() == Effect()


def test_a_later_version_still_moves_what_the_late_one_had_moved(scene: Scene) -> None:
    take(scene, *fleet(3))
    publish(scene, DOUBLED)
    job(scene).all_due()
    publish(scene, HALVED)
    assert job(scene).all_due().money == usd(-4_50, 0, 4_50)
    assert pending_minor(scene) == 50
    audit(scene)


def test_two_versions_published_before_the_job_runs_are_one_move(scene: Scene) -> None:
    take(scene, *fleet(3))
    publish(scene, DOUBLED, HALVED)
    assert job(scene).all_due().money == usd(-1_50, 0, 1_50)
    assert len([each for each in events(scene) if isinstance(each.event, ContributionAdjusted)]) == 3


def test_gigs_go_on_by_the_late_version_and_are_corrected_under_it(scene: Scene) -> None:
    take(scene, *fleet(2, gigs_each=2))
    publish(scene, DOUBLED)
    job(scene).all_due()
    take(scene, gig("trip-1-0", worker_id="w-1", revision=1, fare=1_00), gig("trip-9", worker_id="w-1"))
    take(scene, gig("trip-1-1", worker_id="w-1", revision=1), cancelled=True)
    assert pending_minor(scene) == 2_20
    audit(scene)


def test_a_pooled_program_divides_what_a_late_version_grants(scene: Scene) -> None:
    join(scene, "uber", "hours")
    join(scene, "lyft", "hours")
    take(scene, *fleet(3))
    take(scene, *fleet(3), platform_id="lyft")
    publish(scene, POOLED_DOUBLED)
    effect = job(scene).all_due()
    assert (effect.work_periods, effect.platforms, effect.money) == (3, 2, usd(36_00, 36_00))
    assert pending_minor(scene) == 25_00
    audit(scene)


def test_what_a_version_cannot_assess_stays_and_is_said_until_a_version_can(scene: Scene) -> None:
    take(scene, *fleet(2, vehicle_class="car"), gig("trip-9", worker_id="w-1", vehicle_class="boat"))
    publish(scene, CARS)
    head = scene.log.head()
    for _ in range(2):
        effect = job(scene).all_due()
        assert [(each.stream, each.code) for each in effect.findings] == [
            ("work:uber:w-1:tenth:2023-06", "unlisted_class")
        ]
    assert [each.stream for each in events(scene, head)] == ["work:uber:w-0:tenth:2023-06"]
    assert due_since(scene.log) == NOW
    publish(scene, HALVED)
    assert job(scene).all_due().findings_count == 0
    assert due_since(scene.log) is None
    audit(scene)


def test_a_corrupt_stream_is_left_alone_and_the_others_go_on(scene: Scene) -> None:
    take(scene, *fleet(3))
    publish(scene, DOUBLED)
    stream = "work:uber:w-1:tenth:2023-06"
    scene.datastore.read("update exchange_events set state = '{' where originator_id = %b returning 1", stream)
    effect = job(scene).all_due()
    assert (effect.workers, [(each.stream, each.code) for each in effect.findings]) == (
        2,
        [(stream, "invariant_broken")],
    )


def test_a_process_that_remembers_the_stream_as_it_was_reads_it_before_it_refuses_a_gig(scene: Scene) -> None:
    publish(scene, CARS)
    process = TakingProcess(scene.log)
    assert process.take(report(gig("trip-1", vehicle_class="car"))) == ["new"]
    publish(scene, *versions(BY_CLASS.replace('car = "10 %"', 'car = "10 %", bike = "5 %"'), version=3))
    job(scene).all_due()
    assert process.take(report(gig("trip-2", vehicle_class="bike"))) == ["new"]
    assert process.conflicts == ["decided on streams as they were remembered"]


# A membership that was back-dated


def test_gigs_recorded_before_a_platform_joined_accrue(scene: Scene) -> None:
    take(scene, *fleet(3, gigs_each=2), platform_id="lyft")
    join(scene, "lyft", "tenth")
    assert job(scene).all_due() == Effect(work_periods=3, workers=3, platforms=1, gigs=6, money=usd(6_00, 6_00))
    assert job(scene).all_due() == Effect()
    assert pending_minor(scene) == 2_00
    audit(scene)


def test_they_are_known_and_corrected_like_any_other(scene: Scene) -> None:
    take(scene, *fleet(2), platform_id="lyft")
    join(scene, "lyft", "tenth")
    job(scene).all_due()
    head = scene.log.head()
    take(scene, *fleet(2), platform_id="lyft")
    assert not [each for each in events(scene, head) if isinstance(each.event, Contribution)]
    take(scene, gig("trip-1-0", worker_id="w-2", revision=1, fare=5_00), platform_id="lyft")
    assert (pending_minor(scene), pending_minor(scene, "w-2")) == (0, 50)
    audit(scene)


def test_gigs_that_count_already_are_shared_with_the_program_that_is_joined(scene: Scene) -> None:
    take(scene, *fleet(2, gigs_each=2))
    take(scene, *fleet(2, gigs_each=1), platform_id="lyft")
    join(scene, "uber", "hours")
    join(scene, "lyft", "hours")
    effect = job(scene).all_due()
    assert (effect.gigs, effect.money) == (6, usd(24_00, 24_00))
    assert pending_minor(scene) == 14_00
    audit(scene)


def test_a_late_version_that_takes_fewer_gigs_lets_the_others_go(scene: Scene) -> None:
    take(scene, *fleet(2, service="ride"), *[gig("trip-9", worker_id="w-1", service="delivery")])
    publish(scene, RIDES)
    effect = job(scene).all_due()
    assert (effect.work_periods, effect.gigs, effect.money) == (2, 1, usd(-1_00, 0, 1_00))
    assert pending_minor(scene) == 1_00
    audit(scene)


# Before it is done


@pytest.mark.parametrize("versions", [[DOUBLED], [HALVED], [RIDES], [CARS]])
def test_what_a_version_would_move_is_what_it_moves_to_the_cent(scene: Scene, versions: list[ProgramVersion]) -> None:
    kinds = [("ride", "car"), ("delivery", "car"), ("ride", "boat"), (None, None)]
    for number, (service, vehicle_class) in enumerate(kinds):
        fields = {"service": service, "vehicle_class": vehicle_class}
        workers = [f"w-{at % 3}-{number % 2}" for at in range(5)]
        take(
            scene,
            *[gig(f"t-{number}-{at}", fare=7_77, worker_id=worker, **fields) for at, worker in enumerate(workers)],
        )
    head = scene.log.head()
    expected = preview(scene.log, scene.reads, versions[0])
    assert expected.work_periods or expected.findings
    assert scene.log.head() == head
    publish(scene, *versions)
    assert job(scene).preview() == expected
    assert job(scene).all_due() == expected


def test_a_published_version_would_move_nothing(scene: Scene) -> None:
    take(scene, *fleet(3))
    assert preview(scene.log, scene.reads, FIRST[0]) == Effect()


def test_what_is_due_can_be_asked_without_doing_it(scene: Scene) -> None:
    take(scene, *fleet(3), platform_id="lyft")
    join(scene, "lyft", "tenth")
    head = scene.log.head()
    expected = job(scene).preview()
    assert (scene.log.head(), expected.gigs) == (head, 3)
    assert job(scene).all_due() == expected
