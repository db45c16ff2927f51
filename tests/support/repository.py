"""The repository as a subject of tests: which files it holds."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "domain", "projections", "infra")


@cache
def committed() -> tuple[Path, ...]:
    """Every committed or staged file, relative to the root."""
    # A clone made by another user, as in a container, is refused without `safe.directory`.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    files = tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).exists())
    assert files, "nothing is committed or staged, so these tests would look at nothing"
    return files


def committed_python(*folders: str) -> Iterator[Path]:
    """The committed Python files below the named top-level folders."""
    return (path for path in committed() if path.suffix == ".py" and path.parts[0] in folders)
