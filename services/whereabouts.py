"""Where running embedded exchanges can be found, so that other commands reach them without any setting.

`DATA/exchange.json` holds the settings of the exchange that runs on the data directory, and a line in the user's
runtime directory names the data directories. The running exchange holds a lock on its file; the kernel drops it when
the process ends, however it ends, so a file that nobody holds is a trace of the past.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from domain.rejections import Malformed, NotFound

FILE: Final = "exchange.json"


class Whereabouts(Struct, frozen=True):
    """A running exchange: its data directory, its process and its settings, as in the environment (`BENEFITS_…`)."""

    data_dir: str
    pid: int
    settings: dict[str, str]


class NotRunning(NotFound):
    """No exchange runs where one was looked for."""

    code = "not_running"


class Announcement:
    """Says where an exchange is, as long as it is held."""

    def __init__(self, data: Path, *, findable: bool) -> None:
        self._file = data / FILE
        self._pointer = _pointers() / blake2b(os.fsencode(data), digest_size=8).hexdigest() if findable else None
        self._lock: int | None = None

    def say(self, whereabouts: Whereabouts) -> None:
        """Say it, in place of what was said before; a reader sees the one or the other whole."""
        aside = self._file.with_name(f"{self._file.name}.partial")
        lock = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(lock, msgspec.json.format(msgspec.json.encode(whereabouts)))
        fcntl.flock(lock, fcntl.LOCK_EX)
        aside.rename(self._file)
        self._let_go()
        self._lock = lock
        if self._pointer is not None:
            self._pointer.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._pointer.write_text(whereabouts.data_dir)

    def unsay(self) -> None:
        """The exchange is nowhere any more."""
        if self._lock is not None:
            self._file.unlink(missing_ok=True)
            if self._pointer is not None:
                self._pointer.unlink(missing_ok=True)
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def announced(data: Path, *, findable: bool) -> Iterator[Announcement]:
    """An announcement that ends with the block."""
    announcement = Announcement(data, findable=findable)
    try:
        yield announcement
    finally:
        announcement.unsay()


def running_on(data: Path) -> Whereabouts:
    """The exchange that runs on a data directory; raises `NotRunning`."""
    found = _read(data.expanduser().resolve())
    if found is None:
        raise NotRunning(f"no exchange is running on {data}: start one with `benefits up --data {data}`")
    return found


def the_running_one() -> Whereabouts | None:
    """The one exchange that this user runs on this machine, None where there is none; raises `Malformed` for more."""
    found = _all_running()
    if len(found) > 1:
        folders = ", ".join(sorted(each.data_dir for each in found))
        raise Malformed(f"several exchanges are running ({folders}): say which one you mean with --data")
    return found[0] if found else None


def _all_running() -> list[Whereabouts]:
    found = []
    for pointer in sorted(_pointers().glob("*")):
        try:
            data = Path(pointer.read_text())
            running = _read(data)
            if running is not None:
                found.append(running)
            elif not data.exists():
                # Only then: an exchange that starts on the directory just now may be writing the same pointer.
                pointer.unlink(missing_ok=True)
        except OSError:
            continue
    return found


def _read(data: Path) -> Whereabouts | None:
    """What the file in a data directory says, None where nobody holds it."""
    try:
        with (data / FILE).open("rb") as file:
            if _is_held(file.fileno()):
                return msgspec.json.decode(file.read(), type=Whereabouts)
    except (OSError, msgspec.DecodeError):
        pass
    return None


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _pointers() -> Path:
    """Where the user's running exchanges are listed: XDG's runtime directory, or the cache where there is none."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "benefits" / "running"
