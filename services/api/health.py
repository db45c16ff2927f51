"""Whether the process lives, whether it can answer, and what it counts."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from domain.rejections import ExchangeError, Unavailable
from projections.catalogue import VIEWS
from services.api.answers import Answer
from services.api.guard import Asked, GuardedRoute, Ports, operation_id
from services.api.problems import INTERNAL_ERROR
from services.api.shapes import Alive, Check, Readiness
from services.logs import logger
from services.readiness import VIEWS_BEHIND_MAX

router = APIRouter(route_class=GuardedRoute, tags=["service"], generate_unique_id_function=operation_id)

log = logger(__name__)


class ViewsBehind(Unavailable):
    """The views do not follow the log: no projector runs, or it cannot keep up."""

    code = "views_behind"


@router.get("/livez", summary="The process runs", response_model=Alive)
def livez() -> Answer:
    """Always 200: a database that is away is no reason to restart."""
    return Answer(Alive())


@router.get(
    "/readyz",
    summary="Whether requests can be answered",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something it depends on is not ready."}},
)
def readyz(ports: Asked) -> Answer:
    """Keys, database, schema and views, each with what is wrong; 503 unless all are well."""
    wanted = {
        **ports.checks,
        "keys": ports.authenticator.check,
        "views": lambda: _views(ports),
    }
    checks = [_check(name, check) for name, check in wanted.items()]
    ready = all(check.ok for check in checks)
    return Answer(Readiness(ready=ready, checks=checks), 200 if ready else 503)


@router.get("/metrics", summary="What the process counts, for Prometheus", response_class=Response)
def metrics() -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _check(name: str, check: Callable[[], object]) -> Check:
    try:
        return Check(check=name, ok=True, detail=str(check() or "ok"))
    except ExchangeError as error:
        return Check(check=name, ok=False, detail=f"{error.code}: {error.detail}")
    except Exception as error:  # readiness says what is the matter, whatever it is
        log.error("check failed", check=name, exc_info=error)
        return Check(check=name, ok=False, detail=f"{INTERNAL_ERROR}: {type(error).__name__}")


def _views(ports: Ports) -> str:
    """The position that all views have reached; raises `ViewsBehind`."""
    position = min(ports.reads.position(view) for view in VIEWS)
    unseen = ports.log.after(position, 1)
    if unseen and (behind := ports.clock() - unseen[0].recorded_at) > VIEWS_BEHIND_MAX:
        raise ViewsBehind(f"at position {position}, {int(behind.total_seconds())} seconds behind the log")
    return f"at position {position}"
