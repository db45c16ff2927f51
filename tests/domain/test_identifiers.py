"""Streams are named by what they hold, and a worker's streams name the worker."""

import re

import pytest

from domain import identifiers
from domain.identifiers import NAME_PATTERN, OPAQUE_PATTERN, work_of, work_stream, worker_of


def test_streams_are_named_by_what_they_hold() -> None:
    assert identifiers.program_stream("alia") == "program:alia"
    assert identifiers.platform_stream("uber") == "platform:uber"
    assert identifiers.work_stream("uber", "w-104", "alia", "2023-06") == "work:uber:w-104:alia:2023-06"
    assert identifiers.intake_stream("embedded-1", "gigs.uber", 3) == "intake:embedded-1:gigs.uber:3"


@pytest.mark.parametrize(
    ("stream", "worker"),
    [
        ("work:uber:w-104:alia:2023-06", "w-104"),
        ("work:pooled:w-104:massachusetts-health-stipend:2025-Q1", "w-104"),
        ("work:uber:w-104:none:2023-06", "w-104"),
        ("worker:w-104", "w-104"),
        ("platform:uber", None),
        ("program:alia", None),
        ("intake:embedded-1:gigs.uber:3", None),
    ],
)
def test_a_stream_belongs_to_the_worker_it_names_or_to_none(stream: str, worker: str | None) -> None:
    assert worker_of(stream) == worker


@pytest.mark.parametrize(
    ("stream", "pooled"),
    [
        ("work:pooled:w-104:massachusetts-health-stipend:2025-Q1", True),
        ("work:uber:pooled:alia:2023-06", False),
        ("work:pooled-2:w-104:alia:2023-06", False),
        ("worker:pooled", False),
        ("platform:pooled", False),
    ],
)
def test_only_the_scope_of_a_work_period_makes_it_pooled(stream: str, pooled: bool) -> None:
    assert identifiers.is_pooled(stream) is pooled


@pytest.mark.parametrize("name", ["a", "black-car-fund", "prop-22_stipend", "x" * 64])
def test_names_are_lower_case(name: str) -> None:
    assert re.match(NAME_PATTERN, name)


@pytest.mark.parametrize("name", ["", "Uber", "uber eats", "uber:eats", "uber.eats", "x" * 65, "uber\n", "über"])
def test_a_name_cannot_break_out_of_a_stream_or_a_topic(name: str) -> None:
    assert not re.match(NAME_PATTERN, name)


@pytest.mark.parametrize("name", ["1", "W-104", "trip.8817_b", "x" * 128])
def test_worker_and_gig_ids_are_opaque(name: str) -> None:
    assert re.match(OPAQUE_PATTERN, name)


@pytest.mark.parametrize("name", ["", "w 1", "w:1", "w/1", "w@example.org", "x" * 129, "w\n", "w\0"])
def test_a_worker_or_gig_id_cannot_break_out_of_a_stream_or_a_path(name: str) -> None:
    assert not re.match(OPAQUE_PATTERN, name)


def test_the_stream_of_a_work_period_says_what_it_is_about() -> None:
    assert work_of(work_stream("uber", "w-1", "tenth", "2023-06")) == ("uber", "w-1", "tenth", "2023-06")
    assert work_of("worker:w-1") is None
    assert work_of("platform:work") is None
