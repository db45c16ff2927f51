"""Whoever wrote something can read it: `min_position` waits, and gives up in time."""

import asyncio
from collections.abc import Callable
from threading import Timer
from time import monotonic, sleep
from typing import Any, Final

import pytest

from services.api.positions import PositionWatch
from services.api.problems import PositionNotReached
from tests.support.gigs import gig
from tests.support.scene import Scene

Ask = Callable[..., Any]

VIEWS: Final = ["/v1/workers/w-104/balance", "/v1/workers/w-104/sources", "/v1/platforms/uber/liability"]
LOG: Final = [
    "/v1/workers/w-104/entries",
    "/v1/platforms",
    "/v1/platforms/uber",
    "/v1/platforms/uber/gigs/trip-1",
    "/v1/programs",
    "/v1/programs/demo-weekly",
]


@pytest.mark.parametrize("path", VIEWS + LOG)
def test_a_position_that_is_there_is_answered_at_once(ask: Ask, path: str) -> None:
    position = ask(path)["position"]
    started = monotonic()
    assert ask(path, min_position=position)["position"] >= position
    assert monotonic() - started < 0.25
    assert ask(path, min_position=0)["position"] >= position


@pytest.mark.parametrize("path", VIEWS + LOG)
def test_a_position_that_does_not_come_is_a_504(ask: Ask, path: str) -> None:
    started = monotonic()
    problem = ask(path, status=504, min_position=2**62)
    assert problem["code"] == "position_not_reached"
    assert 0.3 <= monotonic() - started < 2


def test_a_balance_waits_for_the_projector(ask: Ask, scene: Scene) -> None:
    scene.gigs.report("lyft", gig("trip-w", fare=200_00, worker_id="w-waits"))
    scene.ingest()
    timer = Timer(0.1, scene.project)
    timer.start()
    try:
        position = scene.log.head()
        assert ask("/v1/workers/w-waits/balance")["benefits"] == []
        answer = ask("/v1/workers/w-waits/balance", min_position=position)
    finally:
        timer.join()
    assert answer["position"] >= position
    assert sum(each["pending"]["amount_minor"] for each in answer["benefits"]) == 8_00


def test_however_many_wait_the_database_is_asked_once_per_interval() -> None:
    asked: list[float] = []

    def ask() -> int:
        asked.append(monotonic())
        return 0 if len(asked) < 6 else 10

    async def wait_all() -> None:
        watch = PositionWatch(ask)
        await asyncio.gather(*[watch.reach(10, 5) for _ in range(200)])

    asyncio.run(wait_all())
    assert len(asked) == 6


def test_waiting_holds_no_thread(scene: Scene) -> None:
    """More requests wait than there are threads, and one that need not wait is answered meanwhile."""
    import httpx2

    app = scene.new_app(wait_seconds=2.0)
    headers = {"Authorization": f"Bearer {scene.token('auditor', 'grace')}"}

    async def run() -> float:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            path = "/v1/workers/w-104/balance"
            waiting = [asyncio.create_task(client.get(path, params={"min_position": 2**60})) for _ in range(100)]
            await asyncio.sleep(0.5)
            started = monotonic()
            assert (await client.get(path)).status_code == 200
            took = monotonic() - started
            assert {response.status_code for response in await asyncio.gather(*waiting)} == {504}
            return took

    assert asyncio.run(run()) < 0.5


def test_a_watch_gives_up_in_time() -> None:
    with pytest.raises(PositionNotReached, match="position 7 is not reached yet, only 3"):
        asyncio.run(PositionWatch(lambda: 3).reach(7, 0.05))


def test_a_slow_database_does_not_make_a_request_wait_for_much_longer() -> None:
    def slow() -> int:
        sleep(0.05)
        return 0

    started = monotonic()
    with pytest.raises(PositionNotReached):
        asyncio.run(PositionWatch(slow).reach(1, 0.1))
    assert monotonic() - started < 0.5
