"""The directory in which an embedded exchange keeps everything, owned by one running exchange at a time."""

import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from domain.rejections import Unavailable

LOCK_FILE: Final = "exchange.lock"


class DataDirectoryInUse(Unavailable):
    """Another running exchange owns the directory."""

    code = "data_directory_in_use"


class DataDirectoryNotWritable(Unavailable):
    """Nothing can be kept in the directory."""

    code = "data_directory_not_writable"


class DataDirectory:
    """A directory that is ours between `claim` and `release`.

    The kernel drops the lock when the owner dies, so nothing has to be cleaned up after `kill -9`. A process that the
    owner *forks* without `exec` shares the lock; one started through `subprocess` does not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.claim()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def claim(self) -> None:
        """Make the directory ours; raises `DataDirectoryInUse` or `DataDirectoryNotWritable`."""
        if self._lock is not None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_read_only()
            lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._not_writable(error.strerror or str(error)) from error
        try:
            self._take(lock)
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def release(self) -> None:
        """Give the directory up."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _refuse_read_only(self) -> None:
        # Root may write anywhere; a directory that somebody marked read-only is left alone all the same.
        if not self.path.stat().st_mode & stat.S_IWUSR:
            raise self._not_writable("it is marked read-only")

    def _not_writable(self, reason: str) -> DataDirectoryNotWritable:
        return DataDirectoryNotWritable(
            f"cannot write to the data directory {self.path} ({reason}): "
            "make it writable, or choose another with --data"
        )

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
            by = f" by process {owner}" if owner else ""
            raise DataDirectoryInUse(
                f"the data directory {self.path} is in use{by}: stop that exchange, or choose another with --data"
            ) from None
        except OSError as error:
            raise self._not_writable(f"cannot lock it: {error.strerror}") from error
        # Who owns it is for people to read; the lock alone decides.
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
