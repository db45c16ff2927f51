"""Events on their way into the log and as the log holds them."""

from datetime import datetime

from msgspec import Struct


class Recorded(Struct, frozen=True, gc=False):
    """One event of the log. `position` orders all events; `version` counts within the stream, from 1."""

    position: int
    stream: str
    version: int
    recorded_at: datetime
    actor: str
    event: object


class NewEvent(Struct, frozen=True, gc=False):
    """An event to append to a stream, as its `version` (the one after the event it was decided on)."""

    stream: str
    version: int
    event: object
