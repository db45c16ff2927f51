"""An exchange of real child processes on a real broker and a real database: started, stopped, killed and looked at."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
from pydantic import SecretStr

from domain.gig import Gig
from domain.identifiers import intake_stream
from domain.intake import IntakeRecorded
from domain.message import Partition
from domain.recorded import Recorded
from domain.rejections import Unavailable
from infra.embedded.leash import Leash
from infra.kafka.producer import Headers, cloudevent
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import OffsetRange
from infra.kafka.wire import CANCELLED, COMPLETED, TOPIC_PREFIX
from projections.catalogue import VIEWS
from services import operations
from services.composition import Exchange, now
from services.operations import By, NewTopic
from services.settings import Settings
from tests.support.repository import ROOT

#: What Kafka allows at least; a killed member's partitions are free after it.
SESSION_SECONDS: Final = 6.0
#: How long anything may take on a loaded machine before the test gives up.
PATIENCE_SECONDS: Final = 90.0


def eventually(what: str, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until something holds and return it; fails saying `what` did not happen."""
    deadline = monotonic() + seconds
    while True:
        try:
            found = holds()
        except Unavailable as error:
            found = None
            what = f"{what.partition(' (')[0]} ({error})"
        if found:
            return found
        assert monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        sleep(0.05)


def message(gig: Gig, platform_id: str, *, cancelled: bool = False) -> tuple[Headers, bytes]:
    """Headers and value of what a platform reports about a gig."""
    return cloudevent(
        msgspec.json.encode(gig),
        type=CANCELLED if cancelled else COMPLETED,
        source=f"/platforms/{platform_id}",
        subject=gig.worker_id,
        id=f"{gig.gig_id}-{gig.revision}-{cancelled}",
    )


class Process:
    """One `benefits` command as a child process; it ends with us, however we end."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        # A port that is only looked for may be taken by the time the child asks for it; a socket is handed over.
        with log.open("wb") as out, socket.create_server(("127.0.0.1", 0)) as listener:
            self.health_port = int(listener.getsockname()[1])
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", *arguments],
                cwd=ROOT,
                env=os.environ | environment | {"BENEFITS_LISTENER": str(listener.fileno())},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._leash = Leash(self._process.pid, "KILL")

    @property
    def runs(self) -> bool:
        """Whether it is alive."""
        return self._process.poll() is None

    def kill(self) -> None:
        """`kill -9`: it can finish nothing."""
        self._process.kill()
        self._process.wait()
        self._leash.release()

    def pause(self) -> None:
        """Stop it where it is, with its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on as if no time had passed."""
        self._process.send_signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def end(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for it to end after SIGTERM, and return its exit code."""
        self.ask_to_end()
        return self.ended(seconds)

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for it to end by itself, and return its exit code."""
        code = self._process.wait(seconds)
        self._leash.release()
        return code

    def said(self) -> str:
        """All that it wrote."""
        return self._log.read_text(errors="replace")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one kind."""
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if line.get("event") == event]

    def metrics(self) -> str:
        """Its metrics, as Prometheus reads them."""
        with urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def is_ready(self) -> bool | None:
        """What `/readyz` says; None where nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except URLError as error:
            return False if getattr(error, "code", None) == 503 else None
        except OSError:
            return None


class ProcessExchange:
    """One exchange in a schema and a consumer group of its own, and the processes that work on it."""

    def __init__(self, database: str, schema: str, broker: BrokerSettings, folder: Path) -> None:
        self.broker = broker
        self.schema = schema
        self.database = database
        self._folder = folder
        self._processes: list[Process] = []
        self._platforms: list[str] = []
        settings = Settings(database=SecretStr(database), schema_name=schema, kafka=broker.bootstrap_servers)
        self.exchange = Exchange(settings, "test")
        self.exchange.start()

    @property
    def processes(self) -> list[Process]:
        """Every process that was started."""
        return self._processes

    def register(self, platform_id: str, *, partitions: int = 4, **joined: date) -> str:
        """Register a platform that is a member of these programs (`_` for `-`); returns its topic."""
        log, by = self.exchange.log, By("test", now())
        operations.register(log, self.exchange.topics, NewTopic(partitions, 1), platform_id, platform_id.title(), by)
        for program_id, since in joined.items():
            operations.join(log, platform_id, program_id.replace("_", "-"), since, by)
        self._platforms.append(platform_id)
        return TOPIC_PREFIX + platform_id

    def ingest(self, *arguments: str, **settings: object) -> Process:
        """Start an ingest process."""
        return self._start("ingest", list(arguments), settings)

    def project(self, *arguments: str, **settings: object) -> Process:
        """Start a projector."""
        return self._start("project", list(arguments), settings)

    def _start(self, command: str, arguments: list[str], settings: dict[str, object]) -> Process:
        environment = {
            "BENEFITS_DATABASE": self.database,
            "BENEFITS_SCHEMA_NAME": self.schema,
            "BENEFITS_KAFKA": self.broker.bootstrap_servers,
            "BENEFITS_CONSUMER_GROUP": self.schema,
            "BENEFITS_SESSION_TIMEOUT_MS": str(int(SESSION_SECONDS * 1000)),
            **{f"BENEFITS_{name.upper()}": str(value) for name, value in settings.items()},
        }
        number = len(self._processes)
        log = self._folder / f"{number:03d}-{command}.log"
        process = Process(f"{command} {number}", [command, *arguments], environment, log)
        self._processes.append(process)
        return process

    def ranges(self, *topics: str) -> dict[Partition, OffsetRange]:
        """What the broker holds."""
        return self.exchange.topics.ranges(topics)

    def next_offsets(self, *topics: str) -> dict[Partition, int]:
        """Where the database says that intake goes on."""
        return {at: offset for at, offset in self.exchange.reads.offsets() if at.topic in topics}

    def has_taken(self, *topics: str) -> bool:
        """Whether everything on these topics was taken."""
        offsets = self.next_offsets(*topics)
        return all(offsets.get(at, 0) == held.end for at, held in self.ranges(*topics).items())

    def wait_until_taken(self, *topics: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until everything on these topics was taken."""
        eventually(f"all of {', '.join(topics)} taken", lambda: self.has_taken(*topics), seconds)

    def wait_until_projected(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the views stand at the end of the log."""
        log, views = self.exchange.log, self.exchange.views
        eventually(
            "views at the end of the log",
            lambda: {position for _, position in views.live(VIEWS).values()} == {log.head()},
            seconds,
        )

    def events(self) -> list[Recorded]:
        """The whole log."""
        return list(self._pages())

    def _pages(self) -> Iterator[Recorded]:
        position = 0
        while page := self.exchange.log.after(position, 10_000):
            yield from page
            position = page[-1].position

    def intake(self, at: Partition) -> list[object]:
        """The events of one partition's intake."""
        stream = intake_stream(at.cluster, at.topic, at.number)
        return [each.event for each in self.exchange.log.stream(stream)]

    def outcomes(self, *topics: str) -> Counter[str]:
        """What the messages of these topics came to, by the log."""
        counts: Counter[str] = Counter()
        for at in self.next_offsets(*topics):
            for event in self.intake(at):
                if isinstance(event, IntakeRecorded):
                    counts.update(event.outcomes)
        return counts

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement on the exchange's schema."""
        return self.exchange.datastore.read(statement, *parameters)

    def close(self) -> None:
        """End every process and delete the topics."""
        for process in self._processes:
            if process.runs:
                process.kill()
        for platform_id in self._platforms:
            self.exchange.topics.delete_topic(TOPIC_PREFIX + platform_id)
        self.exchange.close()


@contextmanager
def process_exchange(database: str, schema: str, broker: BrokerSettings, folder: Path) -> Iterator[ProcessExchange]:
    """An exchange of processes; what they wrote is shown where the test fails."""
    exchange = ProcessExchange(database, schema, broker, folder)
    try:
        yield exchange
    except BaseException:
        for process in exchange.processes[-6:]:
            sys.stderr.write(f"--- {process.name}\n{process.said()[-4_000:]}\n")
        raise
    finally:
        exchange.close()


def topics_of(platforms: Iterable[str]) -> list[str]:
    """The topics of these platforms."""
    return [TOPIC_PREFIX + platform_id for platform_id in platforms]
