"""The wheel: one distribution, four import packages, and every file that they read at run time."""

import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.repository import PACKAGES, ROOT, committed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling itself, in this environment: no isolated build that would have to download it.
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    [path] = folder.glob("*.whl")
    return ZipFile(path)


def _metadata(wheel: ZipFile, name: str) -> str:
    [path] = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_its_top_level_names_are_the_four_packages(wheel: ZipFile) -> None:
    names = {Path(path).parts[0] for path in wheel.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == set(PACKAGES)


def test_every_committed_file_of_the_packages_is_in_it(wheel: ZipFile) -> None:
    files = {path.as_posix() for path in committed() if path.parts[0] in PACKAGES}
    assert files - set(wheel.namelist()) == set()


def test_the_shipped_programs_are_in_it(wheel: ZipFile) -> None:
    programs = {Path(path).stem for path in wheel.namelist() if path.startswith("domain/programs/")}
    assert {"black-car-fund", "demo-weekly"} <= programs


def test_it_installs_the_command(wheel: ZipFile) -> None:
    assert "benefits = services.cli:main" in _metadata(wheel, "entry_points.txt")


def test_a_registry_would_refuse_it(wheel: ZipFile) -> None:
    metadata = HeaderParser().parsestr(_metadata(wheel, "METADATA"))
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])
