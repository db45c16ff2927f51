"""Gigs of several platforms in one pooled program: what each platform owes, and what each gig moves for whom.

The program is the one of Massachusetts: 537.00 a quarter from 15 engaged hours a week on all platforms together,
1,074.00 from 25. The second quarter of 2025 has 13 weeks, so that 195 and 325 hours reach them.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from domain.gig import Gig
from domain.identifiers import work_stream
from domain.message import QuarantinedMessage
from domain.recorded_gig import GigRecorded
from domain.totals import Cell
from domain.work_period import (
    Contribution,
    ContributionAccrued,
    ContributionAdjusted,
    ContributionReversed,
    Line,
)
from infra.kafka import wire
from projections import platform_liability, worker_balance
from services import operations
from services.redrive import redrive
from tests.support.gigs import gig, report, versions
from tests.support.pooled import HOURS
from tests.support.scene import BY, Scene
from tests.support.taking import TakingProcess, open_exchange

PROGRAM = "massachusetts-health-stipend"
QUARTER = "2025-Q2"
MAY = datetime.fromisoformat("2025-05-14T12:00:00-04:00")
BEGINNING = date(2025, 1, 1)


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """Two platforms in the program."""
    scene = Scene(database, tmp_path)
    scene.now = datetime(2025, 12, 31, tzinfo=UTC)
    scene.publish_shipped()
    scene.register("lyft", massachusetts_health_stipend=BEGINNING)
    scene.register("uber", massachusetts_health_stipend=BEGINNING)
    yield scene
    scene.close()


def drive(gig_id: str, hours: int, **fields: Any) -> Gig:
    """A ride in Massachusetts, however long."""
    facts: dict[str, Any] = {"completed_at": MAY, "jurisdiction": "US-MA", "service": "ride"}
    return gig(gig_id, engaged_seconds=hours * 3_600, **facts | fields)


def changed(facts: Gig, **fields: Any) -> Gig:
    """The next revision of a gig, with these facts changed."""
    return msgspec.structs.replace(facts, revision=facts.revision + 1, **fields)


def take(scene: Scene, platform_id: str, *facts: Gig, cancelled: bool = False) -> None:
    """Report gigs and take them, in batches of their own."""
    for each in facts:
        scene.gigs.report(platform_id, each, cancelled=cancelled)
        scene.ingest()


def history(scene: Scene, worker_id: str = "w-1") -> list[Contribution]:
    """What stands in a worker's stream of the quarter."""
    events = [each.event for each in scene.log.stream(work_stream("pooled", worker_id, PROGRAM, QUARTER))]
    return [event for event in events if isinstance(event, Contribution)]


def moved(event: Contribution) -> dict[str, int]:
    """What an event moved, by platform."""
    return {line.platform_id: line.amount_minor for line in event.lines}


def owed(scene: Scene) -> dict[str, int]:
    """What each platform owes for the quarter."""
    scene.project()
    _, rows = scene.reads.rows(platform_liability.view, {"program_id": PROGRAM})
    return {platform_id: amount for (platform_id, _, _, _, _), (amount,) in rows.items() if amount}


def balance(scene: Scene, worker_id: str = "w-1") -> int:
    """What a worker has."""
    scene.project()
    _, rows = scene.reads.rows(worker_balance.view, {"worker_id": worker_id})
    return sum(pending for (pending,) in rows.values())


# Reaching fifteen hours


@pytest.mark.parametrize("order", [("uber", "lyft"), ("lyft", "uber")])
def test_fifteen_hours_reached_on_two_platforms_are_paid_once(scene: Scene, order: tuple[str, str]) -> None:
    """10 and 5 hours a week: neither platform reaches the threshold by itself."""
    hours = {"uber": 130, "lyft": 65}
    for platform_id in order:
        take(scene, platform_id, drive("trip-1", hours[platform_id]))
    first, second = history(scene)
    assert first.lines == ()
    assert second.lines == (
        Line("health", "platform", "lyft", 179_00, 179_00),
        Line("health", "platform", "uber", 358_00, 358_00),
    )
    assert owed(scene) == {"uber": 358_00, "lyft": 179_00}
    assert balance(scene) == 537_00


def test_an_hour_less_on_both_together_pays_nothing(scene: Scene) -> None:
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", drive("trip-1", 64))
    assert [event.lines for event in history(scene)] == [(), ()]
    assert (owed(scene), balance(scene)) == ({}, 0)


def test_the_totals_say_what_each_platform_reported(scene: Scene) -> None:
    take(scene, "uber", drive("trip-1", 130), drive("trip-2", 1))
    take(scene, "lyft", drive("trip-1", 65))
    cells = history(scene)[-1].totals
    assert {(cell.platform_id, cell.gigs, cell.engaged_seconds) for cell in cells} == {
        ("uber", 2, 131 * 3_600),
        ("lyft", 1, 65 * 3_600),
    }


def test_what_other_workers_drive_does_not_count(scene: Scene) -> None:
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", drive("trip-1", 65, worker_id="w-2"))
    assert (balance(scene), balance(scene, "w-2")) == (0, 0)


# Later gigs


def test_each_later_gig_divides_anew_and_says_what_it_moved_for_whom(scene: Scene) -> None:
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", drive("trip-1", 65))
    take(scene, "uber", drive("trip-2", 65))
    take(scene, "lyft", drive("trip-2", 1))
    *_, third, fourth = history(scene)
    # 195 and 65 of 260 hours: 402.75 and 134.25; then 195 and 66 of 261: 401.2069 and 135.7931.
    assert third.platform_id == "uber"
    assert third.lines == (
        Line("health", "platform", "lyft", -44_75, 134_25),
        Line("health", "platform", "uber", 44_75, 402_75),
    )
    assert fourth.platform_id == "lyft"
    assert moved(fourth) == {"lyft": 1_54, "uber": -1_54}
    assert owed(scene) == {"uber": 401_21, "lyft": 135_79}
    assert balance(scene) == 537_00


def test_twenty_five_hours_raise_what_every_platform_owes(scene: Scene) -> None:
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", drive("trip-1", 65), drive("trip-2", 130))
    assert moved(history(scene)[-1]) == {"lyft": 465_40, "uber": 71_60}
    assert owed(scene) == {"uber": 429_60, "lyft": 644_40}
    assert balance(scene) == 1_074_00


def test_a_gig_after_which_nobody_owes_more_still_says_what_is_owed(scene: Scene) -> None:
    take(scene, "uber", drive("trip-1", 195), drive("trip-2", 1))
    assert history(scene)[-1].lines == (Line("health", "platform", "uber", 0, 537_00),)


# Corrections


def test_a_correction_below_the_threshold_takes_it_back_from_both(scene: Scene) -> None:
    facts = drive("trip-1", 65)
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", facts, changed(facts, engaged_seconds=64 * 3_600))
    adjusted = history(scene)[-1]
    assert isinstance(adjusted, ContributionAdjusted)
    assert moved(adjusted) == {"uber": -358_00, "lyft": -179_00}
    assert (owed(scene), balance(scene)) == ({}, 0)


def test_a_cancellation_takes_the_platform_out_of_the_division(scene: Scene) -> None:
    facts = drive("trip-1", 65)
    take(scene, "uber", drive("trip-1", 195))
    take(scene, "lyft", facts)
    assert owed(scene) == {"uber": 402_75, "lyft": 134_25}
    take(scene, "lyft", changed(facts), cancelled=True)
    reversed_ = history(scene)[-1]
    assert isinstance(reversed_, ContributionReversed)
    assert moved(reversed_) == {"uber": 134_25, "lyft": -134_25}
    assert [cell.platform_id for cell in reversed_.totals] == ["uber"]
    assert owed(scene) == {"uber": 537_00}
    assert balance(scene) == 537_00


def test_a_gig_that_is_reported_anew_after_its_cancellation_counts_again(scene: Scene) -> None:
    facts = drive("trip-1", 65)
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", facts)
    take(scene, "lyft", changed(facts), cancelled=True)
    assert balance(scene) == 0
    take(scene, "lyft", changed(changed(facts)))
    assert isinstance(history(scene)[-1], ContributionAccrued)
    assert owed(scene) == {"uber": 358_00, "lyft": 179_00}


def test_a_cancellation_that_comes_first_moves_nothing_for_anybody(scene: Scene) -> None:
    facts = drive("trip-1", 65)
    take(scene, "uber", drive("trip-1", 195))
    take(scene, "lyft", changed(facts), cancelled=True)
    take(scene, "lyft", facts)
    *_, last = history(scene)
    assert moved(last) == {"uber": 0}
    assert owed(scene) == {"uber": 537_00}


def test_a_gig_that_moves_to_another_worker_takes_its_hours_along(scene: Scene) -> None:
    facts = drive("trip-1", 65)
    take(scene, "uber", drive("trip-1", 130), drive("trip-2", 130, worker_id="w-2"))
    take(scene, "lyft", facts)
    assert (balance(scene), balance(scene, "w-2")) == (537_00, 0)
    take(scene, "lyft", changed(facts, worker_id="w-2"))
    left, joined = history(scene)[-1], history(scene, "w-2")[-1]
    assert isinstance(left, ContributionReversed)
    assert (left.reason, moved(left)) == ("moved", {"uber": -358_00, "lyft": -179_00})
    assert isinstance(joined, ContributionAccrued)
    assert moved(joined) == {"uber": 358_00, "lyft": 179_00}
    assert (balance(scene), balance(scene, "w-2")) == (0, 537_00)
    assert owed(scene) == {"uber": 358_00, "lyft": 179_00}


def test_a_gig_that_leaves_the_state_is_recorded_elsewhere_and_counts_no_more(scene: Scene) -> None:
    facts = drive("trip-1", 65)
    take(scene, "uber", drive("trip-1", 130))
    take(scene, "lyft", facts, changed(facts, jurisdiction="US-NY"))
    assert moved(history(scene)[-1]) == {"uber": -358_00, "lyft": -179_00}
    (recorded,) = scene.log.stream(work_stream("lyft", "w-1", "none", "2025-05"))
    assert isinstance(recorded.event, GigRecorded)
    take(scene, "lyft", changed(changed(facts)))
    assert balance(scene) == 537_00


def test_a_gig_that_moves_between_a_pooled_and_another_program_counts_in_one_at_a_time(scene: Scene) -> None:
    """`stride-pennsylvania` counts each platform by itself."""
    scene.register("dash", massachusetts_health_stipend=BEGINNING, stride_pennsylvania=date(2024, 1, 1))
    there = {"jurisdiction": "US-PA", "service": "delivery", "earnings": {"fare": 2_000_00}}
    facts = drive("trip-1", 195)
    take(scene, "dash", facts)
    assert balance(scene) == 537_00
    take(scene, "dash", changed(facts, **there))
    assert (owed(scene), balance(scene)) == ({}, 80_00)
    take(scene, "dash", changed(changed(facts, **there), jurisdiction="US-MA", service="ride"))
    assert (owed(scene), balance(scene)) == ({"dash": 537_00}, 537_00)


# Redriven


def test_a_gig_taken_out_of_quarantine_is_divided_with_what_came_meanwhile(scene: Scene) -> None:
    operations.suspend(scene.log, "lyft", "unpaid", BY)
    take(scene, "lyft", drive("trip-1", 65))
    operations.reinstate(scene.log, "lyft", BY)
    take(scene, "uber", drive("trip-1", 130))
    by = operations.By("grace", scene.now)
    assert [each.outcome for each in redrive(scene.log, scene.reads, wire.report, by, None)] == ["new"]
    assert owed(scene) == {"uber": 358_00, "lyft": 179_00}


# Whatever comes


def test_liabilities_of_all_platforms_add_up_to_what_workers_have(scene: Scene) -> None:
    rnd = Random(11)
    gigs: list[tuple[str, Gig]] = []
    for number in range(60):
        platform_id = rnd.choice(["uber", "lyft"])
        facts = drive(f"trip-{number}", rnd.randrange(1, 60), worker_id=f"w-{rnd.randrange(3)}")
        gigs.append((platform_id, facts))
        if rnd.random() < 0.3:
            gigs.append((platform_id, changed(facts, worker_id=f"w-{rnd.randrange(3)}", engaged_seconds=3_600)))
    rnd.shuffle(gigs)
    for platform_id, facts in gigs:
        scene.gigs.report(platform_id, facts)
    scene.ingest()
    due = {
        f"w-{number}": sum(line.entitled_minor for line in history(scene, f"w-{number}")[-1].lines)
        for number in range(3)
    }
    assert {worker_id: balance(scene, worker_id) for worker_id in due} == due
    assert sum(owed(scene).values()) == sum(due.values()) > 0
    assert set(due.values()) <= {0, 537_00, 1_074_00}


# One batch of everything


def test_what_a_batch_came_to_stands_in_the_order_of_its_messages(scene: Scene) -> None:
    """Gigs that platforms share are decided after the others, and nobody who asks can tell."""
    versions_ = versions(HOURS, id="together"), versions(HOURS, id="alone", scope="platform", share_by=None)
    open_exchange(scene.log, versions_, {"both": ["together", "alone"], "one": ["alone"]})
    there: dict[str, Any] = {"jurisdiction": "US-MA"}
    first = gig("trip-1", **there)
    results = TakingProcess(scene.log).take(
        report(first, "both"),
        report(first, "one"),
        report(gig("trip-1", fare=1, **there), "both"),
        report(gig("trip-2", **there), "nobody"),
        report(first, "one"),
        report(changed(first), "both"),
        report(first, "both"),
        report(gig("trip-3", jurisdiction="US-NY"), "both"),
    )
    said = [each.reason if isinstance(each, QuarantinedMessage) else each for each in results]
    assert said == ["new", "new", "conflict", "unknown_platform", "duplicate", "revised", "stale", "new"]
    streams = [each.stream for each in scene.log.after(0, 1_000) if each.stream.startswith("work:")]
    assert sorted(streams) == [
        "work:both:w-1:alone:2023-06",
        "work:both:w-1:alone:2023-06",
        "work:both:w-1:none:2023-06",
        "work:one:w-1:alone:2023-06",
        "work:pooled:w-1:together:2023-06",
        "work:pooled:w-1:together:2023-06",
    ]
    latest = scene.log.stream("work:pooled:w-1:together:2023-06")[-1].event
    assert isinstance(latest, Contribution)
    assert latest.totals == (Cell(1, 10_00, 600, platform_id="both"),)
