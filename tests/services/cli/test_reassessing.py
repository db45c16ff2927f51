"""`benefits reassess`: what it says it did, or would do, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.gigs import gig
from tests.support.late_scene import JANUARY, fleet, job, join, publish, take
from tests.support.late_versions import CARS, DOUBLED, FIRST
from tests.support.repository import ROOT
from tests.support.scene import Scene

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    """Two workers with two gigs each, on a platform that is a member of one program."""
    scene = Scene(database, tmp_path)
    publish(scene, *FIRST)
    scene.register("uber", tenth=JANUARY)
    take(scene, *fleet(2, gigs_each=2, vehicle_class="car"))
    job(scene).all_due()
    yield scene
    scene.close()


@pytest.fixture
def run(scene: Scene, database: str) -> Run:
    """The command on that exchange."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BENEFITS_")}
    environment |= {"BENEFITS_DATABASE": database, "BENEFITS_SCHEMA_NAME": scene.datastore.schema}

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "reassess", *arguments],
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def test_it_says_first_what_it_would_do_and_then_what_it_did(scene: Scene, run: Run) -> None:
    publish(scene, DOUBLED)
    assert run("--dry-run").stdout == (
        "would be re-assessed: 2 work periods of 2 workers on 1 platform\nUSD 4.00: 4.00 accrued, 0.00 taken back\n"
    )
    assert run().stdout == (
        "were re-assessed: 2 work periods of 2 workers on 1 platform\nUSD 4.00: 4.00 accrued, 0.00 taken back\n"
    )
    ended = run()
    assert (ended.returncode, ended.stdout) == (0, "nothing to re-assess\n")


def test_it_says_how_many_gigs_other_programs_take(scene: Scene, run: Run) -> None:
    scene.register("lyft")
    take(scene, *fleet(3), platform_id="lyft")
    join(scene, "lyft", "tenth")
    assert run().stdout.startswith(
        "were re-assessed: 3 work periods of 3 workers on 1 platform\n"
        "were taken by other programs than before: 3 gigs\n"
    )


def test_it_names_what_stays_as_it_is_and_exits_1(scene: Scene, run: Run) -> None:
    take(scene, gig("trip-9", worker_id="w-1", vehicle_class="boat"))
    publish(scene, CARS)
    ended = run()
    assert ended.returncode == 1
    assert ended.stdout.startswith("stays as it is: work:uber:w-1:tenth:2023-06, unlisted_class: vehicle_class: ")
    told = run("--json")
    assert (told.returncode, json.loads(told.stdout)["findings_count"]) == (1, 1)


def test_a_service_that_follows_the_log_has_nothing_to_print(run: Run) -> None:
    ended = run("--follow", "--dry-run")
    assert ended.returncode == 2
    assert "leave out --dry-run" in ended.stderr
