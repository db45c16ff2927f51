"""The two servers of every measurement, their processor time, and the machine they stand on."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from msgspec import Struct

from infra.embedded.database import embedded_database
from infra.kafka.settings import BrokerSettings
from tests.support import kafka_server


class Servers(Struct, frozen=True):
    """Where the servers are reached."""

    dsn: str
    broker: BrokerSettings
    database: psutil.Process

    def database_cpu_seconds(self) -> float:
        """Processor time of PostgreSQL so far, of living and of ended sessions."""
        spent = self.database.cpu_times()
        ended = spent.user + spent.system + spent.children_user + spent.children_system
        return float(ended + sum(cpu_seconds(session) for session in self.database.children()))


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of one process so far."""
    try:
        spent = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(spent.user + spent.system)


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """A PostgreSQL, set as `benefits up` sets it, and an Apache Kafka."""
    with embedded_database(folder / "database") as database, kafka_server.real_kafka(folder / "kafka") as bootstrap:
        with psycopg.connect(database.dsn) as connection:
            server = psutil.Process(connection.info.backend_pid).parent()
        assert server is not None
        yield Servers(database.dsn, BrokerSettings(bootstrap), server)


def machine(at: Servers) -> str:
    """The machine and the versions, in one line."""
    with psycopg.connect(at.dsn) as connection:
        database = connection.info.parameter_status("server_version")
    memory = psutil.virtual_memory().total / 2**30
    parts = [
        f"{os.cpu_count()} cores ({_processor()})",
        f"{memory:.0f} GiB memory",
        f"PostgreSQL {database}",
        f"Apache Kafka {kafka_server.VERSION}",
        f"Python {platform.python_version()}",
        platform.system(),
    ]
    return " · ".join(parts)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
