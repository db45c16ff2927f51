"""One transaction on the log and the tables beside it.

Every path takes its locks in the same order, or it deadlocks: the configuration row · offsets, sorted · messages that
leave quarantine, sorted · registry rows, sorted · the append lock · events. The methods stand in that order. Messages
that enter quarantine need no place in it: only the owner of their offsets adds them.

Processes of different platforms meet in pooled streams and would conflict in every batch if they read them earlier than
under the append lock. A platform of a pooled program therefore has its new gigs registered under that lock, in every
batch, and any other platform before it: then nobody who holds the lock waits for a row of somebody who waits for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from eventsourcing.persistence import StoredEvent

from domain import platform, program
from domain.configuration import Configuration
from domain.decider import Decider
from domain.desk import GigKey
from domain.identifiers import POOLED
from domain.message import OffsetClaim, Partition, QuarantinedMessage
from domain.recorded import NewEvent, Recorded
from domain.registry import EventRef, RegisteredGig
from domain.rejections import Conflict, InvariantBroken
from domain.work_period import Contribution
from infra.event_log import mapper
from infra.event_log.recorder import ExchangeRecorder
from infra.postgres.datastore import Rows

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")

_EVENT = "notification_id, originator_id, originator_version, topic, state"
HEADS = f"""
    select head.* from unnest(%b::text[]) as wanted (stream), lateral (
        select {_EVENT} from exchange_events
        where originator_id = wanted.stream order by originator_version desc limit 1) as head
"""
_AT = f"""
    select {_EVENT} from unnest(%b::text[], %b::bigint[]) as wanted (stream, version)
    join exchange_events on originator_id = wanted.stream and originator_version = wanted.version
"""
_OF_KIND = f"select {_EVENT} from exchange_events where originator_id >= %b and originator_id < %b order by 2, 3"
_CHANGES = f"""
    select {_EVENT} from exchange_events
    where originator_id >= %b and originator_id < %b and notification_id > %b order by notification_id
"""
_OF_STREAMS = f"""
    select {_EVENT} from exchange_events where originator_id = any(%b::text[])
    order by originator_id, originator_version
"""
_FOLLOWED = "select notification_id from exchange_tracking where application_name = %s"
_FOLLOW = """
    insert into exchange_tracking (application_name, notification_id) values (%s, %s)
    on conflict (application_name) do update
        set notification_id = greatest(exchange_tracking.notification_id, excluded.notification_id)
"""
_OF_STREAM = f"select {_EVENT} from exchange_events where originator_id = %b order by originator_version"

_TAKE_OFFSETS = """
    with mine as (
        select o.cluster, o.topic, o.partition, w.next_offset, w.events
        from unnest(%b::text[], %b::text[], %b::int[], %b::bigint[], %b::bigint[], %b::bigint[], %b::int[])
            as w (cluster, topic, partition, epoch, old_offset, next_offset, events)
        join intake_offset o on o.cluster = w.cluster and o.topic = w.topic and o.partition = w.partition
        where o.epoch = w.epoch and o.next_offset = w.old_offset
        order by o.cluster, o.topic, o.partition for update of o)
    update intake_offset o set next_offset = mine.next_offset, stream_version = o.stream_version + mine.events
    from mine where o.cluster = mine.cluster and o.topic = mine.topic and o.partition = mine.partition
    returning o.cluster, o.topic, o.partition, o.stream_version
"""
_REGISTERED = """
    select r.platform_id, r.gig_id, r.revision, r.cancelled, r.digest, r.events
    from unnest(%b::text[], %b::text[]) as w (platform_id, gig_id)
    join gig_registry r on r.platform_id = w.platform_id and r.gig_id = w.gig_id
    order by r.platform_id, r.gig_id
"""
_LOCK_REGISTERED = f"{_REGISTERED} for update of r"
_REGISTER = """
    insert into gig_registry (platform_id, gig_id, revision, cancelled, digest, events)
    select * from unnest(%b::text[], %b::text[], %b::int[], %b::bool[], %b::bytea[], %b::bytea[])
"""
_REREGISTER = """
    update gig_registry r set revision = w.revision, cancelled = w.cancelled, digest = w.digest, events = w.events
    from unnest(%b::text[], %b::text[], %b::int[], %b::bool[], %b::bytea[], %b::bytea[])
        as w (platform_id, gig_id, revision, cancelled, digest, events)
    where r.platform_id = w.platform_id and r.gig_id = w.gig_id
"""
_LAST_ACCRUED = """
    select max(split_part(stream, ':', 5)) from worker_stream
    where split_part(stream, ':', 2) = %b and split_part(stream, ':', 4) = %b
"""
_POOLED_STREAMS = """
    select stream from worker_stream where split_part(stream, ':', 2) = %b and split_part(stream, ':', 4) = %b
    order by split_part(stream, ':', 5) desc
"""
_LOCK_QUARANTINE = """
    select quarantine_id from quarantine where quarantine_id = any(%b::bigint[]) order by quarantine_id for update
"""
_QUARANTINE = """
    insert into quarantine (cluster, topic, topic_id, partition, message_offset, message_timestamp_ms,
                            message_key, message_value, message_headers, reason, detail, recorded_at)
    select *, %b::timestamptz from unnest(%b::text[], %b::text[], %b::text[], %b::int[], %b::bigint[], %b::bigint[],
        %b::bytea[], %b::bytea[], %b::bytea[], %b::text[], %b::text[])
    on conflict do nothing
"""
_RESOLVE = """
    with mine as (
        select q.quarantine_id, w.resolution from unnest(%b::bigint[], %b::text[]) as w (quarantine_id, resolution)
        join quarantine q on q.quarantine_id = w.quarantine_id
        where q.state = 'open' order by q.quarantine_id for update of q)
    update quarantine q set state = %b::text, resolved_at = %b::timestamptz, resolution = mine.resolution
    from mine where q.quarantine_id = mine.quarantine_id
"""
_REFUSE_AGAIN = """
    with mine as (
        select q.quarantine_id, w.reason, w.detail
        from unnest(%b::bigint[], %b::text[], %b::text[]) as w (quarantine_id, reason, detail)
        join quarantine q on q.quarantine_id = w.quarantine_id
        where q.state = 'open' order by q.quarantine_id for update of q)
    update quarantine q set reason = mine.reason, detail = mine.detail
    from mine where q.quarantine_id = mine.quarantine_id
"""

_HEADS_AT_A_TIME: Final = 1_000

_encode_refs = msgspec.json.Encoder().encode
_decode_refs = msgspec.json.Decoder(tuple[EventRef, ...]).decode


class Transaction:
    """The steps of a transaction, in the order in which they may be taken."""

    def __init__(self, rows: Rows, recorder: ExchangeRecorder) -> None:
        self.rows = rows
        self._recorder = recorder

    # The configuration row

    def share_epoch(self) -> int:
        """The configuration's epoch, kept from changing until the end of the transaction."""
        return self._epoch("select epoch from configuration for share")

    def raise_epoch(self) -> int:
        """The configuration's next epoch; batches wait until the end of the transaction and then see it."""
        return self._epoch("update configuration set epoch = epoch + 1 returning epoch")

    def _epoch(self, statement: str) -> int:
        row = self.rows.execute(statement.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def configuration(self, epoch: int) -> Configuration:
        """All programs and platforms as they stand; call under a shared or raised epoch."""
        programs = self._states(program.decider)
        platforms = self._states(platform.decider)
        return Configuration(programs, platforms, epoch)

    def _states(self, decider: Decider[Any, Any, S]) -> dict[str, S]:
        states: dict[str, S] = {}
        for each in self._read(_OF_KIND, f"{decider.kind}:", f"{decider.kind};"):
            name = each.stream.partition(":")[2]
            states[name] = decider.evolve(states.get(name, decider.initial), each.event)
        return states

    def changes_after(self, position: int) -> list[Recorded]:
        """The events of programs and platforms after a position, in order."""
        found = [
            each
            for kind in (program.decider.kind, platform.decider.kind)
            for each in self._read(_CHANGES, f"{kind}:", f"{kind};", position)
        ]
        return sorted(found, key=lambda each: each.position)

    def last_accrued(self, platform_id: str, program_id: str) -> str | None:
        """The latest period in which a program has gigs of a platform, if any; exact under a raised epoch."""
        row = self.rows.execute(_LAST_ACCRUED, [platform_id, program_id]).fetchone()
        own = row[0] if row else None
        return own or self._last_pooled(platform_id, program_id)

    def _last_pooled(self, platform_id: str, program_id: str) -> str | None:
        """The latest period in which gigs of a platform count in the streams that platforms share."""
        found = self.rows.execute(_POOLED_STREAMS, [POOLED, program_id]).fetchall()
        streams = [stream for (stream,) in found]
        for start in range(0, len(streams), _HEADS_AT_A_TIME):
            heads = self.heads(streams[start : start + _HEADS_AT_A_TIME])
            if periods := [period for event in heads.values() if (period := _counted_in(event, platform_id))]:
                return max(periods)
        return None

    # Offsets

    def take_offsets(self, claims: Sequence[OffsetClaim]) -> dict[Partition, int]:
        """Move offsets on, by compare-and-set, and return the intake stream's version of each partition that moved.

        A partition that is missing from the answer is another owner's by now: nothing of it may be written.
        """
        columns = [list(column) for column in zip(*[_row(claim) for claim in claims], strict=True)]
        found = self.rows.execute(_TAKE_OFFSETS, columns).fetchall() if claims else []
        return {Partition(cluster, topic, number): version for cluster, topic, number, version in found}

    # Messages that leave quarantine

    def lock_quarantine(self, numbers: Iterable[int]) -> None:
        """Keep these messages from leaving quarantine another way until the end of the transaction."""
        self.rows.execute(_LOCK_QUARANTINE, [sorted(numbers)])

    # The gig registry

    def registered(self, keys: Iterable[GigKey], *, lock: bool = True) -> dict[GigKey, RegisteredGig]:
        """The registry's rows of these gigs (platform, gig), locked until the end of the transaction or only read."""
        wanted = sorted(set(keys))
        columns = [[platform_id for platform_id, _ in wanted], [gig_id for _, gig_id in wanted]]
        statement = _LOCK_REGISTERED if lock else _REGISTERED
        found = self.rows.execute(statement.encode(), columns, binary=True).fetchall()
        return {
            (platform_id, gig_id): RegisteredGig(revision, cancelled, bytes(digest), _decode_refs(bytes(events)))
            for platform_id, gig_id, revision, cancelled, digest, events in found
        }

    def register(self, gigs: Mapping[GigKey, RegisteredGig]) -> None:
        """Add rows of gigs not seen before; one that somebody else added first raises `Conflict`."""
        self._write_registry(_REGISTER, gigs)

    def reregister(self, gigs: Mapping[GigKey, RegisteredGig]) -> None:
        """Replace the rows of corrected gigs, locked by `registered`."""
        self._write_registry(_REREGISTER, gigs)

    def _write_registry(self, statement: str, gigs: Mapping[GigKey, RegisteredGig]) -> None:
        if not gigs:
            return
        ordered = sorted(gigs.items())
        self.rows.execute(
            statement,
            [
                [platform_id for (platform_id, _), _ in ordered],
                [gig_id for (_, gig_id), _ in ordered],
                [gig.revision for _, gig in ordered],
                [gig.cancelled for _, gig in ordered],
                [gig.digest for _, gig in ordered],
                [_encode_refs(gig.events) for _, gig in ordered],
            ],
        )

    # Quarantine

    def quarantine(self, messages: Sequence[QuarantinedMessage], recorded_at: datetime) -> None:
        """Keep messages that could not be taken, whole, with the reason; one kept before stays as it is."""
        if messages:
            columns = [list(column) for column in zip(*[_quarantine_row(each) for each in messages], strict=True)]
            self.rows.execute(_QUARANTINE, [recorded_at, *columns])

    def resolve(self, resolutions: Mapping[int, str], state: str, resolved_at: datetime) -> None:
        """Take messages out of quarantine, into a state and with words; one that is open no more raises `Conflict`."""
        if not resolutions:
            return
        numbers = sorted(resolutions)
        columns = [numbers, [resolutions[number] for number in numbers]]
        if self.rows.execute(_RESOLVE, [*columns, state, resolved_at]).rowcount != len(numbers):
            raise Conflict("somebody else resolved one of these messages meanwhile")

    def refuse_again(self, reasons: Mapping[int, tuple[str, str]]) -> None:
        """Note why messages in quarantine are refused now: the code and the words."""
        if reasons:
            numbers = sorted(reasons)
            codes, details = [reasons[number][0] for number in numbers], [reasons[number][1] for number in numbers]
            self.rows.execute(_REFUSE_AGAIN, [numbers, codes, details])

    # Events

    def lock_appends(self) -> None:
        """Keep everybody else from appending until the end of the transaction, which had better come soon."""
        self._recorder.lock(self.rows)

    def heads(self, streams: Iterable[str]) -> dict[EventRef, object]:
        """The latest event of each of these streams that has any; `InvariantBroken` in place of one that is corrupt."""
        return self._events(HEADS, sorted(set(streams)))

    def streams(self, streams: Iterable[str]) -> dict[str, list[object]]:
        """All events of each of these streams, oldest first; `InvariantBroken` in place of one that is corrupt."""
        found: dict[str, list[object]] = {stream: [] for stream in sorted(set(streams))}
        for row in self.rows.execute(_OF_STREAMS.encode(), [list(found)], binary=True).fetchall():
            found[row[1]].append(_event(row))
        return found

    def events_at(self, refs: Iterable[EventRef]) -> dict[EventRef, object]:
        """The events that stand at these places; `InvariantBroken` in place of one that is corrupt."""
        wanted = list(refs)
        return self._events(_AT, [ref.stream for ref in wanted], [ref.version for ref in wanted])

    def execute(
        self, decider: Decider[C, E, S], stream: str, command: C, *, now: datetime, actor: str = ""
    ) -> tuple[S, list[E]]:
        """Decide a command on a stream read whole, append what follows, and return the new state and the events."""
        history = self._read(_OF_STREAM, stream)
        state = decider.fold(each.event for each in history)  # type: ignore[misc]
        events = decider.decide(state, command)
        if events:
            new = [NewEvent(stream, len(history) + number, event) for number, event in enumerate(events, 1)]
            self.append(new, now, actor)
        return decider.fold(events, state), events

    def append(self, events: Sequence[NewEvent], recorded_at: datetime, actor: str = "") -> None:
        """Append events under the append lock, which is held from here to the end of the transaction.

        A version that is taken raises `Conflict`.
        """
        stored = [
            StoredEvent(
                new.stream, new.version, mapper.name_of(new.event), mapper.encode(new.event, recorded_at, actor)
            )
            for new in events
        ]
        self._recorder.lock(self.rows)
        self._recorder.append(self.rows, stored)

    # Positions of whoever follows the log

    def followed(self, name: str) -> int:
        """The position up to which a follower has done its work, 0 before it began."""
        row = self.rows.execute(_FOLLOWED, [name]).fetchone()
        return int(row[0]) if row else 0

    def follow(self, name: str, position: int) -> None:
        """Remember how far a follower has come; it never goes back."""
        self.rows.execute(_FOLLOW, [name, position])

    def _events(self, statement: str, *parameters: list[Any]) -> dict[EventRef, object]:
        found = self.rows.execute(statement.encode(), parameters, binary=True).fetchall() if parameters[0] else []
        return {EventRef(row[1], row[2]): _event(row) for row in found}

    def _read(self, statement: str, *parameters: object) -> list[Recorded]:
        found = self.rows.execute(statement.encode(), parameters, binary=True).fetchall()
        return [mapper.recorded(row) for row in found]


def _counted_in(latest: object, platform_id: str) -> str | None:
    """The period of a pooled stream where the platform has gigs in it; raises `InvariantBroken` on a corrupt one."""
    if isinstance(latest, InvariantBroken):
        raise latest
    assert isinstance(latest, Contribution)
    return latest.period if any(cell.platform_id == platform_id for cell in latest.totals) else None


def _event(row: tuple[Any, ...]) -> object:
    try:
        return mapper.recorded(row).event
    except InvariantBroken as error:
        return error


def _row(claim: OffsetClaim) -> tuple[object, ...]:
    at = claim.partition
    return (at.cluster, at.topic, at.number, claim.epoch, claim.old_offset, claim.next_offset, claim.events)


def _quarantine_row(each: QuarantinedMessage) -> tuple[object, ...]:
    message = each.message
    at = message.partition
    headers = msgspec.json.encode(message.headers)
    coordinates = (at.cluster, at.topic, message.topic_id, at.number, message.offset, message.timestamp_ms)
    return (*coordinates, message.key, message.value, headers, each.reason, each.detail)
