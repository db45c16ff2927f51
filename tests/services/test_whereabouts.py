"""Finding a running exchange."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from domain.rejections import Malformed
from services.whereabouts import FILE, NotRunning, Whereabouts, announced, running_on, the_running_one


@pytest.fixture(autouse=True)
def nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else runs on this machine is out of sight."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """What runs until the test ends."""
    with ExitStack() as stack:
        yield stack


def start(running: ExitStack, data: Path, *, findable: bool = True) -> Whereabouts:
    data.mkdir(exist_ok=True)
    whereabouts = Whereabouts(str(data), 1, {"BENEFITS_KAFKA": "localhost:1"})
    running.enter_context(announced(data, findable=findable)).say(whereabouts)
    return whereabouts


def test_the_one_that_runs_is_found_without_being_named(tmp_path: Path, running: ExitStack) -> None:
    assert the_running_one() is None
    started = start(running, tmp_path / "a")
    assert the_running_one() == started
    assert running_on(tmp_path / "a") == started
    running.close()
    assert the_running_one() is None
    assert not (tmp_path / "a" / FILE).exists()


def test_where_several_run_one_has_to_be_named(tmp_path: Path, running: ExitStack) -> None:
    first, _ = start(running, tmp_path / "a"), start(running, tmp_path / "b")
    with pytest.raises(Malformed, match="several exchanges are running"):
        the_running_one()
    assert running_on(tmp_path / "a") == first


def test_one_that_keeps_to_itself_is_found_by_its_data_alone(tmp_path: Path, running: ExitStack) -> None:
    started = start(running, tmp_path / "a", findable=False)
    assert the_running_one() is None
    assert running_on(tmp_path / "a") == started


def test_what_a_killed_exchange_left_behind_is_not_taken_for_a_running_one(tmp_path: Path, running: ExitStack) -> None:
    start(running, tmp_path / "a")
    left = (tmp_path / "a" / FILE).read_bytes()
    running.close()
    (tmp_path / "a" / FILE).write_bytes(left)
    with pytest.raises(NotRunning):
        running_on(tmp_path / "a")


def test_addresses_can_change_while_it_runs(tmp_path: Path) -> None:
    with announced(tmp_path, findable=True) as announcement:
        for number in range(3):
            said = Whereabouts(str(tmp_path), number, {})
            announcement.say(said)
            assert the_running_one() == said
