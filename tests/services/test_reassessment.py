"""A pass that is killed on its way, or meets ingest, other passes and changes of the configuration, ends the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import sleep

import pytest

from domain.work_period import ContributionAdjusted
from services import operations
from services.effect import Effect
from services.reassess import due_since
from tests.support.gigs import NOW, gig
from tests.support.late_scene import audit, events, fleet, job, join, late_scene, pending_minor, publish, take, usd
from tests.support.late_versions import DOUBLED, HALVED, POOLED_DOUBLED
from tests.support.repository import ROOT
from tests.support.scene import BY, Scene

#: More workers than go into one transaction.
MANY = 700


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """Two platforms, of which one counts a tenth of the fare from January on; nothing is due."""
    with late_scene(database, tmp_path) as scene:
        yield scene


def adjusted(scene: Scene) -> int:
    return sum(isinstance(each.event, ContributionAdjusted) for each in events(scene))


class Killed(BaseException):
    """The process ends here, whatever it was about to do."""


def killed_after(batches: int) -> Callable[[], datetime]:
    """The clock of a process that is killed when it is asked once more."""
    left = iter(range(batches))

    def clock() -> datetime:
        if next(left, None) is None:
            raise Killed
        return NOW

    return clock


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_killed_in_any_batch_it_ends_with_the_same_ledger(scene: Scene, batches: int) -> None:
    take(scene, *fleet(MANY), platform_id="lyft")
    take(scene, *fleet(MANY))
    publish(scene, DOUBLED)
    join(scene, "lyft", "tenth")
    expected = job(scene).preview()
    assert (expected.workers, expected.gigs, expected.money) == (MANY, MANY, usd(MANY * 3_00, MANY * 3_00))
    with pytest.raises(Killed):
        job(scene, killed_after(batches)).all_due()
    assert due_since(scene.log) is not None
    rest = job(scene).all_due()
    assert (rest.workers == MANY) == (batches == 0)
    assert (pending_minor(scene, "w-0"), pending_minor(scene, f"w-{MANY - 1}")) == (4_00, 4_00)
    assert job(scene).all_due() == Effect()
    audit(scene)


def test_a_process_killed_in_the_middle_leaves_whole_batches_and_the_rest_to_the_next(
    scene: Scene, database: str
) -> None:
    take(scene, *fleet(2_000))
    publish(scene, DOUBLED)
    environment = os.environ | {
        "BENEFITS_DATABASE": database,
        "BENEFITS_SCHEMA_NAME": scene.datastore.schema,
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen([sys.executable, "-m", "services.cli", "reassess"], env=environment)
    while process.poll() is None and not adjusted(scene):
        sleep(0.01)
    with scene.log.transaction() as transaction:
        # Nobody writes any more: it is killed while it waits.
        transaction.lock_appends()
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = adjusted(scene)
    assert 0 < done < 2_000
    assert job(scene).all_due().workers == 2_000 - done
    audit(scene)


def test_ingest_goes_on_meanwhile_and_nothing_is_lost_or_doubled(scene: Scene) -> None:
    join(scene, "uber", "hours")
    take(scene, *fleet(MANY, gigs_each=2))
    take(scene, *fleet(MANY), platform_id="lyft")
    publish(scene, DOUBLED, POOLED_DOUBLED)
    join(scene, "lyft", "hours")
    with ThreadPoolExecutor(2) as jobs:
        both = [jobs.submit(job(scene).all_due) for _ in range(2)]
        number = 0
        while number < 3 or not all(each.done() for each in both):
            number += 1
            again = [gig(f"more-{number}-{at}", worker_id=f"w-{at}", engaged_seconds=900) for at in range(0, MANY, 7)]
            revised = [
                gig(f"trip-{at}-0", worker_id=f"w-{at}", revision=number, fare=number) for at in range(0, MANY, 5)
            ]
            scene.gigs.report("uber", *again, *revised)
            scene.gigs.report("lyft", *again, *revised)
            scene.gigs.report("uber", gig(f"trip-{number}-1", worker_id=f"w-{number}", revision=1), cancelled=True)
            scene.ingest()
        for each in both:
            each.result()
    assert job(scene).all_due() == Effect()
    assert job(scene).all_due() == Effect()
    audit(scene)


def test_a_busy_work_period_is_moved_all_the_same(scene: Scene) -> None:
    take(scene, *fleet(2))
    publish(scene, DOUBLED)
    stop = Flag()

    def keep_taking() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            take(scene, gig(f"more-{number}", worker_id="w-0"), gig(f"more-{number}", worker_id="w-1"))

    busy = Thread(target=keep_taking)
    busy.start()
    try:
        assert job(scene).all_due().workers == 2
    finally:
        stop.set()
        busy.join()
    audit(scene)


def test_a_version_published_on_the_way_is_decided_by_at_once_and_completed_by_the_next_pass(scene: Scene) -> None:
    take(scene, *fleet(MANY))
    publish(scene, DOUBLED)
    late = Thread(target=publish, args=(scene, HALVED))

    def clock() -> datetime:
        if not late.ident:
            late.start()
        return NOW

    job(scene, clock).all_due()
    late.join()
    job(scene).all_due()
    assert pending_minor(scene, "w-0") == 50
    assert job(scene).all_due() == Effect()
    audit(scene)


def test_the_service_does_what_becomes_due_until_it_is_told_to_stop(scene: Scene) -> None:
    take(scene, *fleet(2), platform_id="lyft")
    stop = Flag()
    service = Thread(target=job(scene).run, args=(stop,))
    service.start()
    try:
        join(scene, "lyft", "tenth")
        _until(lambda: due_since(scene.log) is None and pending_minor(scene, "w-0") == 1_00)
        publish(scene, DOUBLED)
        _until(lambda: pending_minor(scene, "w-0") == 2_00)
        operations.suspend(scene.log, "lyft", "unpaid", BY)
    finally:
        stop.set()
        service.join()
    audit(scene)


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        sleep(0.05)
    pytest.fail("it never happened")
