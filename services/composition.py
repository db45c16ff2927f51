"""The composition root: plugs the outside world into the services. The only module here that knows `infra`."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import psycopg

from domain import program_file
from domain.message import Assignment, Partition
from domain.rejections import Malformed, NotFound, Unavailable
from domain.rule import ProgramVersion
from infra.event_log.log import ExchangeLog
from infra.kafka import checksums, wire
from infra.kafka.consumer import GigGroup
from infra.kafka.producer import Publisher, cloudevent, structured_cloudevent
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics
from infra.postgres import offsets, schema, server
from infra.postgres.datastore import DatabaseSettings, Datastore
from infra.postgres.reads import Reads
from infra.postgres.views import ViewRecorder
from projections.catalogue import VIEWS
from services import operations, redrive
from services.ingest import Ingest, IngestSettings
from services.operations import By, NewTopic
from services.ports import Clock
from services.projector import Projector
from services.publish import Outgoing
from services.reassess import Reassess
from services.redrive import Redriven
from services.settings import Settings

if TYPE_CHECKING:
    from infra.embedded.broker import BrokerAddress
    from infra.embedded.leash import Leash

#: The oldest PostgreSQL that the exchange runs on.
DATABASE_VERSION_MIN: Final = server.VERSION_MIN
#: What a partition of the embedded broker may hold unread: half of what it keeps at all.
EMBEDDED_UNREAD_BYTES_MAX: Final = 2_500_000
CONNECT_SECONDS: Final = 5
#: Requests under way get this long once the API is told to stop.
SHUTDOWN_SECONDS: Final = 10


def now() -> datetime:
    """The clock of the exchange."""
    return datetime.now(UTC)


class Exchange:
    """One process's view of the exchange: its log, views and broker, opened when first used."""

    def __init__(self, settings: Settings, process: str) -> None:
        self.settings = settings
        self._process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        if "datastore" in self.__dict__:
            self.datastore.close()
        if "topics" in self.__dict__:
            self.topics.close()

    @cached_property
    def datastore(self) -> Datastore:
        """Connections to the exchange's schema; raises `Malformed` where none is configured."""
        dsn = self.settings.database.get_secret_value()
        if not dsn:
            raise Malformed("no database is configured: set BENEFITS_DATABASE, or run `benefits up`")
        return Datastore(
            DatabaseSettings(
                dsn,
                schema=self.settings.schema_name,
                pool_size=self.settings.database_connections,
                statement_timeout_ms=self.settings.statement_timeout_ms,
                idle_in_transaction_timeout_ms=self.settings.idle_in_transaction_timeout_ms,
            ),
            application_name=f"benefits {self._process}",
        )

    @cached_property
    def log(self) -> ExchangeLog:
        """The event log."""
        return ExchangeLog(self.datastore)

    @cached_property
    def views(self) -> ViewRecorder:
        """The tables of the views."""
        return ViewRecorder(self.datastore)

    @cached_property
    def reads(self) -> Reads:
        """Questions to views and log."""
        return Reads(self.datastore)

    @cached_property
    def broker(self) -> BrokerSettings:
        """How the broker is reached; raises `Malformed` where none is configured."""
        if not self.settings.kafka:
            raise Malformed("no broker is configured: set BENEFITS_KAFKA, or run `benefits up`")
        return broker_settings(self.settings)

    @cached_property
    def topics(self) -> Topics:
        """The broker's topics."""
        return Topics(self.broker)

    @property
    def new_topic(self) -> NewTopic:
        """How the topic of a new platform is made."""
        return NewTopic(self.settings.topic_partitions, self.settings.topic_replication)

    def require_database(self) -> None:
        """Raise `Unavailable` where no server can be reached, with the reason: the pool only says that it waited."""
        try:
            psycopg.connect(self.datastore.settings.dsn, connect_timeout=CONNECT_SECONDS).close()
        except psycopg.Error as error:
            raise Unavailable(f"database: {' '.join(str(error).split())}") from None

    def start(self) -> list[str]:
        """Bring the schema up to date, make the views, publish the shipped programs once; returns what was migrated."""
        self.require_database()
        migrated = schema.migrate(self.datastore)
        self.views.ensure(VIEWS)
        operations.publish_shipped(self.log, shipped_programs(), now())
        return migrated

    def make_topics(self) -> list[str]:
        """Make the topic of every registered platform that the broker lacks: the embedded one starts without any."""
        names = self.topic_names()
        for name in sorted(set(names) - self.topics.topic_ids(names).keys()):
            self.topics.create_topic(name, self.new_topic.partitions, self.new_topic.replication)
        return names

    def topic_names(self) -> list[str]:
        """The topics that registered platforms report on."""
        return [operations.TOPIC_PREFIX + platform_id for platform_id in sorted(self.log.configuration().platforms)]

    def database_facts(self) -> server.ServerFacts:
        """The database server's version, and whether it keeps what it confirms."""
        self.require_database()
        return server.facts(self.datastore)

    def open_quarantine(self) -> dict[str, int]:
        """How many messages wait in quarantine, by reason."""
        return server.open_quarantine(self.datastore)

    def check_schema(self) -> None:
        """Raise `SchemaMismatch` unless the database's schema is the one this version knows."""
        schema.check(self.datastore)

    def ingest(self, clock: Clock = now) -> Ingest:
        """A member of the consumer group that takes gigs into the log; raises `ChecksumsTooSlow`."""
        checksums.require_compiled()
        group = GigGroup(
            self.broker,
            self.topics,
            self._take_over,
            # The embedded broker has a name of ours, and a single reader.
            group=None if self.settings.kafka_cluster else self.settings.consumer_group,
            session_timeout_ms=self.settings.session_timeout_ms,
        )
        sizes = IngestSettings(batch_size=self.settings.batch_size, cached_streams=self.settings.cached_streams)
        return Ingest(self.log, group, wire.report, clock, sizes)

    def _take_over(self, partitions: list[tuple[Partition, str]]) -> list[Assignment]:
        with self.log.transaction() as transaction:
            return offsets.take_over(transaction, partitions, now())

    def accept_gap(self, topic: str, number: int, offset: int, actor: str) -> Partition:
        """Go on at an offset although messages before it are lost; raises `Malformed` where there is no such place."""
        held = {at: found for at, found in self.topics.ranges([topic]).items() if at.number == number}
        if not held:
            raise Malformed(f"the broker has no partition {topic}/{number}", key="--accept-gap")
        ((partition, found),) = held.items()
        least = max(found.begin, dict(self.reads.offsets()).get(partition, 0))
        if not least <= offset <= found.end:
            raise Malformed(f"expected an offset from {least} to {found.end}, got {offset}", key="--accept-gap")
        with self.log.transaction() as transaction:
            offsets.accept_gap(transaction, partition, offset, now(), actor)
        return partition

    @contextmanager
    def sink(self, platform_id: str, *, structured: bool = False) -> Iterator["GigSink"]:
        """Where a platform's gigs are published to; raises `UnknownTopic` where the platform has none."""
        sink = GigSink(self, platform_id, structured=structured)
        with Publisher(self.broker) as sink.publisher:
            yield sink

    def redrive(self, by: By, numbers: Sequence[int] | None) -> list[Redriven]:
        """Take messages out of quarantine once more, or all open ones."""
        return redrive.redrive(self.log, self.reads, wire.report, by, numbers)

    def discard(self, by: By, numbers: Sequence[int], reason: str) -> list[int]:
        """Give messages in quarantine up."""
        return redrive.discard(self.log, self.reads, by, numbers, reason)

    def projector(self) -> Projector:
        """A process that folds the log into the views."""
        return Projector(self.log, self.views, self.wait_for_append)

    def reassess(self) -> Reassess:
        """The job that lets late versions and memberships count."""
        return Reassess(self.log, self.reads, now)

    @cached_property
    def _listener(self) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(self.settings.database.get_secret_value(), autocommit=True, connect_timeout=5)
        connection.execute(f"listen {self.log.channel}".encode())
        return connection

    def wait_for_append(self, seconds: float) -> None:
        """Wait until something is appended, but no longer than this."""
        try:
            for _ in self._listener.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.OperationalError:
            # The next read of the log says what is the matter; listen anew after it.
            if "_listener" in self.__dict__:
                self.__dict__.pop("_listener").close()


class UnknownTopic(NotFound):
    """The broker has no topic for the platform."""

    code = "unknown_topic"


class GigSink:
    """Sends one platform's gigs to its topic, as CloudEvents."""

    publisher: Publisher

    def __init__(self, exchange: Exchange, platform_id: str, *, structured: bool) -> None:
        self._exchange = exchange
        self._platform_id = platform_id
        self._envelop = structured_cloudevent if structured else cloudevent
        self._topic = operations.TOPIC_PREFIX + platform_id
        if not exchange.topics.topic_ids([self._topic]):
            raise UnknownTopic(
                f"the broker has no topic {self._topic}: register the platform with `benefits platform register`"
            )

    def send(self, message: Outgoing) -> None:
        """Hand a message over for sending."""
        headers, value = self._envelop(
            message.data,
            type=wire.CANCELLED if message.cancelled else wire.COMPLETED,
            source=f"/platforms/{self._platform_id}",
            subject=message.worker_id or "",
            id=message.event_id,
        )
        self.publisher.send(self._topic, message.worker_id, value, headers)

    def flush(self) -> None:
        """Return once everything sent was taken."""
        self.publisher.flush()

    def wait_for_room(self, largest_bytes: int) -> None:
        """Where the broker is the embedded one, wait until what it holds unread is far below what it can hold."""
        if self._exchange.settings.mode != "embedded" or not self._exchange.settings.database.get_secret_value():
            return
        from infra.embedded.broker import UNREAD_MAX, unread, wait_for_room

        def behind() -> int:
            return unread(self._exchange.topics.ranges([self._topic]), dict(self._exchange.reads.offsets()))

        wait_for_room(behind, unread_max=min(UNREAD_MAX, EMBEDDED_UNREAD_BYTES_MAX // max(largest_bytes, 1)))


def serve(exchange: Exchange, stop: Flag) -> None:
    """Serve HTTP until SIGINT or SIGTERM, or until `stop`, then finish the requests under way.

    Raises `Malformed` where no keys are configured and `Unavailable` where the port is taken.
    """
    import uvicorn

    from services.api.app import create_app
    from services.api.auth import authenticator

    settings = exchange.settings
    keys = authenticator(settings)
    listener = listening(settings)
    exchange.start()
    app = create_app(
        exchange.log,
        exchange.reads,
        exchange.topics,
        keys,
        settings,
        clock=now,
        checks={"database": exchange.log.head, "schema": exchange.check_schema},
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)

    def follow() -> None:
        stop.wait()
        server.should_exit = True

    # The server takes the signals over while it runs; `stop` knows of one that came before.
    Thread(target=follow, name="stop", daemon=True).start()
    server.run(sockets=[listener])


def listening(settings: Settings) -> socket.socket:
    """The socket on which to serve: an inherited one, or a new one; raises `Unavailable` where the port is taken."""
    if settings.listener is not None:
        return socket.socket(fileno=settings.listener)
    return listen(settings.host, settings.port)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on a port (0: any free one); raises `Unavailable`."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno) if error.errno else error}; choose another"
        ) from None


class EmbeddedServers:
    """The data directory, database and broker of an embedded exchange; this process owns them."""

    def __init__(self, data: Path) -> None:
        try:
            from infra.embedded.data_directory import DataDirectory
            from infra.embedded.database import EmbeddedDatabase
        except ImportError as error:
            raise Unavailable(
                f"the embedded mode is not installed ({error.name} is missing):"
                " pip install 'portable-benefits-exchange[embedded]'"
            ) from None
        self.directory: DataDirectory = DataDirectory(data)
        self.database: EmbeddedDatabase = EmbeddedDatabase(self.directory)

    @property
    def announcement(self) -> Path:
        """The file in which the broker's process says where it listens."""
        return self.directory.path / "broker.json"

    def broker(self, seconds_max: float) -> "BrokerAddress":
        """Where the broker listens, once its process has said so; raises `Unavailable`."""
        from infra.embedded.broker import announced

        return announced(self.announcement, seconds_max=seconds_max)


def serve_embedded_broker(announcement: Path, stop: Flag, owner: int | None) -> None:
    """Be the embedded broker until told to stop, or until `owner` is no longer our parent."""
    from infra.embedded.broker import serve

    serve(announcement, stop, owner=owner)


def require_compiled_checksums() -> None:
    """Raise `ChecksumsTooSlow` unless kafka-python found the C module."""
    checksums.require_compiled()


def compiled_checksums() -> str | None:
    """The C module that kafka-python takes checksums from, None where it computes them in Python."""
    found = checksums.compiled()
    return None if found is None else found.__name__


def embedded_api_version() -> str:
    """The version of Kafka's protocol that the embedded broker speaks."""
    from infra.embedded.broker import API_VERSION

    return API_VERSION


def leash(pid: int) -> "Leash":
    """Kills a child as soon as we are gone, however we end."""
    from infra.embedded.leash import Leash

    return Leash(pid, "KILL")


def broker_settings(settings: Settings) -> BrokerSettings:
    """How the broker is reached."""
    return BrokerSettings(
        bootstrap_servers=settings.kafka,
        api_version=settings.kafka_api_version,
        cluster=settings.kafka_cluster,
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
        ca_file=str(settings.kafka_ca_file) if settings.kafka_ca_file else "",
    )


def shipped_programs() -> list[ProgramVersion]:
    """The versions of all programs that come with this version, in the order of their files."""
    folder = files("domain") / "programs"
    found = sorted((entry.name, entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [version for _, text in found for version in program_file.read(text)]
