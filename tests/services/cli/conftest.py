"""The command `benefits` as a stranger uses it: real processes, in a world of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from infra.embedded.leash import Leash
from tests.support.repository import ROOT

PATIENCE_SECONDS = 60.0


class World:
    """A user of this machine who has set nothing and started nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BENEFITS_")}
        self.environment = inherited | {"XDG_RUNTIME_DIR": str(folder / "runtime"), "PYTHONPATH": str(ROOT)}

    def run(self, *arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with these settings (`database` for `BENEFITS_DATABASE`)."""
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            env=self.environment | {f"BENEFITS_{name.upper()}": value for name, value in settings.items()},
            cwd=self.folder,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def done(self, *arguments: str, given: str = "", code: int = 0) -> str:
        """What a command prints that ends with a code."""
        ended = self.run(*arguments, given=given)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout


class Up:
    """A `benefits up`, ready."""

    def __init__(self, world: World, *arguments: str) -> None:
        with (world.folder / "up.err").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", "up", "--json", *arguments],
                env=world.environment,
                cwd=world.folder,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._leash = Leash(self.process.pid, "TERM")
        assert self.process.stdout is not None
        self.said: dict[str, Any] = json.loads(self.process.stdout.readline() or "{}")
        assert self.said, (world.folder / "up.err").read_text()

    def get(self, path: str, role: str) -> Any:
        """What the API answers."""
        headers = {"Authorization": f"Bearer {self.said['tokens'][role]}"}
        answer = httpx.get(self.said["api"] + path, headers=headers, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object) -> None:
        """Ask the API, as an operator, to do something."""
        headers = {"Authorization": f"Bearer {self.said['tokens']['operator']}"}
        answer = httpx.post(self.said["api"] + path, json=body, headers=headers, trust_env=False)
        assert answer.is_success, answer.text

    def end(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> int:
        """Signal it, or its whole group, and return how it ended."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._leash.release()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def eventually(what: str, holds: Callable[[], Any]) -> Any:
    """Wait until something holds, and return it."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert monotonic() < deadline, f"not in time: {what}"
        sleep(0.1)
    return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Nothing is set, nothing runs."""
    return World(tmp_path)


@pytest.fixture
def up(world: World) -> Iterator[Callable[..., Up]]:
    """Starts `benefits up` on the world's data directory."""
    started: list[Up] = []

    def start(*arguments: str) -> Up:
        started.append(Up(world, "--data", str(world.folder / "data"), *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()
