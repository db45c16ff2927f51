"""A PostgreSQL for tests: one that is there already, a container, or the embedded one.

BENEFITS_TEST_DATABASE   connection string of a database to use; each test gets a schema of its own in it
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from infra.embedded.database import embedded_database
from tests.support.docker_engine import docker_answers

IMAGE: Final = "postgres:18"


@contextmanager
def postgres(data_dir: Path) -> Iterator[str]:
    """The connection string of a running PostgreSQL."""
    if given := os.environ.get("BENEFITS_TEST_DATABASE"):
        yield given
    elif docker_answers():
        from testcontainers.postgres import PostgresContainer

        with PostgresContainer(IMAGE, driver=None) as container:
            yield container.get_connection_url()
    else:
        with embedded_database(data_dir) as database:
            yield database.dsn


def fresh_schema() -> str:
    """A schema name that no other test has: everything of an exchange lives in one schema."""
    return f"test_{uuid4().hex[:12]}"
