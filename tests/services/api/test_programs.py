"""Programs are read by everybody and published by operators, each version for good."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import msgspec
import orjson
import pytest
from fastapi.testclient import TestClient

from services.api import shapes
from tests.support.gigs import TENTH, gig, versions
from tests.support.scene import Scene

Ask = Callable[..., Any]
(TENTH_VERSION,) = versions(TENTH)
RATE_OF_15 = {
    "rules": [
        {
            "amount": {"kind": "percent", "rate": "15 %"},
            "rounding": {"direction": "half_up", "per": "period"},
            "benefits": [{"benefit": "retirement"}],
        }
    ]
}
#: What two gigs of 100.00 accrue more.
MOVED = {"net": 10_00, "plus": 10_00, "minus": 0}


@pytest.fixture
def program_id() -> str:
    return f"tenth-{uuid4().hex[:12]}"


def _body(**changed: Any) -> dict[str, Any]:
    """A tenth of the fare, as JSON, without its id."""
    body: dict[str, Any] = orjson.loads(msgspec.json.encode(TENTH_VERSION))
    del body["id"]
    return body | changed


def _path(program_id: str) -> str:
    return f"/v1/programs/{program_id}/versions"


# Publishing


def test_a_version_is_published_and_then_read(post: Ask, ask: Ask, scene: Scene, program_id: str) -> None:
    made = post(_path(program_id), _body(), status=201)
    shapes.VersionAt.model_validate(made)
    assert (made["program_id"], made["published"], made["effect"]) == (program_id, True, None)
    assert made["version"] == _body(id=program_id)
    read = ask(f"/v1/programs/{program_id}", min_position=made["position"])
    assert read["versions"] == [made["version"]]
    (recorded,) = scene.log.stream(f"program:{program_id}")
    assert (recorded.actor, recorded.position) == ("ada", made["position"])


def test_publishing_again_answers_alike_and_changes_nothing(post: Ask, scene: Scene, program_id: str) -> None:
    made = post(_path(program_id), _body(), status=201)
    epoch, head = scene.log.configuration().epoch, scene.log.head()
    assert post(_path(program_id), _body(id=program_id), status=200) == made
    assert (scene.log.configuration().epoch, scene.log.head()) == (epoch, head)


def test_what_is_left_out_and_what_is_written_out_are_the_same_content(post: Ask, program_id: str) -> None:
    post(_path(program_id), _body(), status=201)
    post(_path(program_id), _body(scope="platform", applies_to={}), status=200)


def test_a_further_version_stands_beside_the_first(post: Ask, ask: Ask, program_id: str) -> None:
    post(_path(program_id), _body(), status=201)
    post(_path(program_id), _body(version=2, title="Still a tenth", effective_from="2023-07-01"), status=201)
    assert [each["version"] for each in ask(f"/v1/programs/{program_id}")["versions"]] == [1, 2]


def test_a_number_that_stands_for_another_content_is_a_conflict(post: Ask, program_id: str) -> None:
    post(_path(program_id), _body(), status=201)
    assert post(_path(program_id), _body(title="Another"), status=409)["code"] == "program_version_exists"


def test_what_is_fixed_for_a_program_is_a_conflict(post: Ask, program_id: str) -> None:
    post(_path(program_id), _body(), status=201)
    problem = post(_path(program_id), _body(version=2, currency="CAD"), status=409)
    assert (problem["code"], "currency" in problem["detail"]) == ("program_terms_fixed", True)


@pytest.mark.parametrize("role", ["worker", "platform", "auditor"])
def test_only_operators_publish(client: TestClient, scene: Scene, role: Any, program_id: str) -> None:
    headers = {"Authorization": f"Bearer {scene.token(role, 'w-104' if role == 'worker' else 'uber')}"}
    assert client.post(_path(program_id), headers=headers, json=_body()).status_code == 403
    assert scene.log.stream(f"program:{program_id}") == []


# A dry run


@pytest.fixture
def worked(post: Ask, scene: Scene, program_id: str) -> str:
    """A program whose first version two workers' gigs of July count in."""
    post(_path(program_id), _body(), status=201)
    platform_id = f"p-{uuid4().hex[:12]}"
    scene.register(platform_id, **{program_id: date(2023, 1, 1)})
    july = datetime.fromisoformat("2023-07-06T12:00:00-04:00")
    for worker_id in (f"{program_id}.a", f"{program_id}.b"):
        scene.gigs.report(platform_id, gig(worker_id, fare=100_00, worker_id=worker_id, completed_at=july))
    scene.ingest()
    return program_id


def test_a_dry_run_says_what_a_version_would_move_and_stores_nothing(post: Ask, scene: Scene, worked: str) -> None:
    head, epoch = scene.log.head(), scene.log.configuration().epoch
    late = _body(version=2, effective_from="2023-07-01", base={"components": ["fare", "tip"]}) | RATE_OF_15
    said = post(f"{_path(worked)}?dry_run=true", late, status=200)
    shapes.VersionAt.model_validate(said)
    assert (said["position"], said["published"]) == (head, False)
    effect = said["effect"]
    assert (effect["workers"], effect["platforms"], effect["work_periods"], effect["gigs"]) == (2, 1, 2, 0)
    money = {name: {"amount_minor": minor, "currency": "USD"} for name, minor in MOVED.items()}
    assert (effect["money"], effect["unassessable"]) == ([money], 0)
    assert (scene.log.head(), scene.log.configuration().epoch) == (head, epoch)


def test_a_dry_run_of_what_is_published_moves_nothing(post: Ask, worked: str) -> None:
    said = post(f"{_path(worked)}?dry_run=true", _body(), status=200)
    assert said["published"] is True
    assert said["effect"] == {
        "workers": 0, "platforms": 0, "work_periods": 0, "gigs": 0, "money": [], "unassessable": 0,
    }  # fmt: skip


def test_a_dry_run_is_refused_as_publishing_is(post: Ask, worked: str) -> None:
    path = f"{_path(worked)}?dry_run=true"
    assert post(path, _body(title="Another"), status=409)["code"] == "program_version_exists"
    assert post(path, _body(version=2, currency="CAD"), status=409)["code"] == "program_terms_fixed"
    assert post(path, _body(effective_from="2023-01-02"), status=422)["errors"][0]["key"] == "effective_from"
    assert post(f"{_path(worked)}?dry_run=perhaps", _body(), status=422)["errors"][0]["key"] == "dry_run"


# What is malformed


@pytest.mark.parametrize(
    ("changed", "key", "words"),
    [
        ({"id": "other"}, "id", "as in the path"),
        ({"id": 7}, "id", "as in the path"),
        ({"colour": "green"}, "colour", "allowed: a table with id, version"),
        ({"version": None}, "version", "Expected `int`, got `null`"),
        ({"version": True}, "version", "Expected `int`, got `bool`"),
        ({"version": 1.0}, "version", "Expected `int`, got `float`"),
        ({"effective_from": "2023-01-02"}, "effective_from", "first day of a month"),
        ({"effective_from": 20230101}, "effective_from", "allowed: a date such as 2023-01-01"),
        ({"base": {"components": ["fare"], "deductions": "5 %"}}, "base.deductions", "allowed"),
        ({"rules": []}, "rules", "length >= 1"),
        ({"rules": {}}, "rules", "Expected `array`"),
        ({"rules": [{}]}, "rules[0].rounding", "missing required field"),
        ({"currency": "BTC"}, "currency", "ISO 4217"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "IANA"),
    ],
    ids=str,
)
def test_a_malformed_version_names_the_key_and_what_is_allowed_there(
    post: Ask, program_id: str, changed: dict[str, Any], key: str, words: str
) -> None:
    problem = post(_path(program_id), _body(**changed), status=422)
    assert (problem["code"], problem["errors"][0]["key"]) == ("malformed", key)
    assert words in problem["detail"]


def test_the_path_names_no_reserved_and_no_impossible_program(post: Ask) -> None:
    assert post(_path("pooled"), _body(), status=422)["errors"][0]["key"] == "id"
    assert post(_path("Sample"), _body(), status=422)["errors"][0]["key"] == "program_id"


def _nested(depth: int) -> bytes:
    inner = orjson.dumps(_body(rules=[{"amount": "AMOUNT"}]))
    return inner.replace(b'"AMOUNT"', b'{"kind":"sum","of":[' * depth + b"1" + b"]}" * depth)


def _odd_bodies() -> Iterator[tuple[str, bytes]]:
    yield "an array", b"[]"
    yield "a text", b'"version"'
    yield "nothing", b"null"
    yield "empty", b"{}"
    yield "cut off", b'{"version": 1'
    yield "a number beyond 64 bits", b'{"version": 99999999999999999999999999}'
    for depth in (9, 100, 400, 600, 2_000):
        yield f"{depth} levels of amounts", _nested(depth)
    yield "levels of an unknown key", b'{"a":' * 900 + b"1" + b"}" * 900
    yield "levels of the rules", b'{"version":1,"rules":' + b"[" * 900 + b"]" * 900 + b"}"


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in _odd_bodies()])
def test_a_body_that_is_no_version_is_malformed(client: TestClient, scene: Scene, program_id: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {scene.token('operator', 'ada')}", "Content-Type": "application/json"}
    answer = client.post(_path(program_id), headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), answer.text
    assert len(answer.text) < 5_000


def test_a_body_beyond_all_measure_is_too_large(client: TestClient, scene: Scene, program_id: str) -> None:
    headers = {"Authorization": f"Bearer {scene.token('operator', 'ada')}", "Content-Type": "application/json"}
    body = orjson.dumps(_body(title="x" * 70_000))
    answer = client.post(_path(program_id), headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
