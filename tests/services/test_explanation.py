"""A gig's explanation says what is true of it now, also after it went from one program to another or to none."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from services import operations
from services.explanation import GigNotFound, explain
from tests.support.gigs import TENTH, gig, versions
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
