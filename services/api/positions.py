"""Waiting for a position, so that whoever wrote something can read it.

A request that waits holds no thread and no connection. However many wait for the same view, the database is asked
once every 20 milliseconds.
"""

from asyncio import sleep
from collections.abc import Callable
from time import monotonic
from typing import Final

from starlette.concurrency import run_in_threadpool

from services.api.problems import PositionNotReached

POLL_SECONDS: Final = 0.02


class PositionWatch:
    """Knows how far one view, or the log, has come."""

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask = ask
        self._known = 0
        self._asked_at = 0.0
        self._is_asking = False

    async def reach(self, wanted: int, seconds: float) -> None:
        """Return once the position is reached; raises `PositionNotReached` after so many seconds."""
        deadline = monotonic() + seconds
        while self._known < wanted:
            if monotonic() >= deadline:
                raise PositionNotReached(f"position {wanted} is not reached yet, only {self._known}: ask again")
            if self._is_asking or monotonic() - self._asked_at < POLL_SECONDS:
                await sleep(POLL_SECONDS)
            else:
                await self._look()

    async def _look(self) -> None:
        """Ask the database, while others who wait wait for the answer."""
        self._is_asking = True
        try:
            self._known = await run_in_threadpool(self._ask)
        finally:
            self._is_asking = False
            self._asked_at = monotonic()
