"""Questions to the views and the log, each answered from one snapshot together with the position it stands at."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from domain.decider import Decider
from domain.message import Message, Partition, Quarantined, QuarantinedMessage
from domain.recorded import Recorded
from domain.registry import EventRef, RegisteredGig
from infra.event_log import mapper
from infra.event_log.transaction import HEADS
from infra.postgres.datastore import Datastore
from infra.postgres.views import Key, Table, Values

_POSITION = """
    select t.notification_id, v.live_version from view v
    join exchange_tracking t on t.application_name = v.name || '.' || v.live_version where v.name = %b
"""
_ENTRIES = """
    with entry as (
        select e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
        from worker_stream w join exchange_events e on e.originator_id = w.stream
        where w.worker_id = %b and e.notification_id < %b
        order by e.notification_id desc limit %b)
    select * from entry
    union all select coalesce(max(notification_id), 0), '', 0, '', '' from exchange_events
"""
_GIG = """
    select r.revision, r.cancelled, r.digest, r.events, (select coalesce(max(notification_id), 0) from exchange_events)
    from gig_registry r where r.platform_id = %b and r.gig_id = %b
"""
_AT = """
    select notification_id, originator_id, originator_version, topic, state
    from unnest(%b::text[], %b::bigint[]) as wanted (stream, version)
    join exchange_events on originator_id = wanted.stream and originator_version = wanted.version
"""
_WORKER_STREAMS = """
    select worker_id, stream from worker_stream where worker_id > %b
    order by worker_id fetch first %b rows with ties
"""
_QUARANTINE = """
    select quarantine_id, state, reason, detail, recorded_at, cluster, topic, topic_id, partition, message_offset,
           message_timestamp_ms, message_key, message_value, message_headers, resolution
    from quarantine
"""

_OF_STREAMS = """
    select head.position, e.*
    from (select coalesce(max(notification_id), 0) as position from exchange_events) head left join (
        select notification_id, originator_id, originator_version, topic, state
        from exchange_events where originator_id between %b and %b) e on true
    order by e.originator_id, e.originator_version
"""

S = TypeVar("S")


class Reads:
    """What services ask of the database."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def position(self, view: Table) -> int:
        """The position that the live version of a view stands at."""
        ((position, _),) = self._datastore.read(_POSITION, view.name)
        return int(position)

    def rows(self, view: Table, where: dict[str, str]) -> tuple[int, dict[Key, Values]]:
        """The rows of a view whose key columns have these values, sorted, and the position they stand at."""
        columns = ", ".join(f"b.{name}" for name in (*view.keys, *view.values))
        wanted = " and ".join(f"b.{name} = %b" for name in where)
        found = self._datastore.read(
            f"with p as ({_POSITION}) select p.notification_id, {columns} from p"
            f" left join {view.name} b on b.version = p.live_version and {wanted} order by {columns}",
            view.name,
            *where.values(),
        )
        width = 1 + len(view.keys)
        return int(found[0][0]), {row[1:width]: row[width:] for row in found if row[1] is not None}

    def entries(self, worker_id: str, before: int, limit: int) -> tuple[int, list[Recorded]]:
        """A worker's latest events before a position, newest first, and the log's position."""
        *found, head = self._datastore.read(_ENTRIES, worker_id, before, limit)
        return int(head[0]), [mapper.recorded(row) for row in found]

    def worker_streams(self, after_worker: str, limit: int) -> list[tuple[str, str]]:
        """The streams of the workers after one, in the order of workers: at least `limit`, and of each worker all."""
        found = self._datastore.read(_WORKER_STREAMS, after_worker, limit)
        return [(worker_id, stream) for worker_id, stream in found]

    def gig(self, platform_id: str, gig_id: str) -> tuple[int, RegisteredGig] | None:
        """The registry's row of a gig and the log's position, or None where it was never taken."""
        found = self._datastore.read(_GIG, platform_id, gig_id)
        if not found:
            return None
        revision, cancelled, digest, events, position = found[0]
        refs = msgspec.json.decode(bytes(events), type=tuple[EventRef, ...])
        return int(position), RegisteredGig(revision, cancelled, bytes(digest), refs)

    def events_at(self, refs: Sequence[EventRef]) -> dict[EventRef, Recorded]:
        """The events that stand at these places."""
        found = self._datastore.read(_AT, [ref.stream for ref in refs], [ref.version for ref in refs])
        events = [mapper.recorded(row) for row in found]
        return {EventRef(each.stream, each.version): each for each in events}

    def heads(self, streams: Sequence[str]) -> dict[str, Recorded]:
        """The latest event of each of these streams that has any."""
        events = [mapper.recorded(row) for row in self._datastore.read(HEADS, list(streams))]
        return {each.stream: each for each in events}

    def states(self, decider: Decider[Any, Any, S], name: str | None = None) -> tuple[int, dict[str, S]]:
        """The states of all streams of a decider's kind (or of the named one) by name, and the log's position."""
        first, last = (f"{decider.kind}:", f"{decider.kind};") if name is None else 2 * (f"{decider.kind}:{name}",)
        found = self._datastore.read(_OF_STREAMS, first, last)
        states: dict[str, S] = {}
        for _, *row in found:
            if row[0] is not None:
                each = mapper.recorded(tuple(row))
                known = each.stream.partition(":")[2]
                states[known] = decider.evolve(states.get(known, decider.initial), each.event)
        return int(found[0][0]), states

    def quarantine(self, *, state: str = "open", after: int = 0, limit: int = 100) -> list[Quarantined]:
        """Messages in quarantine, oldest first, from after a number."""
        statement = f"{_QUARANTINE} where state = %b and quarantine_id > %b order by quarantine_id limit %b"
        return [_quarantined(row) for row in self._datastore.read(statement, state, after, limit)]

    def quarantined(self, quarantine_id: int) -> Quarantined | None:
        """One message in quarantine, or None."""
        found = self._datastore.read(f"{_QUARANTINE} where quarantine_id = %b", quarantine_id)
        return _quarantined(found[0]) if found else None

    def offsets(self) -> list[tuple[Partition, int]]:
        """The next offset of each partition ever taken."""
        found = self._datastore.read(
            "select cluster, topic, partition, next_offset from intake_offset order by 1, 2, 3"
        )
        return [(Partition(cluster, topic, number), offset) for cluster, topic, number, offset in found]


def _quarantined(row: tuple[Any, ...]) -> Quarantined:
    (number, state, reason, detail, recorded_at, cluster, topic, topic_id, partition, offset, *rest) = row
    timestamp_ms, key, value, headers, resolution = rest
    message = Message(
        Partition(cluster, topic, partition),
        topic_id,
        offset,
        timestamp_ms,
        None if key is None else bytes(key),
        None if value is None else bytes(value),
        msgspec.json.decode(bytes(headers), type=tuple[tuple[str, bytes | None], ...]),
    )
    return Quarantined(number, state, recorded_at, QuarantinedMessage(message, reason, detail), resolution)
