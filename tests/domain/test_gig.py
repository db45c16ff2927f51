"""A gig comes in as JSON through one door, and what comes through is valid."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gig import Gig, GigReport, OutOfRange, UnknownCurrency, digest
from domain.gig import report as read
from domain.rejections import Malformed

NOW = datetime(2023, 7, 1, 12, tzinfo=UTC)

DATA: dict[str, Any] = {
    "gig_id": "trip-8817",
    "revision": 0,
    "worker_id": "w-104",
    "completed_at": "2023-06-30T22:18:22-04:00",
    "engaged_seconds": 1261,
    "currency": "USD",
    "earnings": {"fare": 1690, "tip": 300, "toll": 0, "airport_fee": 0},
    "service": "ride",
    "vehicle_class": "car",
    "worker_class": "default",
    "jurisdiction": "US-NY",
}


def wire(**changed: Any) -> bytes:
    """The example of the wire with some fields changed, or left out where the change is `...`."""
    return json.dumps({key: value for key, value in (DATA | changed).items() if value is not ...}).encode()


def taken(data: bytes, *, cancelled: bool = False) -> GigReport:
    return read("uber", data, cancelled=cancelled, now=NOW)


# What is taken


def test_the_example_of_the_wire_is_a_gig() -> None:
    report = taken(wire())
    assert report.platform_id == "uber"
    assert not report.cancelled
    assert report.gig == Gig(
        gig_id="trip-8817",
        revision=0,
        worker_id="w-104",
        completed_at=datetime(2023, 7, 1, 2, 18, 22, tzinfo=UTC),
        engaged_seconds=1261,
        currency="USD",
        earnings={"fare": 1690, "tip": 300, "toll": 0, "airport_fee": 0},
        service="ride",
        vehicle_class="car",
        worker_class="default",
        jurisdiction="US-NY",
    )


def test_fields_that_nobody_named_are_ignored() -> None:
    assert taken(wire(mood="good", nested={"deep": [1, 2.5, None]})) == taken(wire())


@pytest.mark.parametrize("field", ["service", "vehicle_class", "worker_class", "jurisdiction"])
def test_optional_fields_may_be_missing_or_null(field: str) -> None:
    assert taken(wire(**{field: ...})) == taken(wire(**{field: None}))


@pytest.mark.parametrize("amount", [0, 1, 10**12])
def test_amounts_go_from_nothing_to_a_million_million_minor_units(amount: int) -> None:
    assert taken(wire(earnings={"fare": amount})).gig.earnings == {"fare": amount}


def test_a_gig_without_earnings_is_a_gig() -> None:
    assert taken(wire(earnings={})).gig.earnings == {}


def test_components_that_no_program_knows_are_kept() -> None:
    assert taken(wire(earnings={"surge_2": 5})).gig.earnings == {"surge_2": 5}


@pytest.mark.parametrize("at", ["2000-01-01T00:00:00Z", "2023-07-02T12:00:00Z", "2023-07-01T23:59:59.5+14:00"])
def test_times_lie_between_2000_and_a_day_from_now(at: str) -> None:
    assert taken(wire(completed_at=at)).gig.completed_at == datetime.fromisoformat(at)


# What is refused


@pytest.mark.parametrize(
    "field", ["gig_id", "revision", "worker_id", "completed_at", "engaged_seconds", "currency", "earnings"]
)
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(Malformed, match=f"missing required field `{field}`"):
        taken(wire(**{field: ...}))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("gig_id", 8817, "gig_id"),
        ("gig_id", "", "gig_id"),
        ("gig_id", "trip 8817", "gig_id"),
        ("gig_id", "x" * 129, "gig_id"),
        ("worker_id", "w:104", "worker_id"),
        ("worker_id", "anna@example.org", "worker_id"),
        ("worker_id", "w-104\n", "worker_id"),
        ("revision", -1, "revision"),
        ("revision", 2**31, "revision"),
        ("revision", True, "revision"),
        ("revision", 1.0, "revision"),
        ("engaged_seconds", 31 * 86_400 + 1, "engaged_seconds"),
        ("engaged_seconds", -1, "engaged_seconds"),
        ("engaged_seconds", "60", "engaged_seconds"),
        ("online_seconds", 12.5, "online_seconds"),
        ("distance_meters", 10**9 + 1, "distance_meters"),
        ("completed_at", "2023-06-30T22:18:22", "completed_at"),
        ("completed_at", "2023-06-30", "completed_at"),
        ("completed_at", 1_688_177_902, "completed_at"),
        ("completed_at", "2023-02-29T00:00:00Z", "completed_at"),
        ("paid_at", "yesterday", "paid_at"),
        ("earnings", {"fare": -1}, "earnings"),
        ("earnings", {"fare": 10**12 + 1}, "earnings"),
        ("earnings", {"fare": 10**30}, "earnings"),
        ("earnings", {"fare": 16.9}, "earnings"),
        ("earnings", {"fare": 16.0}, "earnings"),
        ("earnings", {"fare": True}, "earnings"),
        ("earnings", {"fare": "1690"}, "earnings"),
        ("earnings", {"fare": None}, "earnings"),
        ("earnings", {"Fare": 1690}, "earnings"),
        ("earnings", {"air port": 1}, "earnings"),
        ("earnings", {"": 1}, "earnings"),
        ("earnings", [1690], "earnings"),
        ("service", "ride share", "service"),
        ("jurisdiction", "", "jurisdiction"),
        ("vehicle_class", "c" * 65, "vehicle_class"),
        ("worker_class", 30, "worker_class"),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_named(field: str, value: object, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        taken(wire(**{field: value}))


@pytest.mark.parametrize("number", ["1e3", "1690.0", "NaN", "1_690", "0x10", "01"])
def test_an_amount_is_written_as_a_plain_integer(number: str) -> None:
    with pytest.raises(Malformed):
        taken(wire().replace(b"1690", number.encode()))


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b'"gig"', wire() + b"x", b"\xef\xbb\xbf" + wire(),
     wire().replace(b"trip-8817", b"\xff"), wire().replace(b"trip-8817", b"\\ud800"),
     wire(mood=...)[:-1] + b', "mood": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
    ids=["empty", "null", "array", "cut", "binary", "text", "more", "bom", "bad-utf-8", "half-a-pair", "deep"],
)  # fmt: skip
def test_bytes_that_are_no_gig_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        taken(data)


def test_a_currency_that_iso_4217_does_not_know_has_a_reason_of_its_own() -> None:
    for currency in ("XXX", "usd", "", "BTC"):
        with pytest.raises(UnknownCurrency) as refusal:
            taken(wire(currency=currency))
        assert refusal.value.key == "currency"


@pytest.mark.parametrize(
    "at", ["1999-12-31T23:59:59Z", "2023-07-02T12:00:01Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
@pytest.mark.parametrize("field", ["completed_at", "paid_at", "started_at"])
def test_a_time_long_ago_or_far_ahead_is_out_of_range(field: str, at: str) -> None:
    with pytest.raises(OutOfRange) as refusal:
        taken(wire(**{field: at}))
    assert refusal.value.key == field


def test_a_gig_cannot_start_after_it_was_completed() -> None:
    with pytest.raises(OutOfRange) as refusal:
        taken(wire(started_at="2023-06-30T22:18:23-04:00"))
    assert refusal.value.key == "started_at"


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        taken(data)


@given(st.sampled_from(sorted(DATA)), st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
))  # fmt: skip
def test_any_json_in_any_field_is_taken_or_malformed(field: str, value: object) -> None:
    with suppress(Malformed):
        assert taken(wire(**{field: value})).digest


# The digest


def test_equal_facts_have_equal_digests_however_they_are_written() -> None:
    reordered = json.dumps(dict(reversed(DATA.items())), indent=2).encode()
    assert taken(reordered).digest == taken(wire()).digest
    assert taken(wire(earnings=dict(reversed(DATA["earnings"].items())))).digest == taken(wire()).digest


def test_times_are_compared_as_instants() -> None:
    assert taken(wire(completed_at="2023-07-01T02:18:22Z")).digest == taken(wire()).digest
    assert taken(wire(completed_at="2023-07-01T02:18:22.001Z")).digest != taken(wire()).digest
    for field in ("started_at", "paid_at"):
        local, utc = "2023-06-30T20:00:00-04:00", "2023-07-01T00:00:00Z"
        assert taken(wire(**{field: local})).digest == taken(wire(**{field: utc})).digest


@pytest.mark.parametrize(
    "changed",
    [{"gig_id": "trip-8818"}, {"revision": 1}, {"worker_id": "w-105"}, {"engaged_seconds": 1262}, {"currency": "CAD"},
     {"earnings": {"fare": 1691}}, {"service": "delivery"}, {"service": None}, {"paid_at": "2023-07-01T00:00:00Z"},
     {"distance_meters": 1}, {"online_seconds": 1}],
)  # fmt: skip
def test_any_other_fact_makes_another_digest(changed: dict[str, Any]) -> None:
    assert taken(wire(**changed)).digest != taken(wire()).digest


def test_a_cancellation_is_never_the_same_content_as_the_gig_it_cancels() -> None:
    assert taken(wire(), cancelled=True).digest != taken(wire()).digest


@given(st.integers(-14 * 60, 14 * 60))
def test_the_digest_does_not_depend_on_the_offset_a_time_is_written_with(minutes: int) -> None:
    facts = taken(wire()).gig
    local = facts.completed_at.astimezone(timezone(timedelta(minutes=minutes)))
    assert taken(wire(completed_at=local.isoformat())).digest == digest(facts, cancelled=False)
