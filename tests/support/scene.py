"""A whole exchange in one process on a real PostgreSQL: report gigs, take them in, fold them, ask over HTTP."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from domain import program_file
from domain.rejections import Unavailable
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from infra.postgres import schema
from infra.postgres.datastore import DatabaseSettings, Datastore
from infra.postgres.reads import Reads
from infra.postgres.views import ViewRecorder
from projections.catalogue import VIEWS
from services import operations
from services.api.access import Role
from services.api.app import create_app
from services.api.auth import authenticator
from services.ingest import Ingest, IngestSettings
from services.operations import By, NewTopic
from services.projector import Projector
from services.settings import Settings
from services.tokens import development_tokens
from tests.support.gigs import NOW, PROGRAMS
from tests.support.postgres_server import fresh_schema
from tests.support.scripted_gigs import ScriptedGigs

BY: Final = By("ada", NOW)
HOUR: Final = timedelta(hours=1)


class ScriptedTopics:
    """Topics in memory, on a broker that can be taken down."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.is_down = False

    def create_topic(self, name: str, _partitions: int, _replication: int) -> None:
        """Make a topic, or leave it as it is."""
        if self.is_down:
            raise Unavailable("no broker answers")
        self.made.append(name)


class Scene:
    """One exchange in a schema of its own: report gigs, take them in, fold them, ask."""

    def __init__(self, database: str, folder: Path) -> None:
        self.datastore = Datastore(DatabaseSettings(database, schema=fresh_schema()))
        schema.migrate(self.datastore)
        views = ViewRecorder(self.datastore)
        views.ensure(VIEWS)
        self.log = ExchangeLog(self.datastore)
        self.reads = Reads(self.datastore)
        self.topics = ScriptedTopics()
        self.gigs = ScriptedGigs(self.log)
        self.now = NOW
        self._ingest = Ingest(self.log, self.gigs, wire.report, lambda: self.now, IngestSettings())
        self._projector = Projector(self.log, views, lambda _seconds: None)
        self.tokens = development_tokens(folder, "issuer", "audience")
        self.settings = Settings(
            jwks=str(self.tokens.jwks_file), token_issuer="issuer", token_audience="audience", wait_seconds=0.3
        )
        self.app = self.new_app()

    def new_app(self, **settings: Any) -> FastAPI:
        """An API on this exchange."""
        settings_ = self.settings.model_copy(update=settings)
        return create_app(
            self.log,
            self.reads,
            self.topics,
            authenticator(settings_),
            settings_,
            clock=lambda: self.now,
            checks={"schema": lambda: schema.check(self.datastore)},
        )

    def publish_shipped(self) -> None:
        """Publish the programs that come with the exchange."""
        texts = [path.read_text("utf-8") for path in sorted(PROGRAMS.glob("*.toml"))]
        operations.publish_shipped(self.log, [each for text in texts for each in program_file.read(text)], NOW)

    def register(self, platform_id: str, **joined: date) -> None:
        """Register a platform that is a member of these programs (`_` for `-`) from these days on."""
        operations.register(self.log, self.topics, NewTopic(), platform_id, platform_id.title(), BY)
        for program_id, day in joined.items():
            operations.join(self.log, platform_id, program_id.replace("_", "-"), day, BY)

    def ingest(self) -> None:
        """Take in what was reported."""
        while self._ingest.step():
            self._ingest.settle()

    def project(self) -> None:
        """Fold what was taken in."""
        while self._projector.step():
            pass

    def token(self, role: Role, subject: str) -> str:
        """A token that is good for an hour."""
        return self.tokens.mint(role, subject, HOUR, datetime.now(NOW.tzinfo))

    def close(self) -> None:
        """Leave nothing open."""
        self._ingest.close()
        self.log.close()
