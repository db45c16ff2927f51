"""Messages that leave quarantine: taken the way they went when they arrived, or given up."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.rejections import Conflict, Malformed
from infra.kafka import wire
from projections import worker_balance
from services import operations
from services.redrive import AlreadyResolved, MessageNotInQuarantine, Redriven, discard, redrive
from tests.support.gigs import NOW, gig
from tests.support.scene import Scene

BY = operations.By("grace", NOW + timedelta(hours=1))


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """A platform that was suspended while two gigs arrived, and is not any more."""
    scene = Scene(database, tmp_path)
    scene.publish_shipped()
    scene.register("uber", demo_weekly=date(2021, 12, 27))
    operations.suspend(scene.log, "uber", "unpaid", BY)
    scene.gigs.report("uber", gig("trip-1", fare=200_00), gig("trip-2", fare=100_00))
    scene.ingest()
    operations.reinstate(scene.log, "uber", BY)
    yield scene
    scene.close()


def numbers(scene: Scene) -> list[int]:
    return [each.quarantine_id for each in scene.reads.quarantine()]


def again(scene: Scene, *wanted: int) -> list[Redriven]:
    return redrive(scene.log, scene.reads, wire.report, BY, wanted or None)


def pending_minor(scene: Scene) -> int:
    scene.project()
    _, rows = scene.reads.rows(worker_balance.view, {"worker_id": "w-1"})
    return sum(pending for (pending,) in rows.values())


def test_a_message_is_taken_as_if_it_had_just_arrived(scene: Scene) -> None:
    first, second = numbers(scene)
    offsets = scene.reads.offsets()
    assert again(scene) == [Redriven(first, "new"), Redriven(second, "new")]
    assert pending_minor(scene) == 12_00
    assert numbers(scene) == []
    found = scene.reads.quarantined(first)
    assert found is not None
    assert (found.state, found.resolution) == ("redriven", "new, re-driven by grace")
    assert scene.reads.offsets() == offsets


def test_its_events_name_who_took_it(scene: Scene) -> None:
    head = scene.log.head()
    again(scene, numbers(scene)[0])
    assert {each.actor for each in scene.log.after(head, 10)} == {"grace"}


def test_taking_it_again_changes_nothing(scene: Scene) -> None:
    first, _ = numbers(scene)
    again(scene, first)
    head = scene.log.head()
    assert again(scene, first) == []
    assert scene.log.head() == head


def test_what_was_reported_meanwhile_is_a_duplicate(scene: Scene) -> None:
    scene.gigs.report("uber", gig("trip-1", fare=200_00), gig("trip-2", fare=50_00, revision=1))
    scene.ingest()
    assert [each.outcome for each in again(scene)] == ["duplicate", "stale"]
    assert numbers(scene) == []


def test_what_is_refused_again_stays_with_the_reason_of_today(scene: Scene) -> None:
    first, second = numbers(scene)
    scene.gigs.report("uber", gig("trip-1", fare=1_00))
    scene.ingest()
    refused, taken = again(scene)
    assert (refused.quarantine_id, refused.outcome, refused.reason) == (first, "quarantined", "conflict")
    assert taken == Redriven(second, "new")
    (left,) = scene.reads.quarantine()
    assert (left.quarantine_id, left.refused.reason, left.refused.detail) == (first, "conflict", refused.detail)


def test_two_who_take_the_same_message_take_it_once(scene: Scene) -> None:
    (first, *_), taken = numbers(scene), scene.reads.quarantine()
    again(scene, first)
    with pytest.raises(Conflict), scene.log.transaction() as transaction:
        transaction.resolve({first: "mine"}, "redriven", NOW)
    assert {each.state for each in taken} == {"open"}
    assert pending_minor(scene) == 8_00


def test_a_message_is_discarded_with_a_reason_and_a_name(scene: Scene) -> None:
    first, second = numbers(scene)
    with pytest.raises(Malformed):
        discard(scene.log, scene.reads, BY, [first], " ")
    assert discard(scene.log, scene.reads, BY, [first], "sent by mistake") == [first]
    assert discard(scene.log, scene.reads, BY, [first], "sent by mistake") == []
    found = scene.reads.quarantined(first)
    assert found is not None
    assert (found.state, found.resolution) == ("discarded", "by grace: sent by mistake")
    assert numbers(scene) == [second]


def test_a_message_leaves_quarantine_only_one_way(scene: Scene) -> None:
    first, second = numbers(scene)
    discard(scene.log, scene.reads, BY, [first], "sent by mistake")
    again(scene, second)
    with pytest.raises(AlreadyResolved):
        again(scene, first)
    with pytest.raises(AlreadyResolved):
        discard(scene.log, scene.reads, BY, [second], "no")
    with pytest.raises(MessageNotInQuarantine):
        again(scene, 10**9)
