from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from services.api import shapes
from tests.support.scene import Scene

Ask = Callable[..., Any]


def _usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


@pytest.fixture
def platform_id() -> str:
    return f"p-{uuid4().hex[:12]}"


def test_liability_stands_by_program_period_and_payer(ask: Ask) -> None:
    answer = ask("/v1/platforms/uber/liability")
    assert answer["position"] > 0
    assert answer["lines"] == [
        {"program_id": "black-car-fund", "period": "2023-06", "payer": "customer", "accrued": _usd(8_40)},
        {"program_id": "demo-weekly", "period": "2023-W26", "payer": "platform", "accrued": _usd(10_40)},
    ]
    assert answer["totals"] == [{"accrued": _usd(18_80)}]
    shapes.Liabilities.model_validate(answer)


def test_a_platform_that_owes_nothing_has_no_lines(ask: Ask) -> None:
    answer = ask("/v1/platforms/idle/liability")
    assert (answer["lines"], answer["totals"]) == ([], [])


@pytest.mark.parametrize("path", ["", "/liability"])
def test_a_platform_that_nobody_registered_is_missing(ask: Ask, path: str) -> None:
    assert ask(f"/v1/platforms/nobody{path}", status=404)["code"] == "platform_not_found"


def test_a_platform_shows_its_memberships(ask: Ask) -> None:
    answer = ask("/v1/platforms/lyft", "platform", "lyft")
    assert answer.pop("position") > 0
    assert answer == {
        "platform_id": "lyft",
        "name": "Lyft",
        "suspended": None,
        "memberships": [{"program_id": "demo-weekly", "effective_from": "2021-12-27", "effective_until": None}],
    }
    assert answer in ask("/v1/platforms")["platforms"]


def test_registering_makes_the_platform_and_its_topic(post: Ask, ask: Ask, scene: Scene, platform_id: str) -> None:
    made = post("/v1/platforms", {"platform_id": platform_id, "name": "New"}, status=201)
    assert (made["platform_id"], made["name"], made["memberships"]) == (platform_id, "New", [])
    assert f"gigs.{platform_id}" in scene.topics.made
    assert ask(f"/v1/platforms/{platform_id}", min_position=made["position"])["name"] == "New"
    assert scene.log.stream(f"platform:{platform_id}")[0].actor == "ada"


def test_registering_again_answers_alike_and_changes_nothing(post: Ask, scene: Scene, platform_id: str) -> None:
    body = {"platform_id": platform_id, "name": "New"}
    made = post("/v1/platforms", body, status=201)
    epoch = scene.log.configuration().epoch
    assert post("/v1/platforms", body, status=200) == made
    assert scene.log.configuration().epoch == epoch
    assert scene.topics.made.count(f"gigs.{platform_id}") == 2


def test_another_name_under_a_known_id_is_a_conflict(post: Ask, platform_id: str) -> None:
    post("/v1/platforms", {"platform_id": platform_id, "name": "New"}, status=201)
    problem = post("/v1/platforms", {"platform_id": platform_id, "name": "Newer"}, status=409)
    assert problem["code"] == "platform_exists"


def test_without_a_broker_the_platform_is_registered_and_the_call_can_be_repeated(
    post: Ask, scene: Scene, platform_id: str
) -> None:
    body = {"platform_id": platform_id, "name": "New"}
    scene.topics.is_down = True
    try:
        problem = post("/v1/platforms", body, status=503)
    finally:
        scene.topics.is_down = False
    assert problem["code"] == "topic_not_made"
    assert "is registered" in problem["detail"]
    post("/v1/platforms", body, status=200)
    assert f"gigs.{platform_id}" in scene.topics.made


def test_joining_a_program_changes_the_configuration_once(post: Ask, scene: Scene, platform_id: str) -> None:
    post("/v1/platforms", {"platform_id": platform_id, "name": "New"}, status=201)
    epoch = scene.log.configuration().epoch
    body = {"program_id": "black-car-fund", "effective_from": "2023-02-01"}
    joined = post(f"/v1/platforms/{platform_id}/memberships", body, status=201)
    assert joined["memberships"] == [
        {"program_id": "black-car-fund", "effective_from": "2023-02-01", "effective_until": None}
    ]
    assert post(f"/v1/platforms/{platform_id}/memberships", body, status=200) == joined
    assert scene.log.configuration().epoch == epoch + 1


@pytest.mark.parametrize(
    ("path", "program_id", "day", "status", "code"),
    [
        ("idle", "no-such", "2023-01-01", 404, "program_not_found"),
        ("nobody", "demo-weekly", "2023-01-02", 404, "platform_not_found"),
        ("idle", "black-car-fund", "2023-01-02", 409, "not_period_start"),
        ("lyft", "demo-weekly", "2023-01-02", 409, "already_member"),
    ],
)
def test_a_membership_that_cannot_be_is_refused(
    post: Ask, path: str, program_id: str, day: str, status: int, code: str
) -> None:
    body = {"program_id": program_id, "effective_from": day}
    assert post(f"/v1/platforms/{path}/memberships", body, status=status)["code"] == code


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"platform_id": "x"}, "name"),
        ({"platform_id": "Ü", "name": "x"}, "platform_id"),
        ({"platform_id": "a\n", "name": "x"}, "platform_id"),
        ({"platform_id": "pooled", "name": "x"}, "platform_id"),
        ({"platform_id": 1, "name": "x"}, "platform_id"),
        ({"platform_id": "x", "name": ""}, "name"),
        ({"platform_id": "x", "name": "x" * 201}, "name"),
        ({"platform_id": "x", "name": "x", "extra": 1}, "extra"),
    ],
)
def test_a_malformed_registration_names_the_key_at_fault(post: Ask, body: Any, key: str) -> None:
    problem = post("/v1/platforms", body, status=422)
    assert (problem["code"], problem["errors"][0]["key"]) == ("malformed", key)


@pytest.mark.parametrize("day", ["2023-1-1", "20230101", 0, 86400, "2023-01-01T00:00:00", "2023-02-30", None, ""])
def test_only_a_plain_date_is_a_date(post: Ask, day: object) -> None:
    body = {"program_id": "black-car-fund", "effective_from": day}
    problem = post("/v1/platforms/idle/memberships", body, status=422)
    assert problem["errors"][0]["key"] == "effective_from"


def test_a_gig_explains_itself(ask: Ask) -> None:
    answer = ask("/v1/platforms/uber/gigs/trip-2")
    shapes.Gig.model_validate(answer)
    assert (answer["state"], answer["revision"], answer["facts"]["earnings"]) == ("counted", 1, {"fare": 60_00})
    assert answer["words"] == "Counted by black-car-fund in 2023-06 and demo-weekly in 2023-W26."
    black_car = answer["programs"][0]
    assert (black_car["program_id"], black_car["program_version"]) == ("black-car-fund", 1)
    assert black_car["words"] == "Revision 1 counts in 2023-06 instead of revision 0."
    assert black_car["totals_before"][0]["base"] == _usd(250_00)
    assert black_car["totals_after"][0]["base"] == _usd(260_00)
    assert black_car["totals_after"][0]["rounded"] == [_usd(7_80)]
    assert black_car["arithmetic"] == ["3 % of 60.00 (fare 60.00) = 1.80 → 1.80, half up per gig"]
    (line,) = black_car["lines"]
    assert line["words"] == "entitled to 7.80 now, 7.50 before: 0.30"
    assert (line["amount"], line["entitled_before"], line["entitled"]) == (_usd(30), _usd(7_50), _usd(7_80))


def test_the_first_gig_of_a_period_stands_on_nothing(ask: Ask) -> None:
    programs = ask("/v1/platforms/lyft/gigs/trip-1")["programs"]
    (weekly,) = programs
    assert (weekly["totals_before"], weekly["kind"]) == ([], "accrued")
    assert "the threshold of 150.00 in the week is reached" in weekly["arithmetic"][0]


def test_a_cancelled_gig_says_so(ask: Ask) -> None:
    answer = ask("/v1/platforms/uber/gigs/trip-3")
    assert (answer["state"], answer["revision"]) == ("cancelled", 1)
    assert [(each["kind"], each["reason"]) for each in answer["programs"]] == [("reversed", "cancelled")] * 2
    assert answer["programs"][0]["arithmetic"][0].startswith("taken out: 3 % of 10.00")
    assert [each["lines"][0]["amount"]["amount_minor"] < 0 for each in answer["programs"]] == [True, True]


def test_a_gig_cancelled_before_it_was_reported_moved_nothing(ask: Ask) -> None:
    answer = ask("/v1/platforms/uber/gigs/never-seen")
    assert answer["state"] == "cancelled"
    assert [each["arithmetic"] for each in answer["programs"]] == [[], []]


def test_a_gig_that_no_program_took_says_so(ask: Ask) -> None:
    answer = ask("/v1/platforms/idle/gigs/trip-9")
    assert (answer["state"], answer["programs"]) == ("recorded", [])
    assert answer["words"] == "No program took this gig: it is kept, and nothing accrued."


def test_a_worker_reads_their_own_gig_and_nobody_elses(ask: Ask) -> None:
    assert ask("/v1/platforms/uber/gigs/trip-1", "worker", "w-104") == ask("/v1/platforms/uber/gigs/trip-1")
    foreign = ask("/v1/platforms/uber/gigs/trip-1", "worker", "w-105", status=404)
    missing = ask("/v1/platforms/uber/gigs/trip-1", "worker", "nobody", status=404)
    assert foreign == missing


def test_a_gig_that_moved_shows_itself_to_whom_it_counts_for(ask: Ask) -> None:
    answer = ask("/v1/platforms/uber/gigs/trip-4", "worker", "w-105")
    assert {each["facts"]["worker_id"] for each in answer["programs"]} == {"w-105"}
    ask("/v1/platforms/uber/gigs/trip-4", "worker", "w-104", status=404)


def test_a_gig_that_nobody_reported_is_missing(ask: Ask) -> None:
    assert ask("/v1/platforms/uber/gigs/trip-99", status=404)["code"] == "gig_not_found"
    assert ask("/v1/platforms/nobody/gigs/trip-1", status=404)["code"] == "gig_not_found"
