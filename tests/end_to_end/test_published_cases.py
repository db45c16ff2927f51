"""The published worked examples from a broker to an answer: Kafka, ingest, projector and HTTP API, to the cent.

Everything runs in this process, because some of the cases lie in years to come, which intake refuses by the clock.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from infra.kafka.producer import Publisher
from infra.kafka.settings import BrokerSettings
from services import operations
from services.api.app import create_app
from services.api.auth import authenticator
from services.composition import Exchange
from services.operations import TOPIC_PREFIX, By, NewTopic
from services.settings import Settings
from services.tokens import DevelopmentTokens, development_tokens
from tests.support.exchange_processes import eventually, message
from tests.support.gigs import shipped
from tests.support.postgres_server import fresh_schema
from tests.support.published_cases import CASES, MEMBERS, NOW, PublishedCase

pytestmark = pytest.mark.timeout(300)

BY: Final = By("test", NOW)
#: More than any case has gigs.
ENTRIES_MAX: Final = 200


class Answers:
    """An exchange that all cases went through, asked over HTTP by an auditor; its platforms are named after the run."""

    def __init__(self, exchange: Exchange, tokens: DevelopmentTokens, run: str) -> None:
        self.exchange = exchange
        self._run = run
        self._token = tokens.mint("auditor", "grace", timedelta(hours=1), datetime.now(UTC))
        self._client = TestClient(
            create_app(
                exchange.log,
                exchange.reads,
                exchange.topics,
                authenticator(exchange.settings),
                exchange.settings,
                clock=lambda: NOW,
                checks={},
            )
        )

    def platform(self, platform_id: str) -> str:
        """A platform's name in this run, so that its topic is the run's own."""
        return f"{platform_id}-{self._run}"

    def get(self, path: str, **query: int) -> Any:
        """An answer's JSON."""
        answer = self._client.get(path, headers={"Authorization": f"Bearer {self._token}"}, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def register(self) -> None:
        """Register the platforms, members of their programs from the beginning."""
        exchange = self.exchange
        for platform_id, programs in MEMBERS.items():
            name = self.platform(platform_id)
            operations.register(exchange.log, exchange.topics, NewTopic(2, 1), name, platform_id, BY)
            for program_id in programs:
                operations.join(exchange.log, name, program_id, shipped(program_id)[0].effective_from, BY)

    def report(self, broker: BrokerSettings) -> None:
        """Publish every gig of every case."""
        with Publisher(broker) as publisher:
            for platform_id, facts in [each for case in CASES for each in case.gigs]:
                name = self.platform(platform_id)
                headers, value = message(facts, name)
                publisher.send(TOPIC_PREFIX + name, facts.worker_id, value, headers)

    def take(self) -> None:
        """Take everything in, by the clock of the cases, and fold it."""
        ingest, projector = self.exchange.ingest(lambda: NOW), self.exchange.projector()

        def has_taken() -> bool:
            ingest.step()
            ingest.settle()
            return self._has_taken()

        try:
            eventually("all gigs taken", has_taken)
        finally:
            ingest.close()
        while projector.step():
            pass

    def _has_taken(self) -> bool:
        offsets = dict(self.exchange.reads.offsets())
        held = self.exchange.topics.ranges(self.exchange.topic_names())
        return all(offsets.get(at, 0) == found.end for at, found in held.items())

    def close(self) -> None:
        """Delete the topics, and leave nothing open."""
        # The embedded broker deletes none, and ends with the session.
        for name in [] if self.exchange.settings.kafka_cluster else self.exchange.topic_names():
            self.exchange.topics.delete_topic(name)
        self._client.close()
        self.exchange.close()


@pytest.fixture(scope="module")
def answers(broker: BrokerSettings, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """An exchange on each broker, to which everything was reported."""
    tokens = development_tokens(tmp_path_factory.mktemp("keys"), "issuer", "audience")
    schema = fresh_schema()
    settings = Settings(
        database=SecretStr(database),
        schema_name=schema,
        kafka=broker.bootstrap_servers,
        kafka_api_version=broker.api_version,
        kafka_cluster=broker.cluster,
        consumer_group=schema,
        jwks=str(tokens.jwks_file),
        token_issuer="issuer",
        token_audience="audience",
    )
    exchange = Exchange(settings, "test")
    exchange.start()
    answers = Answers(exchange, tokens, uuid4().hex[:8])
    try:
        answers.register()
        answers.report(broker)
        answers.take()
        yield answers
    finally:
        answers.close()


def test_nothing_was_put_into_quarantine(answers: Answers) -> None:
    # The broker may hold topics of other tests, whose gigs are not ours to take.
    own = set(answers.exchange.topic_names())
    found = answers.exchange.reads.quarantine(limit=10_000)
    assert [each for each in found if each.refused.message.partition.topic in own] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_a_published_case_is_answered_to_the_cent(answers: Answers, case: PublishedCase) -> None:
    path = f"/v1/workers/{case.worker_id}"
    balance, sources = (answers.get(f"{path}/{of}") for of in ("balance", "sources"))
    entries = answers.get(f"{path}/entries", limit=ENTRIES_MAX)
    assert entries["next_cursor"] is None
    assert len(entries["entries"]) == len(case.gigs)
    lines = [line for entry in entries["entries"] for line in entry["lines"]]
    for owed in case.owed:
        platform = answers.platform(owed.platform_id)
        if owed.payer is None:
            amounts = [
                each["accrued"]
                for each in sources["sources"]
                if each["platform_id"] == platform and owed.benefit in (None, each["benefit"])
            ]
        else:
            amounts = [
                line["amount"]
                for line in lines
                if line["payer"] == owed.payer and owed.benefit in (None, line["benefit"])
            ]
        assert sum(amount["amount_minor"] for amount in amounts) == owed.amount_minor
    pending = sum(each["pending"]["amount_minor"] for each in balance["benefits"])
    assert pending == sum(line["amount"]["amount_minor"] for line in lines)
