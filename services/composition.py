"""The composition root: plugs the outside world into the services. The only module here that knows `infra`."""

from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from types import TracebackType
from typing import Self

import psycopg

from domain import program_file
from domain.message import Assignment, Partition
from domain.rejections import Malformed
from domain.rule import ProgramVersion
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from infra.kafka.consumer import GigGroup
from infra.kafka.settings import BrokerSettings
from infra.kafka.topics import Topics
from infra.postgres import offsets, schema
from infra.postgres.datastore import DatabaseSettings, Datastore
from infra.postgres.reads import Reads
from infra.postgres.views import ViewRecorder
from projections.catalogue import VIEWS
from services import operations
from services.ingest import Ingest, IngestSettings
from services.projector import Projector
from services.settings import Settings


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

    def start(self) -> list[str]:
        """Bring the schema up to date, make the views, publish the shipped programs once; returns what was migrated."""
        migrated = schema.migrate(self.datastore)
        self.views.ensure(VIEWS)
        operations.publish_shipped(self.log, shipped_programs(), now())
        return migrated

    def check_schema(self) -> None:
        """Raise `SchemaMismatch` unless the database's schema is the one this version knows."""
        schema.check(self.datastore)

    def ingest(self) -> Ingest:
        """A member of the consumer group that takes gigs into the log."""
        group = GigGroup(
            self.broker,
            self.topics,
            self._take_over,
            group=self.settings.consumer_group,
            session_timeout_ms=self.settings.session_timeout_ms,
        )
        sizes = IngestSettings(batch_size=self.settings.batch_size, cached_streams=self.settings.cached_streams)
        return Ingest(self.log, group, wire.report, now, sizes)

    def _take_over(self, partitions: list[tuple[Partition, str]]) -> list[Assignment]:
        with self.log.transaction() as transaction:
            return offsets.take_over(transaction, partitions, now())

    def accept_gap(self, partition: Partition, offset: int, actor: str) -> None:
        """Go on at an offset although messages before it are lost."""
        with self.log.transaction() as transaction:
            offsets.accept_gap(transaction, partition, offset, now(), actor)

    def projector(self) -> Projector:
        """A process that folds the log into the views."""
        return Projector(self.log, self.views, self.wait_for_append)

    @cached_property
    def _listener(self) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(self.settings.database.get_secret_value(), autocommit=True)
        connection.execute(f"listen {self.log.channel}".encode())
        return connection

    def wait_for_append(self, seconds: float) -> None:
        """Wait until something is appended, but no longer than this."""
        try:
            for _ in self._listener.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.OperationalError:
            # The next read of the log says what is the matter; listen anew after it.
            self.__dict__.pop("_listener", None)


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

