"""Fixtures for every test that needs a server: `database`, `schema`, `kafka`, `broker` (once for each kind)."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pytest

from infra.embedded.broker import API_VERSION, EmbeddedBroker
from infra.kafka.settings import BrokerSettings
from tests.support.kafka_server import KafkaNotAvailable, real_kafka
from tests.support.postgres_server import fresh_schema, postgres


@pytest.fixture
def server_dir() -> Iterator[Path]:
    """A folder for a server's data.

    Not pytest's own: every session that starts closes that to other users, also below a server that runs as one.
    """
    with TemporaryDirectory(prefix="benefits-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The connection string of a PostgreSQL that the whole session shares."""
    with TemporaryDirectory(prefix="benefits-test-") as folder, postgres(Path(folder)) as dsn:
        yield dsn


@pytest.fixture
def schema() -> str:
    """The name of a schema that only this test uses; whoever fills it makes it."""
    return fresh_schema()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerSettings]:
    """A real Apache Kafka; without one the test is skipped aloud, and in CI it fails."""
    with ExitStack() as servers:
        try:
            bootstrap = servers.enter_context(real_kafka(tmp_path_factory.mktemp("kafka")))
        except KafkaNotAvailable as error:
            missing_kafka(error)
        yield BrokerSettings(bootstrap)


@pytest.fixture(scope="session")
def embedded_kafka() -> Iterator[BrokerSettings]:
    """The embedded broker."""
    with EmbeddedBroker() as broker:
        yield BrokerSettings(broker.address.bootstrap, api_version=API_VERSION, cluster=broker.address.incarnation)


@pytest.fixture(scope="session", params=["embedded_kafka", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> BrokerSettings:
    """Each broker that the exchange runs on."""
    settings = request.getfixturevalue(request.param)
    assert isinstance(settings, BrokerSettings)
    return settings


def missing_kafka(error: KafkaNotAvailable) -> NoReturn:
    """Skip for want of a real Kafka, or fail where one has to be."""
    reason = f"NOT TESTED ON A REAL KAFKA: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
