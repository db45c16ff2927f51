"""The application: all routes on one exchange, described as OpenAPI 3.1."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Route

from domain.rejections import InvariantBroken
from projections.catalogue import VIEWS
from services.api import health, platforms, program_schema, programs, workers
from services.api.access import ACCESS
from services.api.auth import Authenticator
from services.api.guard import LOG, ApiLog, GuardedRoute, Ports
from services.api.positions import PositionWatch
from services.api.problems import problem
from services.api.shapes import Problem
from services.operations import NewTopic
from services.ports import Clock, Topics
from services.reassessment import ReassessReads
from services.settings import Settings

ROUTERS: Final = (workers.router, platforms.router, programs.router, health.router)

DESCRIPTION: Final = """
Platforms report finished gigs; each accrues contributions to benefits that belong to the worker and travel along.

Money is integer minor units with its currency. Every answer names the `position` in the log that it stands at; pass
one as `min_position` to read what you have just written. Refusals are `application/problem+json` with a stable `code`.
"""


def create_app(
    exchange: ApiLog,
    reads: ReassessReads,
    topics: Topics,
    authenticator: Authenticator,
    settings: Settings,
    *,
    clock: Clock,
    checks: Mapping[str, Callable[[], object]],
) -> FastAPI:
    """The API on these ports.

    `checks` are what readiness asks besides keys and views, by name: each returns or raises an `ExchangeError`.
    Raises `InvariantBroken` where routes and access table differ.
    """
    app = FastAPI(
        title="Portable benefits exchange",
        version=_version(),
        description=DESCRIPTION,
        # Its pages would load their program from a foreign host.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.router.routes.extend(router.routes)
    _compare_with_table(app)
    # Refusals of routes are answered in the route itself; these are for what finds no route.
    app.add_exception_handler(HTTPException, _no_route)
    app.state.ports = Ports(
        exchange,
        reads,
        topics,
        NewTopic(settings.topic_partitions, settings.topic_replication),
        authenticator,
        clock,
        checks,
        watches={
            LOG: PositionWatch(exchange.head),
            **{view.name: PositionWatch(partial(reads.position, view)) for view in VIEWS},
        },
        wait_seconds=settings.wait_seconds,
        one_at_a_time=Lock(),
    )
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]
    return app


async def _no_route(request: Any, error: Exception) -> Any:
    return problem(error, request)


def _compare_with_table(app: FastAPI) -> None:
    routes = [route for route in app.router.routes if isinstance(route, Route)]
    known = {(method, route.path) for route in routes for method in (route.methods or set()) - {"HEAD"}}
    differences = known ^ ACCESS.keys()
    unguarded = [route.path for route in routes if isinstance(route, APIRoute) and not isinstance(route, GuardedRoute)]
    if differences or unguarded or len(routes) != len(app.router.routes):
        raise InvariantBroken(f"routes and access table differ: {sorted(differences)}, unguarded {unguarded}")


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once: with the bearer scheme, and with the access table in words."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = document.setdefault("components", {})
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        schemas = components.setdefault("schemas", {})
        schemas[Problem.__name__] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schemas[Problem.__name__].pop("$defs", {}))
        program_schema.describe(schemas)
        for (method, path), grants in ACCESS.items():
            operation = document["paths"].get(path, {}).get(method.lower())
            if operation is not None:
                operation["security"] = [] if grants.public else [{"bearer": []}]
                operation["description"] = f"{operation.get('description', '')}\n\n{grants.words()}".strip()
        app.openapi_schema = document
    return app.openapi_schema


def _version() -> str:
    try:
        return version("portable-benefits-exchange")
    except PackageNotFoundError:
        return "0"
