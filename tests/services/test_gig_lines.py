"""Lines of a file to the gigs that count."""

from io import BytesIO

import msgspec
import pytest

from services.gig_lines import GigLines, lines
from services.publish import LINE_BYTES_MAX, Refused
from tests.support.gig_files import line
from tests.support.gigs import TENTH, configuration, gig, versions

PROGRAM = versions(TENTH + '[applies_to]\nservices = ["ride"]\n')
BY_PAYMENT = versions(TENTH.replace('"completed_at"', '"paid_at"'), id="paid")
BY_VEHICLE = versions(
    TENTH.replace('rate = "10 %"', 'rate = { by_vehicle_class = { car = "10 %" } }'), id="by-vehicle", currency="CAD"
)


def read(*said: bytes) -> tuple[GigLines, list[Refused]]:
    """These lines, and those among them that were refused."""
    found, refused = GigLines(configuration([PROGRAM, BY_VEHICLE], {})), list[Refused]()
    found.read(BytesIO(b"".join(said)), refused.append)
    return found, refused


def counted(found: GigLines) -> list[tuple[str, str, int]]:
    """Platform, gig and revision of what counts."""
    return [(each.gig.platform_id, each.gig.gig_id, each.gig.revision) for each in found.gigs]


def test_gigs_count_in_the_order_of_the_lines_that_say_them_last() -> None:
    found, refused = read(
        line(gig("a")), line(gig("b")), line(gig("c", revision=1)), line(gig("a", revision=2)), line(gig("c"))
    )
    assert counted(found) == [("uber", "b", 0), ("uber", "c", 1), ("uber", "a", 2)]
    assert (found.outcomes, refused) == ({"stale": 1}, [])


def test_two_platforms_may_give_their_gigs_the_same_id() -> None:
    found, _ = read(line(gig("a")), line(gig("a", revision=1), "lyft"))
    assert counted(found) == [("uber", "a", 0), ("lyft", "a", 1)]


def test_a_line_said_twice_counts_once_and_in_another_zone_it_is_the_same() -> None:
    again = line(gig("a")).replace(b"2023-06-29T22:18:22-04:00", b"2023-06-30T02:18:22Z")
    assert again != line(gig("a"))
    found, refused = read(line(gig("a")), line(gig("a")), again)
    assert counted(found) == [("uber", "a", 0)]
    assert (found.outcomes, refused) == ({"duplicate": 2}, [])


@pytest.mark.parametrize("other", [line(gig("a", fare=11_00)), line(gig("a"), cancelled=True)])
def test_the_same_revision_with_other_content_is_refused_and_the_first_counts(other: bytes) -> None:
    found, (refused,) = read(line(gig("a")), other)
    assert counted(found) == [("uber", "a", 0)]
    assert refused == Refused(2, "revision 0 of gig a was reported with other content")


@pytest.mark.parametrize("cancellation", [0, 1])
def test_a_cancelled_gig_counts_nowhere_wherever_its_line_stands(cancellation: int) -> None:
    said = [line(gig("a")), line(gig("b"))]
    said.insert(cancellation, line(gig("a", revision=1), cancelled=True))
    found, refused = read(*said)
    assert counted(found) == [("uber", "b", 0)]
    assert (found.cancelled, found.untaken, refused) == (1, 0, [])


def test_a_gig_that_no_program_takes_is_counted() -> None:
    elsewhere = gig("a", service="delivery")
    found, refused = read(
        line(elsewhere),
        line(gig("b", currency="EUR")),
        line(gig("c", completed_at=gig().completed_at.replace(year=2022))),
        line(gig("d", currency="EUR"), cancelled=True),
    )
    assert (counted(found), found.untaken, refused) == ([], 3, [])


def test_what_a_later_revision_makes_of_a_gig_holds_also_where_no_program_takes_it_any_more() -> None:
    found, _ = read(line(gig("a")), line(gig("a", revision=1, service="delivery")))
    assert (counted(found), found.untaken) == ([], 1)


def test_dates_may_lie_ahead_but_not_far() -> None:
    future = line(gig("a")).replace(b"2023-06-29", b"2199-06-29")
    found, (refused,) = read(future, future.replace(b"2199", b"2200"))
    assert counted(found) == [("uber", "a", 0)]
    assert refused.why == "completed_at: 2200-06-29T22:18:22-04:00 is not between 2000 and 2200"


def with_field(name: str, value: object) -> bytes:
    """A line one of whose fields has another value."""
    return msgspec.json.encode(msgspec.json.decode(line(gig())) | {name: value}) + b"\n"


BAD = [
    (b"nonsense\n", "JSON is malformed"),
    (b"[1, 2]\n", "Expected `object`, got `array`"),
    (b"\x00\n", "JSON is malformed"),
    (b"\xff\xfe\n", "JSON is malformed"),
    (line(gig()).replace(b"trip-1", b"trip-\xff"), "'utf-8' codec can't decode"),
    (line(gig())[:40] + b"\n", "JSON is malformed: invalid character (byte 40)"),
    (b"[" * 100_000 + b"\n", "Expected `object`, got `array`"),
    (b'{"deep": ' + b"[" * 100_000 + b"\n", "maximum recursion depth exceeded"),
    (line(gig())[:-2] + b"," + b" " * LINE_BYTES_MAX + b'"x": 1}\n', "more bytes than a message may have"),
    (b"{}\n", "Object missing required field `gig_id`"),
    (line(gig()).replace(b'"platform_id"', b'"platform"'), "Object missing required field `platform_id`"),
    (with_field("platform_id", "A/B"), "platform_id: expected 1 to 64 of a-z 0-9 _ -, got 'A/B'"),
    (with_field("platform_id", "pooled"), "platform_id: 'pooled' is reserved"),
    (with_field("platform_id", 7), "Expected `str`, got `int` - at `$.platform_id`"),
    (with_field("gig_id", "a b"), "gig_id: expected 1 to 128"),
    (with_field("cancelled", "yes"), "Expected `bool`, got `str` - at `$.cancelled`"),
    (with_field("currency", "XXX"), "currency: 'XXX' is not a currency"),
    (with_field("revision", -1), "Expected `int` >= 0 - at `$.revision`"),
    (with_field("engaged_seconds", 10**30), "Expected `int` <= 2678400 - at `$.engaged_seconds`"),
    (with_field("engaged_seconds", 1.5), "Expected `int`, got `float`"),
    (with_field("earnings", {"fare": True}), "Expected `int`, got `bool`"),
    (with_field("completed_at", "2023-06-29T22:18:22"), "Expected `datetime` with a timezone component"),
    (with_field("completed_at", "1999-06-29T22:18:22Z"), "completed_at: 1999-06-29T22:18:22+00:00 is not between 2000"),
    (with_field("started_at", "2023-07-29T22:18:22Z"), "started_at: a gig cannot start after it was completed"),
    (with_field("currency", "CAD"), "vehicle_class: expected one of car; the gig names none"),
    (line(gig(currency="CAD", vehicle_class="van")), "vehicle_class: expected one of car; got 'van'"),
]


@pytest.mark.parametrize(("bad", "why"), BAD, ids=[why[:40] for _, why in BAD])
def test_a_bad_line_is_refused_with_its_number_and_reason_and_the_rest_counts(bad: bytes, why: str) -> None:
    found, (refused,) = read(line(gig("a")), b"\n", bad, line(gig("b")))
    assert counted(found) == [("uber", "a", 0), ("uber", "b", 0)]
    assert refused.line == 3
    assert refused.why.startswith(why)
    assert found.outcomes == {"refused": 1}


def test_a_bad_correction_leaves_what_it_was_to_correct() -> None:
    found, (_,) = read(line(gig("a")), line(gig("a", revision=1, currency="CAD", vehicle_class="van")))
    assert counted(found) == [("uber", "a", 0)]


def test_a_program_that_counts_by_payment_needs_its_time() -> None:
    found, refused = GigLines(configuration([BY_PAYMENT], {})), list[Refused]()
    found.read(BytesIO(line(gig())), refused.append)
    assert refused == [Refused(1, "paid_at: program paid counts by paid_at")]


def test_blank_lines_marks_and_ends_of_lines_of_other_systems_change_nothing() -> None:
    said = b"\xef\xbb\xbf" + line(gig("a")).replace(b"\n", b"\r\n") + b"\r\n \t\n\n" + line(gig("b")).rstrip(b"\n")
    found, refused = read(said)
    assert (counted(found), refused) == ([("uber", "a", 0), ("uber", "b", 0)], [])
    assert counted(read(b"")[0]) == counted(read(b"\xef\xbb\xbf")[0]) == []


def test_unknown_fields_are_ignored_whatever_they_hold() -> None:
    assert counted(read(line(gig("a")).replace(b"{", b'{"x": 1e999, "y": [null], "z": ' + b"9" * 400 + b",", 1))[0])


def test_of_a_line_without_end_only_the_beginning_is_kept() -> None:
    said = b"x" * (3 * LINE_BYTES_MAX) + b"\n" + b"y\n"
    assert [len(each) for each in lines(BytesIO(said))] == [LINE_BYTES_MAX + 1, 2]


def test_how_far_reading_has_come_is_told_in_bytes() -> None:
    read_bytes = list[int]()
    found = GigLines(configuration([PROGRAM], {}))
    found.read(BytesIO(line(gig("a")) + b"\n" + line(gig("b"))), lambda _: None, read_bytes.append)
    assert read_bytes == [len(line(gig("a"))), 1, len(line(gig("b")))]
