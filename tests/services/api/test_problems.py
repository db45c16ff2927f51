"""Every refusal is a problem with a stable code, and nothing that is sent makes a 500."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import orjson
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

import domain
from domain.rejections import ExchangeError, InvariantBroken, Unavailable
from projections import worker_balance
from services import api, explanation, operations
from services.api import problems, shapes
from services.api.access import ACCESS
from services.api.problems import INTERNAL_ERROR, status_of
from tests.support.scene import Scene

Ask = Callable[..., Any]

README: Final = Path(api.__file__).parent / "README.md"


def _json(response: Any, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    problem = response.json()
    shapes.Problem.model_validate(problem)
    assert (problem["status"], problem["type"].rpartition(":")[2]) == (status, problem["code"])
    return problem


@pytest.fixture
def operator(scene: Scene) -> dict[str, str]:
    return {"Authorization": f"Bearer {scene.token('operator', 'ada')}"}


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/v1/workers", "/v1/platforms/", "/v1/workers/a/b/balance"]
)
def test_an_unknown_route_is_a_problem(client: TestClient, path: str) -> None:
    assert _json(client.get(path), 404)["code"] == "route_not_found"


@pytest.mark.parametrize("path", ["/v1/platforms", "/v1/workers/w-1/balance", "/livez"])
def test_another_method_is_a_problem_that_names_the_right_ones(client: TestClient, path: str) -> None:
    response = client.delete(path)
    assert _json(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_a_body_that_is_not_announced_as_json_is_not_read(
    client: TestClient, operator: dict[str, str], content_type: str | None
) -> None:
    headers = operator | ({"Content-Type": content_type} if content_type else {})
    response = client.post("/v1/platforms", content=b'{"platform_id": "x", "name": "x"}', headers=headers)
    assert _json(response, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b'"x"',
        b"NaN",
        b'{"platform_id": "x", "name": NaN}',
        b'{"platform_id": "x", "name": "\\ud800"}',
        b"[" * 50_000,
        b'{"platform_id": "x", "name": 1' + b"0" * 5_000 + b"}",
    ],
)
def test_a_body_that_is_not_what_it_says_is_malformed(
    client: TestClient, operator: dict[str, str], content: bytes
) -> None:
    response = client.post("/v1/platforms", content=content, headers=operator | {"Content-Type": "application/json"})
    assert _json(response, 422)["code"] == "malformed"


def test_a_body_without_end_is_too_large(client: TestClient, operator: dict[str, str]) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(100):
            yield b"x" * 1_024

    headers = operator | {"Content-Type": "application/json"}
    for content in (chunks(), b" " * 70_000):
        assert _json(client.post("/v1/platforms", content=content, headers=headers), 413)["code"] == "body_too_large"


def test_a_media_type_with_parameters_is_json(client: TestClient, operator: dict[str, str]) -> None:
    headers = operator | {"Content-Type": "Application/JSON; charset=utf-8"}
    body = orjson.dumps({"platform_id": "uber", "name": "Uber"})
    assert client.post("/v1/platforms", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "1e3", str(2**63), "9" * 400, "٣x", "0x10", "null"])
def test_a_min_position_that_is_none_is_malformed(ask: Ask, value: str) -> None:
    for path in ("/v1/workers/w-104/balance", "/v1/programs", "/v1/platforms/uber/liability"):
        problem = ask(path, status=422, min_position=value)
        assert (problem["code"], problem["errors"][0]["key"]) == ("malformed", "min_position")


class _Broken:
    """A port that fails in one way, whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> Any:
            raise self._error

        return fail


def _failing(scene: Scene, error: Exception) -> TestClient:
    app = scene.new_app()
    app.state.ports = replace(app.state.ports, reads=_Broken(error), log=_Broken(error))
    return TestClient(app, headers={"Authorization": f"Bearer {scene.token('operator', 'ada')}"})


READS: Final = [
    path.format(worker_id="w-104", platform_id="uber", gig_id="trip-1", program_id="demo-weekly")
    for method, path in ACCESS
    if method == "GET" and path.startswith("/v1")
]


@pytest.mark.parametrize("path", READS)
def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(scene: Scene, path: str) -> None:
    with _failing(scene, Unavailable("database: no answer")) as client:
        response = client.get(path)
    assert _json(response, 503)["code"] == "unavailable"
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", READS)
def test_a_defect_is_a_500_that_tells_nothing(scene: Scene, path: str) -> None:
    with _failing(scene, ZeroDivisionError("a secret")) as client, capture_logs():
        response = client.get(path)
    assert _json(response, 500)["code"] == INTERNAL_ERROR
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_a_corrupt_history_is_a_500_that_tells_nothing_of_it(scene: Scene) -> None:
    with _failing(scene, InvariantBroken("stream work:uber:w-104 is corrupt")) as client, capture_logs():
        response = client.get("/v1/workers/w-104/entries")
    assert _json(response, 500)["code"] == "invariant_broken"
    assert "w-104 is corrupt" not in response.text


# Anything at all


_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_IDS: Final = st.one_of(
    st.sampled_from(["uber", "w-104", "trip-1", "demo-weekly", "pooled", "none", "..", ".", "%", "a" * 129]),
    _TEXT.filter(bool),
    st.binary(min_size=1, max_size=20).map(lambda raw: raw.decode("latin-1")),
)
_FUZZ: Final = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


@_FUZZ
@given(
    route=st.sampled_from([path for method, path in ACCESS if method == "GET" and path.startswith("/v1")]),
    ids=st.tuples(_IDS, _IDS),
    query=st.dictionaries(st.sampled_from(["min_position", "cursor", "limit", "x"]), _TEXT, max_size=3),
)
def test_no_path_and_no_query_makes_a_500(
    client: TestClient, operator: dict[str, str], route: str, ids: tuple[str, str], query: dict[str, str]
) -> None:
    first, second = map(_quoted, ids)
    path = route.format(worker_id=first, platform_id=first, program_id=first, gig_id=second)
    response = client.get(path, params=query, headers=operator)
    assert response.status_code in (200, 404, 422, 504), response.text


@_FUZZ
@given(
    route=st.sampled_from(["/v1/platforms", "/v1/platforms/idle/memberships", "/v1/programs/fuzzed/versions"]),
    body=st.one_of(
        _JSON,
        st.fixed_dictionaries({"platform_id": _IDS | _JSON, "name": _JSON}),
        st.fixed_dictionaries({"program_id": _IDS | _JSON, "effective_from": _JSON | st.dates().map(str)}),
        st.fixed_dictionaries({"program_id": st.just("stride-pennsylvania"), "effective_from": st.dates().map(str)}),
    ),
)
def test_no_body_makes_a_500(client: TestClient, operator: dict[str, str], route: str, body: Any) -> None:
    response = client.post(
        route, content=orjson.dumps(body, default=str) if _fits(body) else b"{}", headers=operator | _AS_JSON
    )
    assert response.status_code in (200, 201, 404, 409, 422), response.text


_AS_JSON: Final = {"Content-Type": "application/json"}


def _fits(body: Any) -> bool:
    try:
        orjson.dumps(body)
    except TypeError:  # an integer of more than 64 bits
        return False
    return True


# The table of codes


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def _errors() -> dict[str, type[ExchangeError]]:
    """Every error that a route may answer with, by its code."""
    modules = [*_modules(domain), *_modules(api), operations, explanation]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, ExchangeError) and kind is not ExchangeError
    }
    codes = {kind.code: kind for kind in kinds}
    assert len(codes) == len(kinds), "two errors share a code"
    return codes


def test_the_readme_lists_every_code_with_its_status() -> None:
    listed = {
        code: int(status) for code, status in re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", README.read_text(), re.M)
    }
    expected = {code: status_of(kind) for code, kind in _errors().items()}
    expected |= {code: status for status, code in problems.FRAMEWORK_CODES.items()} | {INTERNAL_ERROR: 500}
    assert listed == expected


def test_each_view_that_a_route_waits_for_is_watched(scene: Scene) -> None:
    assert worker_balance.view.name in scene.app.state.ports.watches
