"""What README.md tells people to type works.

Every block in `console`, `bash` or `sh` says behind its language what becomes of it here:

    ```console test        each line after `$ ` is run; the other lines have to be printed, in this order
    ```bash test           the block is run as a script and has to succeed
    ```console no test: …  not run, and why not

An expected line may hold `…` for whatever comes there. All blocks run in one empty folder, in the order of the file,
with `benefits` on the path and at `.venv/bin`, and no settings, so in embedded mode. What a block leaves running ends
with it.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import psutil
import pytest

from tests.support.repository import ROOT

README: Final = ROOT / "README.md"
SECONDS_MAX: Final = 100
_BLOCK: Final = re.compile(r"^```(console|bash|sh)\b([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE: Final = re.compile(r"<<'?(\w+)'?")
_ANYTHING: Final = "…"


class Block(NamedTuple):
    """One fenced block of README.md."""

    line: int
    language: str
    says: str
    text: str

    @property
    def script(self) -> str:
        """What is to be run."""
        if self.language != "console":
            return self.text
        return "\n".join(line for line, typed in self._lines() if typed)

    @property
    def expected(self) -> list[str]:
        """The lines that are to be printed."""
        if self.language != "console":
            return []
        return [line.strip() for line, typed in self._lines() if line.strip() and not typed]

    def _lines(self) -> Iterator[tuple[str, bool]]:
        """Each line, and whether it is typed: after `$ `, or as the text that a command like `cat <<'END'` takes."""
        end = None
        for line in self.text.splitlines():
            typed = line.startswith("$ ") or end is not None
            if line == end:
                end = None
            elif line.startswith("$ ") and (opened := _HERE.search(line)):
                end = opened[1]
            yield line.removeprefix("$ "), typed


def blocks() -> list[Block]:
    """All blocks that a shell could run."""
    text = README.read_text("utf-8") if README.exists() else ""
    return [
        Block(text.count("\n", 0, found.start()) + 1, found[1], found[2].strip(), found[3])
        for found in _BLOCK.finditer(text)
    ]


TESTED: Final = [block for block in blocks() if block.says == "test"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all blocks run in, with `benefits` beside it."""
    made = tmp_path_factory.mktemp("readme")
    programs = made / "bin"
    programs.mkdir()
    benefits = programs / "benefits"
    benefits.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m services.cli "$@"\n')
    benefits.chmod(0o755)
    (made / "work" / ".venv").mkdir(parents=True)
    (made / "work" / ".venv" / "bin").symlink_to(programs)
    return made


def test_every_block_is_tested_or_says_why_not() -> None:
    found = blocks()
    silent = [f"README.md:{block.line}" for block in found if not re.fullmatch(r"test|no test: \S.*", block.says)]
    assert silent == []
    assert TESTED, "README.md has no block that is tested"


@pytest.mark.parametrize("block", TESTED, ids=[f"line {block.line}" for block in TESTED])
def test_the_block_does_what_it_says(block: Block, folder: Path) -> None:
    printed = run(block.script, folder)
    remaining = iter(printed.splitlines())
    missing = [line for line in block.expected if not any(matches(line, each) for each in remaining)]
    assert missing == [], printed


def run(script: str, folder: Path) -> str:
    """Run a script and return what it printed; whatever it left running ends with it."""
    output = folder / "printed"
    with output.open("w") as out:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder / "work",
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        code = process.wait(SECONDS_MAX)
    finally:
        for number in session(process.pid):
            os.kill(number, signal.SIGTERM)
    printed = output.read_text(errors="replace")
    assert code == 0, printed
    return printed


def session(leader: int) -> Iterator[int]:
    """The processes that a script started and that still run."""
    for number in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(number) == leader:
                yield number


def environment(folder: Path) -> dict[str, str]:
    """Our environment without settings of an exchange, and with `benefits` on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BENEFITS_")}
    ours = {"NO_COLOR": "1", "COLUMNS": "120", "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    # An exchange that somebody runs on this machine is not to be found.
    return kept | ours | {"XDG_RUNTIME_DIR": str(folder)}


def matches(expected: str, printed: str) -> bool:
    """Whether a printed line is the expected one."""
    pattern = ".*".join(re.escape(part) for part in expected.split(_ANYTHING))
    return re.fullmatch(pattern, printed.strip()) is not None
