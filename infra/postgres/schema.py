"""The schema: numbered forward-only migrations, applied under a lock when the exchange starts."""

from hashlib import blake2b
from importlib.resources import files

import psycopg
from msgspec import Struct
from psycopg.sql import SQL, Identifier

from domain.rejections import Unavailable
from infra.postgres.datastore import Datastore


class SchemaMismatch(Unavailable):
    """The database's schema is not one that this version can work with."""

    code = "schema_mismatch"


class Migration(Struct, frozen=True):
    """One numbered step; never edited once released."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Tells whether the step that was applied is the one we know."""
        return blake2b(self.sql.encode(), digest_size=8).hexdigest()


def migrations() -> list[Migration]:
    """All steps, in order; numbers are gapless from 1."""
    folder = files("infra.postgres") / "migrations"
    found = sorted((entry.name, entry.read_text()) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Migration(int(name[:4]), name.removesuffix(".sql"), sql) for name, sql in found]


def migrate(datastore: Datastore) -> list[str]:
    """Bring the schema up to date and return the steps applied; raises `SchemaMismatch`."""
    schema = Identifier(datastore.schema)
    with datastore.transact() as rows:
        rows.execute("select pg_advisory_xact_lock(%s)", [lock_key(f"migrate {datastore.schema}")])
        rows.execute(SQL("create schema if not exists {}").format(schema))
        rows.execute(
            "create table if not exists schema_migration ("
            "number integer primary key, name text not null, digest text not null, "
            "applied_at timestamptz not null default now())"
        )
        pending = _pending(_applied(rows))
        for step in pending:
            rows.execute(SQL(step.sql))
            rows.execute(
                "insert into schema_migration (number, name, digest) values (%s, %s, %s)",
                [step.number, step.name, step.digest],
            )
    return [step.name for step in pending]


def check(datastore: Datastore) -> None:
    """Raise `SchemaMismatch` unless the schema is exactly the one this version knows."""
    try:
        with datastore.transact() as rows:
            pending = _pending(_applied(rows))
    except psycopg.errors.UndefinedTable:
        raise SchemaMismatch(
            f"there is no exchange in schema {datastore.schema!r}: start one with `benefits api`"
        ) from None
    if pending:
        raise SchemaMismatch(f"the schema lacks {pending[0].name}: start the exchange once to migrate it")


def _applied(rows: psycopg.Cursor[tuple[object, ...]]) -> dict[int, tuple[str, str]]:
    found = rows.execute("select number, name, digest from schema_migration").fetchall()
    return {int(str(number)): (str(name), str(digest)) for number, name, digest in found}


def _pending(applied: dict[int, tuple[str, str]]) -> list[Migration]:
    known = {step.number: step for step in migrations()}
    for number, (name, digest) in sorted(applied.items()):
        if number not in known:
            raise SchemaMismatch(f"the schema has {name}, which this version does not know: upgrade the program")
        if known[number].digest != digest:
            raise SchemaMismatch(f"the schema's {name} is not the one this version knows")
    return [step for number, step in sorted(known.items()) if number not in applied]


def lock_key(name: str) -> int:
    """A key for an advisory lock: 63 bits of a digest of its name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 1
