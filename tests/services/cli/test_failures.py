"""Whatever goes wrong is one line that says what to do, and a code that says how bad it is."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.services.cli.conftest import World

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


FAILURES: list[tuple[list[str], dict[str, str], str]] = [
    (["fly"], {}, "No such command 'fly'"),
    (["ingest", "--fast"], {}, "No such option: --fast"),
    (["quarantine", "list", "--limit", "many"], {}, "Invalid value for '--limit'"),
    (["up", "--port", "99999"], {}, "Invalid value for '--port'"),
    (["replay"], {"port": "abc"}, "setting BENEFITS_PORT: "),
    (["replay"], {}, "no database is configured: set BENEFITS_DATABASE, or run `benefits up`"),
    (["replay"], {"database": NOWHERE}, "database: connection failed"),
    (["ingest"], {"database": NOWHERE, "kafka": "127.0.0.1:1"}, "database: connection failed"),
    (["replay"], {"database": "nonsense"}, "database: not a PostgreSQL connection string"),
    (["replay", "--data", "elsewhere"], {}, "no exchange is running on elsewhere"),
    (["api"], {"database": NOWHERE}, "jwks: set BENEFITS_JWKS to the file or https URL"),
    (["token", "--role", "worker", "--subject", "w-1"], {}, "no `benefits up` is running here"),
    (["token", "--role", "worker", "--subject", "w-1"], {"kafka": "k:1"}, "in production, tokens come from"),
    (["publish", "gone.jsonl", "--platform", "acme"], {"kafka": "127.0.0.1:1"}, "gone.jsonl: No such file"),
    (["publish", "-", "--platform", "A/B"], {}, "--platform: 'A/B' is no platform's id"),
    (["publish", "-", "--platform", "acme"], {}, "no broker is configured"),
    (["quarantine", "redrive"], {"database": NOWHERE}, "say which: numbers, or --all"),
]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Future[CompletedProcess[str]]]]:
    """All these commands at once, or starting Python so often would take most of a minute."""
    world = World(tmp_path_factory.mktemp("nothing"))
    with ThreadPoolExecutor(4) as pool:
        yield [pool.submit(world.run, *arguments, **settings) for arguments, settings, _ in FAILURES]


@pytest.mark.parametrize("number", range(len(FAILURES)), ids=[" ".join(arguments) for arguments, _, _ in FAILURES])
def test_a_failure_is_one_line(ended: list[Future[CompletedProcess[str]]], number: int) -> None:
    command = ended[number].result()
    assert (command.returncode, command.stdout) == (2, "")
    (line,) = command.stderr.splitlines()
    assert line.startswith(f"benefits: {FAILURES[number][2]}")


def test_a_directory_that_cannot_be_written_to_is_left_alone(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o555)
    ended = world.run("up", "--data", str(folder))
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"benefits: cannot write to the data directory {folder}")
    assert list(folder.iterdir()) == []


def test_doctor_says_what_it_could_not_look_at(world: World) -> None:
    ended = world.run("doctor")
    assert (ended.returncode, ended.stderr) == (2, "")
    assert "? database    no database is configured" in ended.stdout
    assert "✓ checksums" in ended.stdout


def test_a_command_without_arguments_shows_what_there_is(world: World) -> None:
    ended = world.run()
    assert ended.returncode == 2
    assert all(name in ended.stdout for name in ("up", "publish", "platform", "doctor", "token", "replay"))
    assert "embedded-broker" not in ended.stdout


def test_without_compiled_checksums_nothing_starts(world: World, tmp_path: Path) -> None:
    (tmp_path / "crc32c.py").write_text("raise ImportError('as if it were not installed')\n")
    world.environment["PYTHONPATH"] = f"{tmp_path}:{world.environment['PYTHONPATH']}"
    ended = world.run("up", "--data", "data")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "benefits: kafka-python computes checksums in Python, at a tenth of the speed:"
        " pip install crc32c (it has to be the C module)\n"
    )
    assert "✗ checksums" in world.run("doctor").stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_standard_stream_is_an_empty_one(world: World, closed: str) -> None:
    ended = subprocess.run(
        ["bash", "-c", f'"$0" -m services.cli assess --program alia --gigs - {closed}', sys.executable],
        env=world.environment,
        cwd=world.folder,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
