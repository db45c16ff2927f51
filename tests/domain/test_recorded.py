"""An event of the log stands at a position, in a stream, at a version of it."""

from datetime import UTC, datetime

from domain.platform import PlatformReinstated
from domain.recorded import Recorded


def test_a_recorded_event_says_where_it_stands_when_we_learnt_it_and_who_caused_it() -> None:
    at = datetime(2023, 6, 30, tzinfo=UTC)
    recorded = Recorded(7, "platform:uber", 3, at, "operator-1", PlatformReinstated())
    assert (recorded.position, recorded.stream, recorded.version) == (7, "platform:uber", 3)
    assert (recorded.recorded_at, recorded.actor, recorded.event) == (at, "operator-1", PlatformReinstated())
