"""The embedded PostgreSQL survives its owner and itself; on every PostgreSQL the exchange can keep its log."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import psutil
import psycopg
import pytest

from infra.embedded.data_directory import DataDirectory, DataDirectoryInUse, DataDirectoryNotWritable
from infra.embedded.database import DatabaseDidNotStart, EmbeddedDatabase, embedded_database
from tests.support.repository import ROOT

OWNER = """
import sys, time
from pathlib import Path
from infra.embedded.database import embedded_database
with embedded_database(Path(sys.argv[1])) as database:
    print(database.dsn, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def data_dir(server_dir: Path) -> Path:
    return server_dir / "data"


@pytest.fixture
def owner(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a database on the data directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.kill()


def dsn_of(owner: subprocess.Popen[str]) -> str:
    assert owner.stdout is not None
    return owner.stdout.readline().strip()


def execute(dsn: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement.encode())
        return connection.execute(statements[-1].encode()).fetchall()


def remember(dsn: str) -> None:
    execute(dsn, "create table kept (word text)", "insert into kept values ('cent') returning word")


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def gone(pid: int, seconds: float = 20.0) -> bool:
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        sleep(0.02)
    return False


def test_every_database_writes_through_and_compares_text_by_code_point(database: str) -> None:
    assert execute(database, "show fsync") == [("on",)]
    assert execute(database, "select 'Z' < 'a' collate \"C\"") == [(True,)]
    ((version,),) = execute(database, "show server_version_num")
    assert int(str(version)) >= 150_000


def test_it_keeps_its_data_from_one_run_to_the_next(data_dir: Path) -> None:
    with embedded_database(data_dir) as database:
        remember(database.dsn)
    with embedded_database(data_dir) as database:
        assert execute(database.dsn, "select word from kept") == [("cent",)]


def test_it_comes_back_under_the_same_address(data_dir: Path) -> None:
    with DataDirectory(data_dir) as directory:
        database = EmbeddedDatabase(directory)
        first = database.start()
        remember(first)
        database.kill()
        assert not database.running
        assert database.start() == first
        assert execute(first, "select word from kept") == [("cent",)]
        database.stop()


def test_it_ends_with_an_owner_that_was_killed(owner: subprocess.Popen[str], data_dir: Path) -> None:
    remember(dsn_of(owner))
    server = server_pid(data_dir)
    owner.kill()
    owner.wait()
    assert gone(server)


def test_the_next_owner_need_not_wait_for_the_end_of_the_last(owner: subprocess.Popen[str], data_dir: Path) -> None:
    remember(dsn_of(owner))
    owner.kill()
    owner.wait()
    with embedded_database(data_dir) as database:
        assert execute(database.dsn, "select word from kept") == [("cent",)]


def test_a_server_that_outlived_its_owner_is_replaced(owner: subprocess.Popen[str], data_dir: Path) -> None:
    remember(dsn_of(owner))
    orphan = server_pid(data_dir)
    for child in psutil.Process(owner.pid).children():
        if child.name() == "sh":
            child.kill()
    owner.kill()
    owner.wait()
    assert psutil.pid_exists(orphan)
    with embedded_database(data_dir) as database:
        assert server_pid(data_dir) != orphan
        assert execute(database.dsn, "select word from kept") == [("cent",)]


def test_a_server_killed_with_its_sessions_open_recovers(data_dir: Path) -> None:
    with DataDirectory(data_dir) as directory:
        database = EmbeddedDatabase(directory)
        remember(database.start())
        with closing(psycopg.connect(database.dsn)) as session:
            session.execute("insert into kept values ('uncommitted')")
            os.kill(server_pid(data_dir), signal.SIGKILL)
            database.stop()
            database.start()
        assert execute(database.dsn, "select word from kept") == [("cent",)]
        database.stop()


def test_a_process_id_that_is_somebody_elses_by_now_does_not_matter(data_dir: Path) -> None:
    with embedded_database(data_dir) as database:
        remember(database.dsn)
        trace = (data_dir / "postgres" / "postmaster.pid").read_text()
    trace = trace.replace(trace.split()[0], str(os.getppid()), 1)
    (data_dir / "postgres" / "postmaster.pid").write_text(trace)
    with embedded_database(data_dir) as database:
        assert execute(database.dsn, "select word from kept") == [("cent",)]
    os.kill(os.getppid(), 0)


def test_a_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    (data_dir / "postgres.partial").mkdir(parents=True)
    (data_dir / "postgres.partial" / "PG_VERSION").write_text("18\n")
    with embedded_database(data_dir) as database:
        assert execute(database.dsn, "select 1") == [(1,)]
    assert not (data_dir / "postgres.partial").exists()


def test_a_path_too_long_for_a_socket_works(server_dir: Path) -> None:
    deep = server_dir / ("d" * 60) / ("e" * 60)
    with embedded_database(deep) as database:
        assert execute(database.dsn, "select 1") == [(1,)]
        sockets = Path(execute(database.dsn, "show unix_socket_directories")[0][0].strip('"'))  # type: ignore[attr-defined]
        assert sockets.exists()
    assert not sockets.exists()


def test_a_path_with_spaces_quotes_and_commas_works(server_dir: Path) -> None:
    with embedded_database(server_dir / "ben's % data, here") as database:
        assert execute(database.dsn, "select 1") == [(1,)]


def test_a_second_owner_is_told_who_has_the_directory(owner: subprocess.Popen[str], data_dir: Path) -> None:
    dsn_of(owner)
    with pytest.raises(DataDirectoryInUse, match=f"in use by process {owner.pid}: stop that exchange"):
        DataDirectory(data_dir).claim()


def test_a_released_directory_can_be_claimed(data_dir: Path) -> None:
    with DataDirectory(data_dir), pytest.raises(DataDirectoryInUse):
        DataDirectory(data_dir).claim()
    with DataDirectory(data_dir):
        pass


def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(DataDirectoryNotWritable, match="make it writable, or choose another with --data"):
            DataDirectory(tmp_path).claim()
    finally:
        tmp_path.chmod(0o755)


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DataDirectoryNotWritable, match="File exists"):
        DataDirectory(tmp_path / "data").claim()


def test_a_cluster_of_another_version_is_refused(data_dir: Path) -> None:
    with embedded_database(data_dir):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(DatabaseDidNotStart, match="made by PostgreSQL 17"), embedded_database(data_dir):
        pass


def test_a_server_that_refuses_says_why(data_dir: Path) -> None:
    with (
        pytest.raises(DatabaseDidNotStart, match="no_such_setting"),
        embedded_database(data_dir, {"no_such_setting": "1"}),
    ):
        pass
