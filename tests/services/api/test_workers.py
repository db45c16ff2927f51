from collections.abc import Callable
from typing import Any

import pytest

from services.api import shapes

Ask = Callable[..., Any]


def _usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


def _benefit(benefit: str, pending_minor: int) -> dict[str, Any]:
    zero = dict.fromkeys(("available", "held", "paid_out", "to_be_netted"), _usd(0))
    return {"benefit": benefit, "pending": _usd(pending_minor), **zero}


def test_the_balance_has_one_element_for_each_benefit_over_all_platforms(ask: Ask) -> None:
    answer = ask("/v1/workers/w-104/balance")
    position = answer.pop("position")
    assert position > 0
    # uber: 4 % of 260.00 = 10.40, lyft: 4 % of 160.00 = 6.40, split 5 : 3 : 2; black cars: 3 % of each ride.
    assert answer == {
        "worker_id": "w-104",
        "claimed": False,
        "benefits": [
            _benefit("health", 2_08 + 1_28),
            _benefit("paid_leave", 3_12 + 1_92),
            _benefit("retirement", 5_20 + 3_20),
            _benefit("workers_compensation", 6_00 + 1_80),
        ],
    }


def test_a_worker_nobody_heard_of_has_an_empty_account(ask: Ask) -> None:
    answer = ask("/v1/workers/never.seen/balance")
    assert (answer["benefits"], answer["claimed"]) == ([], False)
    assert answer["position"] == ask("/v1/workers/w-104/balance")["position"]
    assert ask("/v1/workers/never.seen/sources")["sources"] == []
    assert ask("/v1/workers/never.seen/entries")["entries"] == []
    assert ask("/v1/workers/never.seen/balance", "worker", "never.seen")["benefits"] == []


def test_sources_say_which_platform_each_benefit_came_from(ask: Ask) -> None:
    sources = ask("/v1/workers/w-104/sources")["sources"]
    assert [(each["platform_id"], each["benefit"]) for each in sources] == [
        ("lyft", "health"),
        ("lyft", "paid_leave"),
        ("lyft", "retirement"),
        ("uber", "health"),
        ("uber", "paid_leave"),
        ("uber", "retirement"),
        ("uber", "workers_compensation"),
    ]
    retirement = {"accrued": _usd(3_20), "pending": _usd(3_20), "credited": _usd(0)}
    assert sources[2] == {"platform_id": "lyft", "benefit": "retirement", **retirement}


def test_entries_stand_newest_first_and_say_what_happened(ask: Ask) -> None:
    entries = ask("/v1/workers/w-104/entries")["entries"]
    positions = [each["position"] for each in entries]
    assert positions == sorted(positions, reverse=True)
    assert {each["kind"] for each in entries} == {
        "contribution_accrued",
        "contribution_adjusted",
        "contribution_reversed",
    }
    reasons = {(each["gig_id"], each["reason"]) for each in entries if each["kind"] == "contribution_reversed"}
    assert reasons == {("trip-3", "cancelled"), ("trip-4", "moved"), ("never-seen", "cancelled")}
    first = entries[-1]
    assert (first["gig_id"], first["program_version"], first["completed_at"]) == (
        "trip-1",
        1,
        "2023-06-29T22:18:22-04:00",
    )


def test_an_entry_holds_its_lines_with_amount_and_entitlement(ask: Ask) -> None:
    entries = ask("/v1/workers/w-104/entries")["entries"]
    adjusted = next(each for each in entries if each["kind"] == "contribution_adjusted" and each["period"] == "2023-06")
    line = {"benefit": "workers_compensation", "payer": "customer", "platform_id": "uber", "uncapped": None}
    assert (adjusted["revision"], adjusted["replaced_revision"], adjusted["cause"]) == (1, 0, "gig")
    assert adjusted["lines"] == [{**line, "amount": _usd(30), "entitled": _usd(7_80)}]


def test_a_gig_that_no_program_takes_is_an_entry_without_lines(ask: Ask) -> None:
    (entry,) = ask("/v1/workers/w-106/entries")["entries"]
    assert (entry["kind"], entry["program_id"], entry["lines"]) == ("gig_recorded", None, [])


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_pages_hold_each_entry_once(ask: Ask, limit: int) -> None:
    whole = ask("/v1/workers/w-104/entries", limit=200)["entries"]
    paged: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask("/v1/workers/w-104/entries", limit=limit, **cursor)
        paged += page["entries"]
        if page["next_cursor"] is None:
            break
        assert len(page["entries"]) == limit
        cursor = {"cursor": page["next_cursor"]}
    assert paged == whole


@pytest.mark.parametrize("cursor", ["", "x", "YmVmb3JlOjE=", "YmVmb3JlOi0x", "e" * 65, "\0", "é", "YmVmb3JlOiAx"])
def test_a_cursor_that_was_not_made_here_is_malformed(ask: Ask, cursor: str) -> None:
    problem = ask("/v1/workers/w-104/entries", status=422, cursor=cursor)
    assert problem["code"] == "malformed"
    assert problem["errors"][0]["key"] == "cursor"


@pytest.mark.parametrize(
    ("path", "shape"),
    [("balance", shapes.Balance), ("sources", shapes.Sources), ("entries", shapes.Entries)],
)
def test_answers_have_the_shape_that_the_document_promises(ask: Ask, path: str, shape: type[shapes.Shape]) -> None:
    shape.model_validate(ask(f"/v1/workers/w-104/{path}"))


def test_unknown_query_parameters_are_ignored(ask: Ask) -> None:
    assert ask("/v1/workers/w-104/balance", nonsense="1") == ask("/v1/workers/w-104/balance")


def test_the_example_of_an_entry_is_one() -> None:
    (example,) = shapes.Entry.model_json_schema()["examples"]
    assert shapes.Entry.model_validate(example).model_dump(mode="json") == example
