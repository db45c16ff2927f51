"""The library's recorder with one append for all: under the append lock, without pipeline mode, without its table lock.

Appends of one schema exclude each other from the lock to the commit, so that positions become visible in order and
whoever follows them misses nothing. The lock is taken last of all and held briefly. The library's own `LOCK TABLE …
EXCLUSIVE` would fight autovacuum; its pipeline mode hangs on large batches.
"""

from collections.abc import Sequence
from typing import Any, Final

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from domain.identifiers import worker_of
from infra.postgres.datastore import Datastore, Rows
from infra.postgres.schema import lock_key

TABLE: Final = "exchange_events"
#: Raised with each append, so that projectors need not poll.
CHANNEL: Final = "exchange_appended"

_INSERT: Final = """
    insert into exchange_events (originator_id, originator_version, topic, state)
    select * from unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])
"""
_INDEX_STREAMS: Final = """
    insert into worker_stream (worker_id, stream) select * from unnest(%b::text[], %b::text[]) on conflict do nothing
"""


class ExchangeRecorder(PostgresApplicationRecorder):
    """Appends events in a transaction of the caller's, or in one of its own for the library."""

    def __init__(self, datastore: Datastore) -> None:
        super().__init__(datastore, events_table_name=TABLE)
        self.exchange = datastore
        self.append_lock = lock_key(f"append {datastore.schema}")

    def create_table(self) -> None:
        """Nothing: the schema is made by migrations."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Append in a transaction of its own and return the positions; raises `Conflict`."""
        with self.exchange.transact() as rows:
            self.lock(rows)
            self.append(rows, stored_events)
            return _positions(rows, stored_events)

    def lock(self, rows: Rows) -> None:
        """Take the append lock until the end of the transaction."""
        rows.execute("select pg_advisory_xact_lock(%s)", [self.append_lock])

    def append(self, rows: Rows, events: Sequence[StoredEvent]) -> None:
        """Append events under the append lock; a version that is taken raises `Conflict` out of the transaction."""
        streams = [str(event.originator_id) for event in events]
        versions = [event.originator_version for event in events]
        names = [event.topic for event in events]
        rows.execute(_INSERT, [streams, versions, names, [event.state for event in events]])
        self._index_streams(rows, streams, versions)
        rows.execute("select pg_notify(%s, '')", [self.channel])

    def _index_streams(self, rows: Rows, streams: list[str], versions: list[int]) -> None:
        first = {stream for stream, version in zip(streams, versions, strict=True) if version == 1}
        owned = sorted((worker, stream) for stream in first if (worker := worker_of(stream)) is not None)
        if owned:
            rows.execute(_INDEX_STREAMS, [[worker for worker, _ in owned], [stream for _, stream in owned]])

    @property
    def channel(self) -> str:
        """The notification channel of this schema."""
        return f"{CHANNEL}_{self.append_lock}"


def _positions(rows: Rows, events: Sequence[StoredEvent]) -> list[int]:
    found = rows.execute(
        "select e.notification_id from unnest(%b::text[], %b::bigint[]) with ordinality as w (stream, version, n)"
        " join exchange_events e on e.originator_id = w.stream and e.originator_version = w.version order by w.n",
        [[str(event.originator_id) for event in events], [event.originator_version for event in events]],
    )
    return [int(position) for (position,) in found.fetchall()]
