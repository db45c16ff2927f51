from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from services.api import shapes
from tests.support.gigs import gig
from tests.support.scene import Scene

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def own(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An exchange that nobody else reports to."""
    scene = Scene(database, tmp_path_factory.mktemp("keys"))
    scene.register("uber")
    scene.project()
    yield scene
    scene.close()


def _ready(scene: Scene, status: int) -> dict[str, shapes.Check]:
    with TestClient(scene.app) as client:
        response = client.get("/readyz")
    assert response.status_code == status, response.text
    readiness = shapes.Readiness.model_validate_json(response.text)
    assert readiness.ready == (status == 200)
    return {check.check: check for check in readiness.checks}


def test_it_is_ready_when_keys_schema_and_views_are(own: Scene) -> None:
    checks = _ready(own, 200)
    assert set(checks) == {"schema", "keys", "views"}
    assert all(check.ok for check in checks.values())


def test_views_that_do_not_follow_the_log_are_behind(own: Scene) -> None:
    own.gigs.report("uber", gig())
    own.ingest()
    own.now += timedelta(seconds=29)
    _ready(own, 200)
    own.now += timedelta(seconds=2)
    assert _ready(own, 503)["views"].detail.startswith("views_behind: at position")
    own.project()
    _ready(own, 200)


def test_keys_that_are_gone_make_it_unready(own: Scene, tmp_path: Path) -> None:
    hidden = own.tokens.jwks_file.rename(tmp_path / "hidden")
    try:
        assert _ready(own, 503)["keys"].detail.startswith("keys_unavailable")
    finally:
        hidden.rename(own.tokens.jwks_file)


def test_a_schema_that_is_gone_makes_it_unready_but_not_dead(database: str, tmp_path: Path) -> None:
    scene = Scene(database, tmp_path)
    try:
        with scene.datastore.transact() as rows:
            rows.execute(f'drop schema "{scene.datastore.schema}" cascade'.encode())
        assert _ready(scene, 503)["schema"].ok is False
        with TestClient(scene.app) as client:
            assert client.get("/livez").json() == {"alive": True}
    finally:
        scene.close()


def test_requests_are_counted_by_route_and_status_and_never_by_person(client: TestClient, ask: Ask) -> None:
    ask("/v1/workers/w-104/balance")
    text = client.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    routes = {(each.labels["route"], each.labels["status"]) for each in families["benefits_http_seconds"].samples}
    assert ("/v1/workers/{worker_id}/balance", "200") in routes
    assert "w-104" not in text
