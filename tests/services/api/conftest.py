"""An exchange with a history, and its API."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.api.access import Role
from tests.support.gigs import gig
from tests.support.scene import Scene


@pytest.fixture(scope="session")
def scene(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two platforms, three workers, and one of everything that can happen to a gig."""
    scene = Scene(database, tmp_path_factory.mktemp("keys"))
    scene.publish_shipped()
    scene.register("uber", black_car_fund=date(2023, 1, 1), demo_weekly=date(2021, 12, 27))
    scene.register("lyft", demo_weekly=date(2021, 12, 27))
    scene.register("idle")
    ride = {"worker_id": "w-104", "jurisdiction": "US-NY", "service": "ride"}
    scene.gigs.report("uber", gig("trip-1", fare=200_00, **ride), gig("trip-2", fare=50_00, **ride))
    scene.gigs.report("uber", gig("trip-2", fare=60_00, revision=1, **ride))
    scene.gigs.report("uber", gig("trip-3", fare=10_00, **ride))
    scene.gigs.report("uber", gig("trip-3", fare=10_00, revision=1, **ride), cancelled=True)
    scene.gigs.report("uber", gig("trip-4", fare=20_00, **ride))
    scene.gigs.report("uber", gig("trip-4", fare=20_00, revision=1, **{**ride, "worker_id": "w-105"}))
    scene.gigs.report("uber", gig("never-seen", fare=20_00, **ride), cancelled=True)
    scene.gigs.report("lyft", gig("trip-1", fare=160_00, **ride))
    scene.gigs.report("idle", gig("trip-9", fare=10_00, worker_id="w-106"))
    scene.ingest()
    scene.project()
    yield scene
    scene.close()


@pytest.fixture(scope="session")
def client(scene: Scene) -> Iterator[TestClient]:
    with TestClient(scene.app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def ask(scene: Scene, client: TestClient) -> Callable[..., Any]:
    """GET as somebody (an auditor unless told), expecting a status, and the answer's JSON."""

    def ask(path: str, role: Role = "auditor", subject: str = "grace", *, status: int = 200, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {scene.token(role, subject)}"}
        response = client.get(path, headers=headers, params=query)
        assert response.status_code == status, response.text
        return response.json()

    return ask


@pytest.fixture
def post(scene: Scene, client: TestClient) -> Callable[..., Any]:
    """POST as an operator, expecting a status, and the answer's JSON."""

    def post(path: str, body: Any, *, status: int) -> Any:
        headers = {"Authorization": f"Bearer {scene.token('operator', 'ada')}"}
        response = client.post(path, headers=headers, json=body)
        assert response.status_code == status, response.text
        return response.json()

    return post
