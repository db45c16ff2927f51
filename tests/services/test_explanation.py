"""A gig's explanation says what is true of it now, also after it went from one program to another or to none."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from services import operations
from services.explanation import GigNotFound, explain
from tests.support.gigs import TENTH, gig, versions
from tests.support.late_scene import job, publish, take
from tests.support.scene import BY, Scene

ONLY_NEW_YORK = TENTH.replace("[base]", '[applies_to]\njurisdictions = ["US-NY"]\n\n[base]')


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(database, tmp_path)
    operations.publish(scene.log, versions(ONLY_NEW_YORK)[0], BY)
    scene.register("uber")
    yield scene
    scene.close()


def _join(scene: Scene) -> None:
    operations.join(scene.log, "uber", "tenth", date(2023, 1, 1), BY)


def test_a_gig_recorded_first_and_counted_by_its_next_revision_is_counted(scene: Scene) -> None:
    scene.gigs.report("uber", gig())
    scene.ingest()
    assert explain(scene.reads, "uber", "trip-1").state == "recorded"
    _join(scene)
    scene.gigs.report("uber", gig(revision=1))
    scene.ingest()
    found = explain(scene.reads, "uber", "trip-1")
    assert (found.state, found.words, found.facts.revision) == ("counted", "Counted by tenth in 2023-06.", 1)


def test_a_gig_that_left_every_program_is_recorded_and_shows_the_reversal(scene: Scene) -> None:
    _join(scene)
    scene.gigs.report("uber", gig(jurisdiction="US-NY"), gig(jurisdiction="US-CA", revision=1))
    scene.ingest()
    found = explain(scene.reads, "uber", "trip-1")
    assert (found.state, found.facts.jurisdiction) == ("recorded", "US-CA")
    (part,) = found.parts
    assert (part.kind, part.reason, part.words) == (
        "reversed",
        "moved",
        "Moved by revision 1: nothing of it counts in 2023-06 any more.",
    )
    assert [line.words for line in part.lines] == ["entitled to 0.00 now, 1.00 before: -1.00"]


def test_a_recorded_gig_that_is_cancelled_is_cancelled(scene: Scene) -> None:
    scene.gigs.report("uber", gig())
    scene.gigs.report("uber", gig(revision=1), cancelled=True)
    scene.ingest()
    found = explain(scene.reads, "uber", "trip-1")
    assert (found.state, found.words) == ("cancelled", "Cancelled by revision 1: it counts nowhere.")


def test_a_worker_sees_only_a_part_that_is_theirs(scene: Scene) -> None:
    _join(scene)
    scene.gigs.report("uber", gig(), gig(revision=1, worker_id="w-2"))
    scene.ingest()
    assert explain(scene.reads, "uber", "trip-1", "w-2").state == "counted"
    with pytest.raises(GigNotFound):
        explain(scene.reads, "uber", "trip-1", "w-1")


def test_a_worker_whose_gig_went_to_somebody_without_a_program_learns_only_that_it_moved(scene: Scene) -> None:
    _join(scene)
    scene.gigs.report("uber", gig(jurisdiction="US-NY"), gig(jurisdiction="US-CA", revision=1, worker_id="w-2"))
    scene.ingest()
    found = explain(scene.reads, "uber", "trip-1", "w-1")
    assert (found.state, found.words, found.facts.worker_id) == (
        "moved",
        "Moved by revision 1: it does not count here any more.",
        "w-1",
    )
    assert explain(scene.reads, "uber", "trip-1", "w-2").parts == ()


# A work period that was assessed again


def test_a_gig_is_explained_by_the_version_that_it_counts_by_now(scene: Scene) -> None:
    _join(scene)
    take(scene, gig("trip-0", fare=5_00), gig(), gig("trip-2", fare=1_00))
    publish(scene, replace(versions(ONLY_NEW_YORK.replace("10 %", "20 %"))[0], version=2))
    job(scene).all_due()
    take(scene, gig("trip-3", fare=4_00))
    (part,) = explain(scene.reads, "uber", "trip-1").parts
    assert (part.event.program_version, part.counts_by_version) == (1, 2)
    assert part.words == (
        "Revision 0 counts in 2023-06. Since then all gigs of 2023-06 count by version 2 instead of version 1."
    )
    assert part.arithmetic == (
        "10 % of 15.00 so far in the month (5.00 before) = 1.50 → 1.50, half up per month",
        "by version 2 now: 20 % of 20.00 so far in the month = 4.00 → 4.00, half up per month",
    )


def test_a_gig_that_came_after_the_late_version_is_explained_by_it_alone(scene: Scene) -> None:
    _join(scene)
    take(scene, gig())
    publish(scene, replace(versions(ONLY_NEW_YORK.replace("10 %", "20 %"))[0], version=2))
    job(scene).all_due()
    take(scene, gig("trip-3", fare=4_00))
    (part,) = explain(scene.reads, "uber", "trip-3").parts
    assert (part.event.program_version, part.counts_by_version) == (2, 2)
    assert part.words == "Revision 0 counts in 2023-06."
    assert part.arithmetic == ("20 % of 14.00 so far in the month (10.00 before) = 2.80 → 2.80, half up per month",)


def test_a_gig_taken_out_before_the_late_version_is_not_explained_by_it(scene: Scene) -> None:
    _join(scene)
    take(scene, gig(), gig("trip-2", fare=1_00))
    take(scene, gig(revision=1), cancelled=True)
    publish(scene, replace(versions(ONLY_NEW_YORK.replace("10 %", "20 %"))[0], version=2))
    job(scene).all_due()
    (part,) = explain(scene.reads, "uber", "trip-1").parts
    assert (part.counts_by_version, part.words) == (
        1,
        "Cancelled by revision 1: nothing of it counts in 2023-06 any more.",
    )
    assert part.arithmetic == (
        "taken out: 10 % of 1.00 so far in the month (11.00 before) = 0.10 → 0.10, half up per month",
    )


def test_a_version_that_tells_classes_apart_explains_gigs_that_an_earlier_one_did_not(scene: Scene) -> None:
    _join(scene)
    take(scene, gig(vehicle_class="car"), gig("trip-2", vehicle_class="car"))
    by_class = ONLY_NEW_YORK.replace('"10 %"', '{ by_vehicle_class = { car = "10 %", bicycle = "20 %" } }')
    publish(scene, replace(versions(by_class)[0], version=2))
    job(scene).all_due()
    (part,) = explain(scene.reads, "uber", "trip-1").parts
    assert part.arithmetic[1] == (
        "by version 2 now: 10 % (car) of 20.00 so far in the month = 2.00 → 2.00, half up per month"
    )


def test_a_line_says_what_it_would_be_without_caps(scene: Scene) -> None:
    capped = TENTH.replace('"tenth"', '"capped"').replace("[[rules]]", '[[rules]]\ncap = { per_period = "0.50" }')
    publish(scene, versions(capped)[0])
    operations.join(scene.log, "uber", "capped", date(2023, 1, 1), BY)
    take(scene, gig())
    (part,) = explain(scene.reads, "uber", "trip-1").parts
    assert [line.words for line in part.lines] == ["entitled to 0.50 now, 0.00 before: 0.50; 1.00 without caps"]
