"""An exchange under measurement: a schema of its own, platforms in one program, and real processes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter, sleep
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil
import psycopg
from msgspec.structs import replace
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from projections.catalogue import VIEWS
from services import operations
from services.composition import Exchange, shipped_programs
from services.settings import Settings
from tests.bench.servers import Servers, cpu_seconds
from tests.support.repository import ROOT

PROGRAM = "demo-weekly"
SECONDS_MAX = 900.0


class Process:
    """One `benefits …` as a child, with its log in a file."""

    def __init__(self, command: str, settings: Settings, log: Path) -> None:
        self.command = command
        self.log = log
        self.rss_bytes_max = 0
        self._settings = settings

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            "BENEFITS_DATABASE": self._settings.database.get_secret_value(),
            "BENEFITS_SCHEMA_NAME": self._settings.schema_name,
            "BENEFITS_KAFKA": self._settings.kafka,
            "BENEFITS_CONSUMER_GROUP": self._settings.consumer_group,
        }
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "services.cli", self.command], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self._process = psutil.Process(self._child.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._child.terminate()
        self._child.wait(30)

    def look(self) -> None:
        """Note its memory; raises where it has ended."""
        if self._child.poll() is not None:
            raise RuntimeError(f"benefits {self.command} ended: {self.log.read_text()[-500:]}")
        self.rss_bytes_max = max(self.rss_bytes_max, self._process.memory_info().rss)

    @property
    def cpu_seconds(self) -> float:
        """Its processor time so far."""
        return cpu_seconds(self._process)


class Deployment:
    """An exchange in a schema of its own."""

    def __init__(self, servers: Servers, exchange: Exchange, folder: Path) -> None:
        self.servers = servers
        self.exchange = exchange
        self._folder = folder

    def process(self, command: str) -> Process:
        """A process of the exchange, to be started."""
        settings = self.exchange.settings
        return Process(command, settings, self._folder / f"{settings.schema_name}.{command}.{uuid4().hex[:4]}.log")

    def is_assigned(self) -> bool:
        """Whether a process has taken partitions over: the next poll may bring gigs."""
        return bool(self.exchange.reads.offsets())

    def taken(self) -> int:
        """How many messages were taken from Kafka."""
        return sum(offset for _, offset in self.exchange.reads.offsets())

    def is_settled(self) -> bool:
        """Whether the views stand at the end of the log."""
        head = self.exchange.log.head()
        return all(position == head for _, position in self.exchange.views.live(VIEWS).values())

    def check(self, gigs: int) -> None:
        """Raise unless each gig was taken once and none was refused."""
        ((registered, refused),) = self.exchange.datastore.read(
            "select (select count(*) from gig_registry), (select count(*) from quarantine)"
        )
        if (registered, refused) != (gigs, 0):
            raise RuntimeError(f"of {gigs} gigs {registered} were taken and {refused} refused")


@contextmanager
def deployed(servers: Servers, platform_id: str, folder: Path) -> Iterator[Deployment]:
    """An exchange with one platform that joined one program; its schema is dropped afterwards."""
    with deployed_with(servers, [platform_id], folder) as exchange:
        yield exchange


@contextmanager
def deployed_with(
    servers: Servers, platform_ids: Sequence[str], folder: Path, *, pooled: bool = False
) -> Iterator[Deployment]:
    """An exchange with platforms that joined one program, or that program with the gigs of all counted together."""
    schema = f"bench_{uuid4().hex[:8]}"
    settings = Settings(
        database=SecretStr(servers.dsn),
        schema_name=schema,
        kafka=servers.broker.bootstrap_servers,
        consumer_group=schema,
    )
    by = operations.By("bench", datetime.now(UTC))
    try:
        with Exchange(settings, "bench") as exchange:
            exchange.start()
            program_id = _publish_pooled(exchange, by) if pooled else PROGRAM
            for platform_id in platform_ids:
                operations.register(exchange.log, exchange.topics, operations.NewTopic(), platform_id, platform_id, by)
                operations.join(exchange.log, platform_id, program_id, date(2022, 1, 3), by)
            yield Deployment(servers, exchange, folder)
    finally:
        with psycopg.connect(servers.dsn, autocommit=True) as connection:
            connection.execute(SQL("drop schema if exists {} cascade").format(Identifier(schema)))


def _publish_pooled(exchange: Exchange, by: operations.By) -> str:
    """The same rules, pooled: whatever differs in the figures is the pooling's."""
    program_id = f"{PROGRAM}-pooled"
    for version in shipped_programs():
        if version.id == PROGRAM:
            operations.publish(exchange.log, replace(version, id=program_id, scope="pooled"), by)
    return program_id


def wait_until(reached: Callable[[], bool], *watched: Process, pause_seconds: float) -> float:
    """Wait for something, watching processes meanwhile, and return when (`perf_counter`) it was there."""
    deadline = perf_counter() + SECONDS_MAX
    while not reached():
        for process in watched:
            process.look()
        if perf_counter() > deadline:
            raise TimeoutError(f"not there after {SECONDS_MAX:.0f} s")
        sleep(pause_seconds)
    return perf_counter()
