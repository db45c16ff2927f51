"""Every route for every role on own and foreign objects, and every kind of token that must not pass."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
import msgspec
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Route

from domain.rejections import InvariantBroken
from services.api import app as api
from services.api.access import ACCESS, ROLES, Reach, Role
from services.api.guard import GuardedRoute
from tests.support.gigs import shipped
from tests.support.scene import Scene

Ask = Callable[..., Any]

OWN: Final[dict[Role, str]] = {"worker": "w-104", "platform": "uber", "operator": "ada", "auditor": "grace"}
FOREIGN: Final[dict[Role, str]] = {**OWN, "worker": "w-105", "platform": "lyft"}
OBJECTS: Final = {"worker_id": "w-104", "platform_id": "uber", "gig_id": "trip-1", "program_id": "demo-weekly"}
BODIES: Final = {
    "/v1/platforms": {"platform_id": "uber", "name": "Uber"},
    "/v1/platforms/{platform_id}/memberships": {"program_id": "demo-weekly", "effective_from": "2021-12-27"},
    "/v1/programs/{program_id}/versions": msgspec.to_builtins(shipped("demo-weekly")[0]),
}
PROTECTED: Final = [route for route, grants in ACCESS.items() if not grants.public]
PUBLIC: Final = [path for (_, path), grants in ACCESS.items() if grants.public]

EXPECTED: Final[dict[Reach | None, tuple[int, int]]] = {None: (403, 403), "any": (200, 200)}
"""Status on an own and on a foreign object, by how far a role reaches; `own` and `part` are 200 and 404."""


def _names(case: Any) -> str:
    return " ".join(case) if isinstance(case, tuple) else str(case)


def _call(client: TestClient, route: tuple[str, str], token: str | None, **objects: str) -> Any:
    method, path = route
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return client.request(method, path.format(**OBJECTS | objects), headers=headers, json=BODIES.get(path))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", PROTECTED, ids=_names)
def test_a_route_answers_whom_the_table_lets_in(
    client: TestClient, scene: Scene, route: tuple[str, str], role: Role
) -> None:
    own, foreign = EXPECTED.get(ACCESS[route].reach(role), (200, 404))
    assert _call(client, route, scene.token(role, OWN[role])).status_code == own
    assert _call(client, route, scene.token(role, FOREIGN[role])).status_code == foreign


def test_the_table_grants_no_more_than_the_design_says() -> None:
    """Workers and platforms reach only what is theirs, auditors only read, and only operators write."""
    for (method, path), grants in ACCESS.items():
        if "{worker_id}" in path:
            assert (grants.worker, grants.platform) == ("own", None)
        if "{platform_id}" in path:
            assert grants.platform in ("own", None)
            assert grants.worker in ("part", None)
        if method != "GET":
            assert (grants.worker, grants.platform, grants.auditor) == (None, None, None)


@pytest.mark.parametrize("route", PROTECTED, ids=_names)
@pytest.mark.parametrize("role", ["worker", "platform"])
def test_a_foreign_object_answers_exactly_like_a_missing_one(
    client: TestClient, scene: Scene, route: tuple[str, str], role: Role
) -> None:
    if ACCESS[route].reach(role) not in ("own", "part"):
        return
    token = scene.token(role, FOREIGN[role])
    missing = {"worker_id": "w-0", "platform_id": "nobody", "gig_id": "trip-0"}
    there, not_there = _call(client, route, token), _call(client, route, token, **missing)
    assert there.status_code == not_there.status_code == 404
    assert dict(there.headers) | {"content-length": ""} == dict(not_there.headers) | {"content-length": ""}
    renamed = there.text
    for name, value in missing.items():
        renamed = re.sub(rf"\b{OBJECTS[name]}\b", value, renamed)
    assert renamed == not_there.text


def test_a_malformed_id_is_missing_to_those_bound_to_another(client: TestClient, scene: Scene) -> None:
    path = "/v1/workers/w%20104/balance"
    for role, subject, status in (("worker", "w-104", 404), ("platform", "uber", 403), ("auditor", "grace", 422)):
        headers = {"Authorization": f"Bearer {scene.token(role, subject)}"}  # type: ignore[arg-type]
        assert client.get(path, headers=headers).status_code == status


@pytest.mark.parametrize("path", PUBLIC)
def test_public_routes_need_no_token(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("route", PROTECTED, ids=_names)
def test_without_a_token_nothing_is_read(client: TestClient, route: tuple[str, str]) -> None:
    answer = _call(client, route, None)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="portable-benefits-exchange"'
    method, path = route
    broken = client.request(method, path.format(**OBJECTS), content=b"\xff{", params={"min_position": "x"})
    assert broken.status_code == 401


def _claims(**changed: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    claims = {"iss": "issuer", "aud": "audience", "sub": "grace", "role": "auditor", "exp": now + timedelta(hours=1)}
    return {name: value for name, value in (claims | changed).items() if value is not None}


def _signed(scene: Scene, claims: dict[str, Any], key: Any = None, **headers: Any) -> str:
    return jwt.encode(
        claims, key or scene.tokens._key, algorithm="EdDSA", headers={"kid": scene.tokens.key_id} | headers
    )


def _bad_tokens(scene: Scene) -> Iterator[tuple[str, str]]:
    good = _signed(scene, _claims())
    header, payload, signature = good.split(".")
    past = datetime.now(UTC) - timedelta(minutes=1)
    public = scene.tokens._key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    operator = urlsafe_b64encode(orjson.dumps({**_claims(exp=4e9), "role": "operator"})).decode().rstrip("=")
    none = urlsafe_b64encode(orjson.dumps({"alg": "none", "kid": scene.tokens.key_id})).decode().rstrip("=")
    hmac = urlsafe_b64encode(orjson.dumps({"alg": "HS256", "kid": scene.tokens.key_id})).decode().rstrip("=")
    signing_input = f"{hmac}.{payload}".encode()
    forged = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing_input, pem.encode())
    yield "expired", _signed(scene, _claims(exp=past))
    yield "not yet valid", _signed(scene, _claims(nbf=datetime.now(UTC) + timedelta(minutes=5)))
    yield "another audience", _signed(scene, _claims(aud="somebody-else"))
    yield "another issuer", _signed(scene, _claims(iss="somebody-else"))
    yield "another key", _signed(scene, _claims(), ed25519.Ed25519PrivateKey.generate())
    yield "unknown key id", _signed(scene, _claims(), kid="unknown")
    yield "algorithm none", jwt.encode(_claims(), "", algorithm="none")
    yield "algorithm none under a known key", f"{none}.{payload}."
    yield "public key as a shared secret", f"{hmac}.{payload}.{urlsafe_b64encode(forged).decode().rstrip('=')}"
    yield "another role under the same signature", f"{header}.{operator}.{signature}"
    yield "cut signature", good[:-4]
    yield "no signature", f"{header}.{payload}."
    yield "not a token", "x"
    yield "three dots", "..."
    yield "too long", "a" * 10_000
    yield "not ASCII", "é.é.é"
    for name in ("iss", "aud", "exp", "sub", "role"):
        yield f"without {name}", _signed(scene, _claims(**{name: None}))
    yield "unknown role", _signed(scene, _claims(role="admin"))
    yield "role of another type", _signed(scene, _claims(role=["auditor"]))
    yield "empty subject", _signed(scene, _claims(sub=""))
    yield "subject of another type", _signed(scene, _claims(sub=7))
    yield "a worker's subject that no worker can have", _signed(scene, _claims(role="worker", sub="w 1"))
    yield "a platform's subject that no platform can have", _signed(scene, _claims(role="platform", sub="Uber"))
    yield "expiry of another type", _signed(scene, _claims(exp="tomorrow"))


def test_a_token_that_cannot_be_trusted_opens_nothing(client: TestClient, scene: Scene) -> None:
    assert _call(client, ("GET", "/v1/platforms"), _signed(scene, _claims())).status_code == 200
    for name, token in _bad_tokens(scene):
        headers = {"Authorization": f"Bearer {token}".encode()}
        answer = client.get("/v1/platforms", headers=headers)  # type: ignore[arg-type]
        assert (name, answer.status_code, answer.json()["code"]) == (name, 401, "unauthenticated")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], name


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\t", "Token x"])
def test_another_scheme_is_no_token(client: TestClient, authorization: str) -> None:
    answer = client.get("/v1/platforms", headers={"Authorization": authorization})
    assert answer.status_code == 401


def test_the_wrong_role_is_forbidden_by_code(client: TestClient, scene: Scene) -> None:
    answer = _call(client, ("GET", "/v1/workers/{worker_id}/balance"), scene.token("platform", "uber"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_route_without_an_entry_does_not_start() -> None:
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(InvariantBroken, match="GET /v1/secrets has no entry"):
        router.get("/v1/secrets")(lambda: None)


def test_an_application_whose_routes_differ_from_the_table_does_not_start() -> None:
    app = FastAPI()
    for route in (APIRoute("/livez", lambda: None), Route("/else", lambda _: None)):
        app.router.routes[:] = [route]
        with pytest.raises(InvariantBroken, match="differ"):
            api._compare_with_table(app)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_tokens_of_each_kind_of_key_are_accepted(scene: Scene, tmp_path: Any, algorithm: str) -> None:
    private: Any = {
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[algorithm]()
    kind: Any = jwt.get_algorithm_by_name(algorithm)
    path = tmp_path / "jwks.json"
    path.write_bytes(orjson.dumps({"keys": [{**kind.to_jwk(private.public_key(), as_dict=True), "kid": "k"}]}))
    with TestClient(scene.new_app(jwks=str(path))) as client:
        token = jwt.encode(_claims(), private, algorithm=algorithm, headers={"kid": "k"})
        assert _call(client, ("GET", "/v1/platforms"), token).status_code == 200
        # The only key needs no name; and one that is there under another algorithm is not there.
        assert _call(client, ("GET", "/v1/platforms"), jwt.encode(_claims(), private, algorithm)).status_code == 200
        assert _call(client, ("GET", "/v1/platforms"), scene.token("auditor", "grace")).status_code == 401
