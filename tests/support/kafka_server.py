"""A real Apache Kafka for tests: one that is there already, a container, or a broker from Maven's jars.

BENEFITS_TEST_KAFKA   address of a broker to use
KAFKA_HOME            an unpacked Apache Kafka; without it, the repository's `.kafka` (`make kafka`)
BENEFITS_CACHE        where jars are fetched to when neither is there
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from infra.embedded.leash import Leash, stop
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import BrokerUnavailable, Topics
from tests.support.docker_engine import docker_answers
from tests.support.repository import ROOT

VERSION: Final = "4.1.0"
IMAGE: Final = f"apache/kafka:{VERSION}"
JAVA_MAJOR_MIN: Final = 17
READY_SECONDS_MAX: Final = 60.0
_POM: Final = ROOT / "tests" / "support" / "kafka.pom.xml"
_PATIENCE: Final = [(signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)]

_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
"""


class KafkaNotAvailable(Exception):
    """There is no real Kafka here, and why."""


class KafkaServer:
    """A broker from jars on a data directory of its own: stops, dies, pauses, and comes back at the same address."""

    def __init__(self, data_dir: Path, libs: Path) -> None:
        self._data_dir = data_dir
        self._libs = libs
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        self.bootstrap = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers; raises `KafkaNotAvailable` with its last words."""
        if not self.bootstrap:
            self._format()
        with (self._data_dir / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("-Xmx512m", "kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._leash = Leash(self._process.pid, "KILL")
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Shut it down in order."""
        self.resume()
        self._end(_PATIENCE)

    def kill(self) -> None:
        """End it at once."""
        self._end([(signal.SIGKILL, 5.0)])

    def pause(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(signal.SIGCONT)

    @property
    def _properties(self) -> Path:
        return self._data_dir / "server.properties"

    def _java(self, *arguments: str) -> list[str]:
        return ["java", *arguments[:-2], "-cp", f"{self._libs}/*", *arguments[-2:]]

    def _format(self) -> None:
        port, controller = _free_ports(2)
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(_PROPERTIES.format(port=port, controller=controller, logs=self._data_dir / "logs"))
        command = ["java", "-cp", f"{self._libs}/*", "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        formatted = subprocess.run(
            [*command, "-t", _cluster_id(), "-c", str(self._properties)], capture_output=True, text=True, check=False
        )
        if formatted.returncode != 0:
            raise KafkaNotAvailable(f"Kafka's storage cannot be formatted: {formatted.stderr[-300:]}")
        self.bootstrap = f"127.0.0.1:{port}"

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = monotonic() + READY_SECONDS_MAX
        with Topics(BrokerSettings(self.bootstrap)) as topics:
            while process.poll() is None and monotonic() < deadline:
                if _listens(self.bootstrap):
                    with suppress(BrokerUnavailable):
                        topics.cluster_id()
                        return
                sleep(0.1)
        said = (self._data_dir / "kafka.log").read_text(errors="replace")[-500:]
        self.kill()
        raise KafkaNotAvailable(f"Kafka did not start: {said}")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _end(self, patience: list[tuple[signal.Signals, float]]) -> None:
        if self._process is not None:
            stop(self._process, patience)
        if self._leash is not None:
            self._leash.release()
        self._process = self._leash = None


def start_kafka_jars(data_dir: Path) -> KafkaServer:
    """A running broker of our own, which fault tests may stop, kill and pause; raises `KafkaNotAvailable`."""
    server = KafkaServer(data_dir, kafka_jars())
    server.start()
    return server


@contextmanager
def real_kafka(data_dir: Path) -> Iterator[str]:
    """The address of a real Apache Kafka, ours or somebody's; raises `KafkaNotAvailable`."""
    if given := os.environ.get("BENEFITS_TEST_KAFKA"):
        yield given
    elif docker_answers():
        with _container() as bootstrap:
            yield bootstrap
    else:
        with KafkaServer(data_dir, kafka_jars()) as server:
            yield server.bootstrap


@contextmanager
def _container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer

    # The advertised address has to be known before the container runs, so the port is ours to choose.
    (port,) = _free_ports(1)
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:29093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    container = DockerContainer(IMAGE).with_bind_ports(port, port)
    for name, value in settings.items():
        container = container.with_env(name, value)
    with container:
        _wait_for_container(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"


def _wait_for_container(bootstrap: str) -> None:
    deadline = monotonic() + READY_SECONDS_MAX
    with Topics(BrokerSettings(bootstrap)) as topics:
        while True:
            try:
                topics.cluster_id()
            except BrokerUnavailable as error:
                if monotonic() > deadline:
                    raise KafkaNotAvailable(f"Kafka in a container did not start: {error}") from error
                sleep(0.2)
            else:
                return


def kafka_jars() -> Path:
    """The folder with Apache Kafka's jars, fetched once by Maven; raises `KafkaNotAvailable`."""
    major = _java_major()
    if major < JAVA_MAJOR_MIN:
        found = f"Java {major}" if major else "none"
        raise KafkaNotAvailable(f"Apache Kafka needs Java {JAVA_MAJOR_MIN}, here is {found}")
    for libs in (Path(os.environ.get("KAFKA_HOME") or ROOT / ".kafka") / "libs", _cache()):
        if any(libs.glob("kafka_2.13-*.jar")):
            return libs
    return _fetch(_cache())


def _cache() -> Path:
    root = os.environ.get("BENEFITS_CACHE") or Path.home() / ".cache" / "portable-benefits-exchange"
    return Path(root) / f"kafka-{VERSION}"


def _fetch(libs: Path) -> Path:
    """Fetch the jars aside and rename: a folder that is there is complete, whoever else fetches at the same time."""
    if shutil.which("mvn") is None:
        raise KafkaNotAvailable("no jars of Apache Kafka here, and no Maven (mvn) to fetch them")
    libs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=libs.parent) as aside:
        fetched = subprocess.run(
            [
                *("mvn", "--batch-mode", "--quiet", "--file", str(_POM), "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={aside}/libs"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if fetched.returncode != 0:
            raise KafkaNotAvailable(f"Maven could not fetch Apache Kafka: {fetched.stdout[-300:]}")
        with suppress(OSError):
            Path(aside, "libs").rename(libs)
    return libs


def _java_major() -> int:
    try:
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except FileNotFoundError:
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def _cluster_id() -> str:
    """A fresh cluster id in Kafka's notation: a uuid in 22 characters. A leading `-` would be taken for an option."""
    return urlsafe_b64encode(uuid4().bytes).decode().rstrip("=").replace("-", "A")


def _listens(bootstrap: str) -> bool:
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports
