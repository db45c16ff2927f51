"""What operators do, on a real log: each change once, each repetition nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from msgspec.structs import replace

from domain.configuration import ProgramNotFound
from domain.platform import NotMember, PeriodHasAccruals, Platform, PlatformNotFound
from domain.program import ProgramTermsFixed, ProgramVersionExists
from domain.rejections import Malformed
from services import operations
from services.operations import Done, NewTopic
from tests.support.gigs import NOW, TENTH, gig, versions
from tests.support.scene import BY, Scene

(TENTH_VERSION,) = versions(TENTH)


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(database, tmp_path)
    operations.publish(scene.log, TENTH_VERSION, BY)
    scene.register("uber", tenth=date(2023, 1, 1))
    yield scene
    scene.close()


def _epoch(scene: Scene) -> int:
    return scene.log.configuration().epoch


def test_what_changes_nothing_raises_no_epoch_and_keeps_its_position(scene: Scene) -> None:
    before, head = _epoch(scene), scene.log.head()
    repeated: list[Done[Any]] = [
        operations.publish(scene.log, TENTH_VERSION, BY),
        operations.register(scene.log, scene.topics, NewTopic(), "uber", "Uber", BY),
        operations.join(scene.log, "uber", "tenth", date(2023, 1, 1), BY),
        operations.reinstate(scene.log, "uber", BY),
    ]
    assert [done.changed for done in repeated] == [False] * 4
    assert (_epoch(scene), scene.log.head()) == (before, head)
    assert [done.position for done in repeated] == [1, 3, 3, 3]


def test_each_change_raises_the_epoch_by_one(scene: Scene) -> None:
    before = _epoch(scene)
    suspended = operations.suspend(scene.log, "uber", "unpaid", BY)
    reinstated = operations.reinstate(scene.log, "uber", BY)
    assert (suspended.state.suspended, reinstated.state.suspended) == ("unpaid", None)
    assert (reinstated.position, _epoch(scene)) == (scene.log.head(), before + 2)


def test_leaving_before_accruals_is_refused_and_after_them_is_not(scene: Scene) -> None:
    scene.gigs.report("uber", gig())
    scene.ingest()
    with pytest.raises(PeriodHasAccruals):
        operations.leave(scene.log, "uber", "tenth", date(2023, 6, 1), BY)
    left = operations.leave(scene.log, "uber", "tenth", date(2023, 7, 1), BY)
    assert left.state.memberships[0].effective_until == date(2023, 7, 1)
    assert not operations.leave(scene.log, "uber", "tenth", date(2023, 7, 1), BY).changed
    with pytest.raises(NotMember):
        operations.leave(scene.log, "uber", "tenth", date(2023, 8, 1), BY)


def test_what_does_not_exist_is_named(scene: Scene) -> None:
    with pytest.raises(ProgramNotFound):
        operations.join(scene.log, "uber", "no-such", date(2023, 1, 1), BY)
    with pytest.raises(PlatformNotFound):
        operations.join(scene.log, "lyft", "tenth", date(2023, 1, 1), BY)
    with pytest.raises(PlatformNotFound):
        operations.suspend(scene.log, "lyft", "unpaid", BY)


@pytest.mark.parametrize(
    ("platform_id", "name"), [("Uber", "x"), ("", "x"), ("a:b", "x"), ("ok", ""), ("ok", "x" * 201)]
)
def test_what_no_platform_can_be_called_is_malformed(scene: Scene, platform_id: str, name: str) -> None:
    with pytest.raises(Malformed):
        operations.register(scene.log, scene.topics, NewTopic(), platform_id, name, BY)
    assert scene.topics.made == ["gigs.uber"]


def test_a_batch_decides_by_what_an_operation_changed(scene: Scene) -> None:
    scene.gigs.report("uber", gig("trip-1"))
    scene.ingest()
    operations.suspend(scene.log, "uber", "unpaid", BY)
    scene.gigs.report("uber", gig("trip-2"))
    scene.ingest()
    assert [each.refused.reason for each in scene.reads.quarantine()] == ["suspended_platform"]


def test_shipped_programs_are_published_once_and_a_difference_stops_nothing(scene: Scene) -> None:
    second = replace(TENTH_VERSION, version=2, title="Another title")
    assert operations.publish_shipped(scene.log, [TENTH_VERSION, second], NOW) == [second]
    epoch = _epoch(scene)
    edited = replace(second, title="Edited in the file")
    impossible = replace(second, version=3, currency="EUR")
    assert operations.publish_shipped(scene.log, [edited, impossible], NOW) == []
    assert _epoch(scene) == epoch
    with pytest.raises(ProgramVersionExists):
        operations.publish(scene.log, edited, BY)


def test_unpublished_is_what_publishing_would_add_and_all_of_it_is_checked(scene: Scene) -> None:
    second = replace(TENTH_VERSION, version=2, title="Another title")
    assert operations.unpublished(scene.log, [TENTH_VERSION, second]) == [second]
    with pytest.raises(ProgramVersionExists):
        operations.unpublished(scene.log, [second, replace(TENTH_VERSION, title="Edited")])
    with pytest.raises(ProgramTermsFixed):
        operations.unpublished(
            scene.log, [replace(second, id="new"), replace(second, id="new", version=3, currency="EUR")]
        )
    assert len(scene.log.stream("program:tenth")) == 1


def test_a_version_concerns_accruals_from_its_first_day_on(scene: Scene) -> None:
    assert not operations.has_accruals_since(scene.log, TENTH_VERSION)
    scene.gigs.report("uber", gig())
    scene.ingest()
    for day, expected in ((date(2023, 1, 1), True), (date(2023, 6, 1), True), (date(2023, 7, 1), False)):
        late = replace(TENTH_VERSION, version=2, effective_from=day)
        assert operations.has_accruals_since(scene.log, late) == expected
    assert not operations.has_accruals_since(scene.log, replace(TENTH_VERSION, id="another"))


def test_the_same_registration_at_the_same_time_happens_once(scene: Scene) -> None:
    barrier = Barrier(4)

    def register(_: int) -> Done[Platform]:
        barrier.wait()
        return operations.register(scene.log, scene.topics, NewTopic(), "lyft", "Lyft", BY)

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(register, range(4)))
    assert sorted(each.changed for each in done) == [False, False, False, True]
    assert len({each.position for each in done}) == 1
