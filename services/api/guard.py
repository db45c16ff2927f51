"""What every route has in common: the caller is known and allowed before anything of the request is read.

Order: token (401) → role (403) → object (404) → media type and size of the body (415, 413) → its content (422).
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from threading import Lock
from time import perf_counter
from typing import Annotated, Any, Final, Protocol

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRoute
from msgspec import Struct
from prometheus_client import Histogram
from starlette.concurrency import run_in_threadpool

from services.api import access
from services.api.access import Grants, Principal
from services.api.auth import Authenticator
from services.api.positions import PositionWatch
from services.api.problems import BodyTooLarge, UnsupportedMediaType, problem
from services.operations import NewTopic
from services.ports import Clock, Log, Topics
from services.reassessment import ReassessLog, ReassessReads, ReassessTransaction

LARGEST_BODY: Final = 64 * 1024
#: Positions are 64-bit integers in the log.
LARGEST_POSITION: Final = 2**62
#: The log itself, where a route reads no view.
LOG: Final = "log"

SECONDS: Final = Histogram(
    "benefits_http_seconds",
    "Seconds from a request's head to its answer, by route and status.",
    ["method", "route", "status"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class ApiLog(ReassessLog, Log, Protocol):
    """The event log, also as a re-assessment looks at it: publishing a version can be tried."""

    def transaction(self) -> AbstractContextManager[ReassessTransaction]: ...


class Ports(Struct, frozen=True):
    """What the routes ask, and what tells who calls."""

    log: ApiLog
    reads: ReassessReads
    topics: Topics
    new_topic: NewTopic
    authenticator: Authenticator
    clock: Clock
    checks: Mapping[str, Callable[[], object]]
    watches: Mapping[str, PositionWatch]
    wait_seconds: float
    #: The broker's client is for one thread at a time.
    one_at_a_time: Lock


class BoundedRequest(Request):
    """A request whose body is read up to a bound and as strict JSON: no NaN, no lone surrogates."""

    async def body(self) -> bytes:
        """The body; raises `BodyTooLarge`."""
        if not hasattr(self, "_body"):
            body = bytearray()
            async for chunk in self.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise BodyTooLarge(f"a body may have {LARGEST_BODY} bytes")
            self._body = bytes(body)
        return self._body

    async def json(self) -> Any:
        """The body's content."""
        return orjson.loads(await self.body())


class GuardedRoute(APIRoute):
    """A route that answers only whom the access table lets in, and answers every error as a problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler behind the checks; raises `InvariantBroken` where the table has no entry."""
        answer = super().get_route_handler()
        (method,) = self.methods or {""}
        grants = access.grants_of((method, self.path))
        takes_body = self.body_field is not None

        async def guarded(request: Request) -> Response:
            started = perf_counter()
            try:
                if not grants.public:
                    request.state.principal = await _admit(request, grants)
                if takes_body:
                    request = BoundedRequest(request.scope, request.receive)
                    await _read(request)
                response = await answer(request)
            except Exception as error:  # whatever it is, the caller gets a problem and the log the rest
                response = problem(error, request)
            SECONDS.labels(method, self.path, response.status_code).observe(perf_counter() - started)
            return response

        return guarded


async def _admit(request: Request, grants: Grants) -> Principal:
    ports: Ports = request.app.state.ports
    # In a thread: keys may have to be fetched, and a signature takes a tenth of a millisecond.
    authenticate = ports.authenticator.authenticate
    principal = await run_in_threadpool(authenticate, request.headers.get("authorization"))
    access.require(grants, principal, request.path_params)
    return principal


async def _read(request: BoundedRequest) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("expected Content-Type: application/json")
    await request.body()


async def _ports(request: Request) -> Ports:
    ports: Ports = request.app.state.ports
    return ports


async def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


Asked = Annotated[Ports, Depends(_ports)]
Caller = Annotated[Principal, Depends(_caller)]

_MinPosition = Annotated[
    int,
    Query(
        ge=0,
        le=LARGEST_POSITION,
        description="Answer from no earlier position than this one: waits for it, and gives up with"
        " 504 `position_not_reached`.",
    ),
]


def at_least(source: str) -> Any:
    """A dependency by which a route waits for the caller's `min_position` in a view or in the log."""

    async def wait(ports: Asked, min_position: _MinPosition = 0) -> None:
        if min_position:
            await ports.watches[source].reach(min_position, ports.wait_seconds)

    return Depends(wait)


def operation_id(route: APIRoute) -> str:
    """Operations are called like the functions that answer them."""
    return route.name
