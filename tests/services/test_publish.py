"""Lines to messages."""

import pytest

from services.publish import CHUNK_MESSAGES, LineRefused, Outgoing, Published, Refused, addressed, publish, raw


class Wire:
    """Remembers what was sent, and when it waited."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.waited: list[tuple[int, int]] = []

    def send(self, message: Outgoing) -> None:
        """Take a message."""
        self.sent.append(message)

    def flush(self) -> None:
        """Nothing is held."""

    def wait_for_room(self, largest_bytes: int) -> None:
        """Note after how many messages, and how long the longest was."""
        self.waited.append((len(self.sent), largest_bytes))


def line(number: int = 1, more: str = "") -> bytes:
    return b'{"gig_id": "g-%d", "worker_id": "w-1"%b}\n' % (number, more.encode())


def test_a_line_is_sent_as_it_stands_under_its_workers_key() -> None:
    data = b'{"gig_id": "g-1", "revision": 3, "worker_id": "w-1", "x": {"fare": 1e400}, "y": 1000000000000000000000}'
    assert addressed(data) == Outgoing("w-1", "g-1.3.completed", False, data)


def test_a_cancellation_is_told_by_a_key_that_is_not_sent() -> None:
    sent = addressed(b'{"gig_id": "g-1", "cancelled": true, "worker_id": "w-1", "x": 1.50}')
    assert sent == Outgoing("w-1", "g-1.0.cancelled", True, b'{"gig_id":"g-1","worker_id":"w-1","x":1.50}')
    assert addressed(b'{"gig_id": "g-1", "worker_id": "w-1", "cancelled": false}').cancelled is False


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b'"x"', b"{}", b'{"gig_id": "g"}', b'{"worker_id": "w"}', b'{"gig_id": 1, "worker_id": "w"}',
     b'{"gig_id": "g", "worker_id": "w", "cancelled": "yes"}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_what_cannot_be_addressed_is_refused_and_raw_sends_it(broken: bytes) -> None:
    with pytest.raises(LineRefused):
        addressed(broken)
    assert raw(broken, 7) == Outgoing(None, "line-7", False, broken)


def test_raw_keeps_the_key_of_what_has_one_and_cancels_nothing() -> None:
    data = b'{"gig_id": "g-1", "worker_id": "w-1", "cancelled": true}'
    assert raw(data, 7) == Outgoing("w-1", "g-1.0.completed", False, data)


def test_what_is_refused_is_told_with_its_number_and_the_rest_is_sent() -> None:
    wire, told, refused, read = Wire(), Published(), list[Refused](), list[int]()
    lines = [line(1), b"\n", b"nonsense\r\n", line(2), b"x" * 1_000_001]
    publish(lines, wire, told, refused.append, read.append)
    assert [each.line for each in refused] == [3, 5]
    assert (told.messages, told.refused, len(wire.sent), sum(read)) == (2, 2, 2, sum(map(len, lines)))


def test_publishing_waits_for_room_after_each_chunk_and_says_how_large_messages_are() -> None:
    wire, told = Wire(), Published()
    lines = [line(number) for number in range(2 * CHUNK_MESSAGES + 1)]
    publish(lines, wire, told, lambda _: None, lambda _: None)
    assert [sent for sent, _ in wire.waited] == [CHUNK_MESSAGES, 2 * CHUNK_MESSAGES]
    assert [largest for _, largest in wire.waited] == [len(line(499)) - 1, len(line(999)) - 1]
    assert told.messages == len(lines)
