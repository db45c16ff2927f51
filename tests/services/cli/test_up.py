"""A whole exchange from one command, and what is left of it however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Any

import psutil
import pytest

from tests.services.cli.conftest import Up, World, eventually

GIG = {
    "gig_id": "trip-1",
    "revision": 0,
    "worker_id": "w-104",
    "completed_at": "2023-06-30T22:18:22-04:00",
    "engaged_seconds": 1261,
    "currency": "USD",
    "earnings": {"fare": 200_00},
}
#: 4 % of 200.00, split over three benefits.
CONTRIBUTION_MINOR = 8_00


def gigs(*names: str, **fields: Any) -> str:
    """A file of gigs."""
    return "".join(json.dumps(GIG | {"gig_id": name} | fields) + "\n" for name in names)


def pending_minor(exchange: Up, worker_id: str = "w-104") -> int:
    """What a worker has coming, over all benefits."""
    balance = exchange.get(f"/v1/workers/{worker_id}/balance", "operator")
    return sum(each["pending"]["amount_minor"] for each in balance["benefits"])


def wait_for_pending(exchange: Up, amount_minor: int, worker_id: str = "w-104") -> None:
    """Wait until a worker has exactly this much coming."""
    eventually(f"{amount_minor} pending", lambda: pending_minor(exchange, worker_id) == amount_minor)


def processes_of(exchange: Up) -> list[psutil.Process]:
    """Everything that an exchange started."""
    found: list[psutil.Process] = psutil.Process(exchange.process.pid).children(recursive=True)
    return found


def process_of(exchange: Up, name: str) -> psutil.Process:
    """One of them."""
    (found,) = [each for each in processes_of(exchange) if words_of(each)[-1:] == [name]]
    return found


def words_of(process: psutil.Process) -> list[str]:
    """A process's command line, empty where it has ended."""
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


def left_of(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    return [each for each in processes if words_of(each)]


def test_an_account_outlives_a_stop_and_a_killed_parent(world: World, up: Callable[..., Up]) -> None:
    exchange = up("--port", "0")
    world.done("platform", "register", "acme", "--name", "Acme")
    world.done("platform", "join", "acme", "demo-weekly", "--since", "2023-01-02")
    world.done("publish", "-", "--platform", "acme", given=gigs("trip-1"))
    wait_for_pending(exchange, CONTRIBUTION_MINOR)
    assert exchange.end(signal.SIGINT) == 0
    assert not (world.folder / "data" / "exchange.json").exists()

    exchange = up("--port", "0")
    started = processes_of(exchange)
    assert exchange.end(signal.SIGKILL) == -signal.SIGKILL
    eventually("all children ended", lambda: not left_of(started))

    exchange = up("--port", "0")
    world.done("publish", "-", "--platform", "acme", given=gigs("trip-1", "trip-2"))
    wait_for_pending(exchange, 2 * CONTRIBUTION_MINOR)
    assert "views are equal to the log" in world.done("replay")
    assert exchange.end() == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_stays_behind_whenever_a_whole_group_is_killed(world: World, up: Callable[..., Up]) -> None:
    for seconds in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0):
        starting = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up", "--data", str(world.folder / "data")],
            env=world.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        sleep(seconds)
        started = psutil.Process(starting.pid).children(recursive=True)
        os.killpg(starting.pid, signal.SIGKILL)
        starting.wait()
        eventually("all children ended", lambda left=started: not left_of(left))  # type: ignore[misc]
    exchange = up("--port", "0")
    started = processes_of(exchange)
    assert exchange.end(signal.SIGKILL, group=True) == -signal.SIGKILL
    eventually("all children ended", lambda: not left_of(started))


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Where one exchange runs for several tests."""
    return World(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def exchange(shared_world: World) -> Iterator[Up]:
    """One exchange for several tests, each with a platform and a worker of its own."""
    exchange = Up(shared_world, "--data", "data", "--port", "0")
    yield exchange
    assert exchange.end() == 0


def register(exchange: Up, platform_id: str) -> None:
    """A platform that is a member of one program."""
    exchange.post("/v1/platforms", {"platform_id": platform_id, "name": platform_id.title()})
    joined = {"program_id": "demo-weekly", "effective_from": "2023-01-02"}
    exchange.post(f"/v1/platforms/{platform_id}/memberships", joined)


def test_what_is_refused_can_be_shown_redriven_and_discarded(shared_world: World, exchange: Up) -> None:
    world = shared_world
    register(exchange, "late")
    world.done("platform", "suspend", "late", "--reason", "unpaid")
    world.done("publish", "-", "--platform", "late", given=gigs("trip-1", worker_id="w-1"))
    world.done("publish", "-", "--platform", "late", "--raw", given="not JSON\n")
    open_ones = eventually("two in quarantine", lambda: two(world.done("quarantine", "list", "--json")))
    by_reason = {each["reason"]: str(each["quarantine_id"]) for each in open_ones}
    assert by_reason.keys() == {"suspended_platform", "malformed"}
    world.done("doctor", code=1)

    world.done("platform", "reinstate", "late")
    world.done("quarantine", "redrive", "--all", code=1)
    wait_for_pending(exchange, CONTRIBUTION_MINOR, "w-1")
    world.done("quarantine", "discard", by_reason["malformed"], "--reason", "a test", "--by", "ada")
    shown = json.loads(world.done("quarantine", "show", by_reason["malformed"]))
    assert (shown["state"], shown["resolution"], shown["value"]) == ("discarded", "by ada: a test", "not JSON")
    world.done("doctor")


def test_gigs_taken_before_a_platform_joins_accrue_once_it_has_joined(shared_world: World, exchange: Up) -> None:
    exchange.post("/v1/platforms", {"platform_id": "early", "name": "Early"})
    shared_world.done("publish", "-", "--platform", "early", given=gigs("trip-1", worker_id="w-9"))
    eventually("the gig is taken", lambda: exchange.get("/v1/workers/w-9/entries", "operator")["entries"])
    exchange.post("/v1/platforms/early/memberships", {"program_id": "demo-weekly", "effective_from": "2023-01-02"})
    wait_for_pending(exchange, CONTRIBUTION_MINOR, "w-9")
    eventually("nothing is due", lambda: shared_world.done("reassess") == "nothing to re-assess\n")


def two(lines: str) -> list[dict[str, Any]]:
    """Two objects, or none yet."""
    found = [json.loads(line) for line in lines.splitlines()]
    return found if len(found) == 2 else []


def test_one_that_runs_is_not_disturbed_by_a_second_on_its_data(shared_world: World, exchange: Up) -> None:
    data = exchange.said["data_dir"]
    refused = shared_world.run("up", "--data", data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"benefits: the data directory {data} is in use by process {exchange.process.pid}")
    taken = shared_world.run("up", "--data", "other", "--port", exchange.said["api"].rpartition(":")[2])
    assert taken.returncode == 2
    assert "Address already in use" in taken.stderr
    assert len(taken.stderr.splitlines()) == 1
    assert pending_minor(exchange, "w-0") == 0


def test_lines_that_cannot_be_addressed_are_reported_and_the_rest_is_published(
    shared_world: World, exchange: Up
) -> None:
    register(exchange, "lines")
    lines = "[]\n" + gigs("trip-1", worker_id="w-2") + '{"gig_id": "trip-2"}\n\n' + gigs("trip-3", worker_id="w-2")
    ended = shared_world.run("publish", "-", "--platform", "lines", "--structured", "--json", given=lines)
    assert (ended.returncode, ended.stdout) == (1, '{"messages":2,"refused":2}\n')
    assert [line.partition(":")[0] for line in ended.stderr.splitlines()] == ["line 1", "line 3"]
    wait_for_pending(exchange, 2 * CONTRIBUTION_MINOR, "w-2")
    cancelled = gigs("trip-1", worker_id="w-2", revision=1, cancelled=True)
    shared_world.done("publish", "-", "--platform", "lines", given=cancelled)
    wait_for_pending(exchange, CONTRIBUTION_MINOR, "w-2")
    unknown = shared_world.run("publish", "-", "--platform", "nobody", given=lines)
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)


def test_a_token_opens_what_its_role_may_see(shared_world: World, exchange: Up) -> None:
    minted = shared_world.done("token", "--role", "worker", "--subject", "w-104", "--lifetime", "90s").strip()
    exchange.said["tokens"]["minted"] = minted
    assert exchange.get("/v1/workers/w-104/balance", "minted")["worker_id"] == "w-104"


def test_what_ends_is_started_again_and_a_new_broker_is_found(shared_world: World, exchange: Up) -> None:
    register(exchange, "again")
    for name in ("ingest", "project", "--follow", "api", str(Path(exchange.said["data_dir"], "broker.json"))):
        process_of(exchange, name).kill()
    file = shared_world.folder / "data" / "exchange.json"
    before = exchange.said["kafka"]
    eventually("another broker", lambda: json.loads(file.read_text())["settings"]["BENEFITS_KAFKA"] != before)
    shared_world.done("publish", "-", "--platform", "again", given=gigs("trip-1", worker_id="w-3"))
    wait_for_pending(exchange, CONTRIBUTION_MINOR, "w-3")
    assert "is started again" in (shared_world.folder / "up.err").read_text()


def test_without_a_data_directory_nothing_is_left(world: World, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    world.environment["TMPDIR"] = str(temporary)
    exchange = Up(world, "--port", "0")
    assert Path(exchange.said["data_dir"]).parent == temporary
    assert exchange.end() == 0
    assert list(temporary.iterdir()) == []
