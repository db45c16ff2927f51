"""Each `.ledger` here is a story; the exchange has to tell it word for word, in memory and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from domain import program_file
from domain.gig import Gig
from domain.intake import IntakeRecorded
from domain.rule import ProgramVersion
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from infra.postgres import schema as migrations
from infra.postgres.datastore import DatabaseSettings, Datastore
from infra.postgres.reads import Reads
from services import operations
from services.composition import shipped_programs
from services.ingest import Ingest, IngestSettings
from services.operations import By
from services.reassess import Reassess
from tests.support.gigs import NOW, configuration, report, shipped
from tests.support.ledger_story import Teller, told
from tests.support.memory_exchange import MemoryExchange
from tests.support.scripted_gigs import ScriptedGigs

STORIES: Final = sorted(Path(__file__).parent.glob("*.ledger"))
BY: Final = By("story", NOW)


def read_versions(file: str) -> tuple[ProgramVersion, ...]:
    """The versions in a program file beside the stories."""
    return program_file.read((Path(__file__).parent / file).read_text("utf-8"))


class MemoryTeller:
    """The desk over dictionaries."""

    def __init__(self) -> None:
        self._members: dict[str, list[str]] = {}
        self._programs: dict[str, tuple[ProgramVersion, ...]] = {}
        self._exchange = MemoryExchange(configuration([], {}))

    def join(self, platform_id: str, program_id: str) -> None:
        """Join from now on, and for what was reported before once it is re-assessed."""
        self._members.setdefault(platform_id, []).append(program_id)
        self._programs.setdefault(program_id, shipped(program_id))
        self._decide_anew()

    def publish(self, file: str) -> None:
        """Publish the versions in a file beside the stories."""
        for version in read_versions(file):
            self._programs[version.id] = (*self._programs[version.id], version)
        self._decide_anew()

    def _decide_anew(self) -> None:
        self._exchange.configuration = configuration(self._programs.values(), self._members)

    def reassess(self) -> list[object]:
        """Re-assess every worker."""
        known = len(self._exchange.log)
        self._exchange.reassess(self._exchange.configuration)
        return [new.event for new in self._exchange.log[known:]]

    def take(self, platform_id: str, gig: Gig, *, cancelled: bool) -> tuple[str, list[object]]:
        """Take one report as a batch of its own."""
        known = len(self._exchange.log)
        (outcome,) = self._exchange.take(report(gig, platform_id, cancelled=cancelled))
        said = f"quarantined: {self._exchange.quarantine[-1][1]}" if outcome == "quarantined" else outcome
        return said, [new.event for new in self._exchange.log[known:]]


class PostgresTeller:
    """Ingest on a log in PostgreSQL, with scripted messages in place of Kafka."""

    def __init__(self, database: str, schema: str) -> None:
        self._datastore = Datastore(DatabaseSettings(database, schema=schema))
        migrations.migrate(self._datastore)
        self._log = ExchangeLog(self._datastore)
        self._reads = Reads(self._datastore)
        self._gigs = ScriptedGigs(self._log)
        self._ingest = Ingest(self._log, self._gigs, wire.report, lambda: NOW, IngestSettings())
        operations.publish_shipped(self._log, shipped_programs(), NOW)

    def join(self, platform_id: str, program_id: str) -> None:
        """Register where that is needed, and join."""
        first = shipped(program_id)[0].effective_from
        operations.register(self._log, NoTopics(), operations.NewTopic(), platform_id, platform_id, BY)
        operations.join(self._log, platform_id, program_id, first, BY)

    def publish(self, file: str) -> None:
        """Publish the versions in a file beside the stories."""
        for version in read_versions(file):
            operations.publish(self._log, version, BY)

    def reassess(self) -> list[object]:
        """Do what is due."""
        head = self._log.head()
        assert Reassess(self._log, self._reads, lambda: NOW).all_due().findings_count == 0
        return [each.event for each in self._log.after(head, 100)]

    def take(self, platform_id: str, gig: Gig, *, cancelled: bool) -> tuple[str, list[object]]:
        """Publish one message and take it."""
        head = self._log.head()
        self._gigs.report(platform_id, gig, cancelled=cancelled)
        while self._ingest.step():
            self._ingest.settle()
        events = [each.event for each in self._log.after(head, 100)]
        (outcome,) = [name for event in events if isinstance(event, IntakeRecorded) for name in event.outcomes]
        said = f"quarantined: {self._reads.quarantine()[-1].refused.reason}" if outcome == "quarantined" else outcome
        return said, events

    def close(self) -> None:
        """Leave nothing open."""
        self._ingest.close()
        self._log.close()


class NoTopics:
    """Topics are the scripted broker's business."""

    def create_topic(self, name: str, partitions: int, replication: int) -> None:
        """Nothing to make."""


@pytest.fixture(params=["memory", "postgresql"])
def teller(request: pytest.FixtureRequest) -> Iterator[Teller]:
    """Each way of running the domain."""
    if request.param == "memory":
        yield MemoryTeller()
        return
    made = PostgresTeller(request.getfixturevalue("database"), request.getfixturevalue("schema"))
    yield made
    made.close()


@pytest.mark.parametrize("story", STORIES, ids=[path.stem for path in STORIES])
def test_the_exchange_tells_the_story_word_for_word(story: Path, teller: Teller) -> None:
    text = story.read_text("utf-8")
    assert told(text, teller) == text


def test_there_are_stories() -> None:
    assert len(STORIES) >= 8
