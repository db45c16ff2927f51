"""Events to bytes and back: JSON under a stable name, with the time at which we learnt of it and who caused it."""

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from msgspec import Struct

from domain.recorded import Recorded
from domain.rejections import InvariantBroken
from infra.event_log.names import STORED_NAMES

E = TypeVar("E")


class Stored(Struct, Generic[E], frozen=True, gc=False, omit_defaults=True):
    """The JSON of one event; `actor` is the subject that caused it, empty for what platforms report."""

    recorded_at: datetime
    event: E
    actor: str = ""


class StreamEvent(Struct, frozen=True, gc=False):
    """An event on its way into or out of a stream: what the library calls a domain event."""

    originator_id: str
    originator_version: int
    recorded_at: datetime
    event: object
    actor: str = ""


class MsgspecTranscoder(Transcoder):
    """Untyped JSON, for whatever the library stores besides our events."""

    def encode(self, obj: Any) -> bytes:
        """The JSON of an object."""
        return msgspec.json.encode(obj)

    def decode(self, data: bytes) -> Any:
        """The object in JSON."""
        return msgspec.json.decode(data)


_NAMES = {kind: name for name, kind in STORED_NAMES.items()}
_DECODERS = {name: msgspec.json.Decoder(Stored[kind]) for name, kind in STORED_NAMES.items()}  # type: ignore[valid-type]
_encode = msgspec.json.Encoder().encode


class ExchangeMapper(Mapper[str]):
    """The library's mapper on stable names and typed JSON."""

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The row of an event."""
        assert isinstance(domain_event, StreamEvent)
        stored = Stored(domain_event.recorded_at, domain_event.event, domain_event.actor)
        return StoredEvent(
            domain_event.originator_id, domain_event.originator_version, name_of(domain_event.event), _encode(stored)
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """The event of a row; raises `InvariantBroken` where it cannot be read."""
        stream, version = str(stored_event.originator_id), stored_event.originator_version
        stored = decode(stored_event.topic, stored_event.state, f"{stream} version {version}")
        return StreamEvent(stream, version, stored.recorded_at, stored.event, stored.actor)


def name_of(event: object) -> str:
    """The stored name of an event."""
    return _NAMES[type(event)]


def encode(event: object, recorded_at: datetime, actor: str = "") -> bytes:
    """The stored bytes of an event."""
    return _encode(Stored(recorded_at, event, actor))


def decode(name: str, state: bytes, where: str) -> Stored[Any]:
    """The event in stored bytes; raises `InvariantBroken` naming `where` they stood."""
    try:
        return _DECODERS[name].decode(state)
    except KeyError:
        raise InvariantBroken(f"{where}: no event is stored under the name {name!r}") from None
    except msgspec.DecodeError as error:
        raise InvariantBroken(f"{where}: {error}") from None


def recorded(row: tuple[Any, ...]) -> Recorded:
    """The event of a row (position, stream, version, name, bytes); raises `InvariantBroken`."""
    position, stream, version, name, state = row
    stored = decode(name, state, f"position {position}")
    return Recorded(position, stream, version, stored.recorded_at, stored.actor, stored.event)
