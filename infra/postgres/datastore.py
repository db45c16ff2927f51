"""Connections to one schema of one PostgreSQL database, with the timeouts that keep a stopped process harmless."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from eventsourcing.postgres import PostgresDatastore
from msgspec import Struct
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row

from domain.rejections import Conflict, Malformed, Unavailable

#: Plain rows: the batch paths read thousands of them.
Rows = Cursor[tuple[Any, ...]]


#: Every statement finds its rows by key. A plan outlives the moment it was made in: one that scans a table while it is
#: nearly empty would scan it with each batch for minutes (measured: until the first autovacuum).
ONLY_BY_KEY: Final = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}


class DatabaseSettings(Struct, frozen=True):
    """Where the exchange's schema is, and how long anything in it may take (milliseconds)."""

    dsn: str
    schema: str = "exchange"
    pool_size: int = 4
    statement_timeout_ms: int = 30_000
    lock_timeout_ms: int = 10_000
    #: A process that is stopped inside its transaction loses it after this and blocks nobody for longer.
    idle_in_transaction_timeout_ms: int = 2_000


class Datastore(PostgresDatastore):
    """The library's datastore on our connection string, schema and timeouts."""

    def __init__(self, settings: DatabaseSettings, application_name: str = "benefits") -> None:
        parts = _parts(settings.dsn)
        super().__init__(
            dbname=str(parts.get("dbname") or ""),
            host=str(parts.get("host") or ""),
            port=str(parts.get("port") or ""),
            user=str(parts.get("user") or ""),
            password=str(parts.get("password") or ""),
            schema=settings.schema,
            originator_id_type="text",
            pool_size=0,
            max_overflow=settings.pool_size,
            idle_in_transaction_session_timeout=settings.idle_in_transaction_timeout_ms / 1000,
        )
        self.settings = settings
        # One round trip: the server applies these while the connection starts.
        options = {
            "search_path": settings.schema,
            "statement_timeout": settings.statement_timeout_ms,
            "lock_timeout": settings.lock_timeout_ms,
            "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout_ms,
            "timezone": "UTC",
            "jit": "off",
            **ONLY_BY_KEY,
        }
        kwargs = {key: value for key, value in parts.items() if value is not None}
        given = [str(kwargs["options"])] if "options" in kwargs else []
        kwargs["options"] = " ".join([*given, *(f"-c {key}={value}" for key, value in options.items())])
        kwargs["application_name"] = application_name
        kwargs["connect_timeout"] = 5
        kwargs["row_factory"] = self.pool.kwargs["row_factory"] if isinstance(self.pool.kwargs, dict) else tuple_row
        self.pool.kwargs = kwargs

    @contextmanager
    def transact(self) -> Iterator[Rows]:
        """A transaction with plain rows, committed at the end of the block.

        Raises `Conflict` where somebody else wrote first, `Unavailable` where the database does not answer or took
        the transaction away.
        """
        with _translated(), self.pool_connection() as connection, connection.transaction():
            yield connection.cursor(row_factory=tuple_row)

    @contextmanager
    def pool_connection(self) -> Iterator[Connection[Any]]:
        """A connection in autocommit mode, for a single statement or to listen on."""
        self.pool.open()
        with _translated(), self.pool.connection() as connection:
            yield connection

    def read(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of one statement, in a transaction of its own."""
        try:
            return self._read(statement, parameters)
        except Unavailable:
            # The pool may hold connections of before a restart; it has dropped this one, and asking again is safe.
            return self._read(statement, parameters)

    def _read(self, statement: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self.pool_connection() as connection:
            return connection.cursor(row_factory=tuple_row, binary=True).execute(statement, parameters).fetchall()


@contextmanager
def _translated() -> Iterator[None]:
    """The exchange's own errors for what a database can answer."""
    try:
        yield
    except (psycopg.errors.UniqueViolation, psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as e:
        raise Conflict(_first_line(e)) from e
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout) as e:
        raise Unavailable(f"database: {_first_line(e)}") from e


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _parts(dsn: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as e:
        raise Malformed(f"not a PostgreSQL connection string: {_first_line(e)}", key="database") from None
