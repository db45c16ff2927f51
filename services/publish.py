"""Gigs out to Kafka: each line of a file is the `data` of one CloudEvent.

`"cancelled": true` beside the fields of a gig makes the event `gig.cancelled.v1`; the key itself is not sent. What
cannot be addressed (no JSON object, no gig, no worker) is reported and left out, everything else is published as it
stands: whether a gig can be taken is for the exchange to say.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec
from msgspec import Raw, Struct

from domain.rejections import Malformed

#: After this much the publisher waits until the reader has kept up.
CHUNK_MESSAGES: Final = 500
CHUNK_BYTES: Final = 500_000
#: What Kafka takes unless told otherwise is 1 MiB with its headers.
LINE_BYTES_MAX: Final = 1_000_000


class Outgoing(Struct, frozen=True):
    """One message to be: its key (the worker, None where there is none), the event's id, and the data."""

    worker_id: str | None
    event_id: str
    cancelled: bool
    data: bytes


class Refused(Struct, frozen=True):
    """A line that was not published, and why."""

    line: int
    why: str


class Sink(Protocol):
    """Where messages go."""

    def send(self, message: Outgoing) -> None: ...
    def flush(self) -> None: ...
    def wait_for_room(self, largest_bytes: int) -> None: ...


class Published(Struct):
    """How far publishing has come; filled while it goes on, so that it is known where it stopped."""

    messages: int = 0
    refused: int = 0


class LineRefused(Malformed):
    """The line cannot be addressed."""

    code = "line_refused"


class _Addressed(Struct):
    gig_id: str
    worker_id: str
    revision: int = 0
    cancelled: bool = False


_address = msgspec.json.Decoder(_Addressed)
_fields = msgspec.json.Decoder(dict[str, Raw])


def addressed(line: bytes) -> Outgoing:
    """The message in a line; raises `LineRefused`."""
    try:
        found = _address.decode(line)
        if b'"cancelled"' in line:
            line = msgspec.json.encode({name: raw for name, raw in _fields.decode(line).items() if name != "cancelled"})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineRefused(str(error)) from None
    what = "cancelled" if found.cancelled else "completed"
    return Outgoing(found.worker_id, f"{found.gig_id}.{found.revision}.{what}", found.cancelled, line)


def raw(line: bytes, number: int) -> Outgoing:
    """The message in a line that is sent as it is, whatever it holds."""
    try:
        found = _address.decode(line)
        return Outgoing(found.worker_id, f"{found.gig_id}.{found.revision}.completed", False, line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Outgoing(None, f"line-{number}", False, line)


def publish(
    lines: Iterable[bytes],
    sink: Sink,
    told: Published,
    refuse: Callable[[Refused], None],
    advance: Callable[[int], None],
    *,
    is_raw: bool = False,
) -> None:
    """Publish all lines, counting in `told`; `advance` is told the bytes of each. Raises what the sink raises."""
    pending = pending_bytes = largest = 0
    for number, ended in enumerate(lines, 1):
        advance(len(ended))
        line = ended.rstrip(b"\r\n")
        if not is_raw and not line.strip():
            continue
        try:
            message = _outgoing(line, number, is_raw=is_raw)
        except LineRefused as error:
            told.refused += 1
            refuse(Refused(number, error.detail))
            continue
        sink.send(message)
        largest = max(largest, len(line))
        pending, pending_bytes = pending + 1, pending_bytes + len(line)
        if pending >= CHUNK_MESSAGES or pending_bytes >= CHUNK_BYTES:
            sink.flush()
            told.messages += pending
            pending = pending_bytes = 0
            sink.wait_for_room(largest)
    sink.flush()
    told.messages += pending


def _outgoing(line: bytes, number: int, *, is_raw: bool) -> Outgoing:
    if len(line) > LINE_BYTES_MAX:
        raise LineRefused(f"{len(line):,} bytes are more than a message may have ({LINE_BYTES_MAX:,})")
    return raw(line, number) if is_raw else addressed(line)
