"""Refusals on the wire: `application/problem+json` (RFC 9457) with a stable `code` for each fact.

The status follows from where an error stands in the tree of `domain.rejections`. What nobody foresaw is a plain 500:
the log has the rest, the caller never sees a traceback.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from domain.rejections import Conflict, ExchangeError, InvariantBroken, Malformed, NotFound, Rejected, Unavailable
from services.api.access import Forbidden
from services.api.auth import Unauthenticated
from services.logs import logger

MEDIA_TYPE: Final = "application/problem+json"
INTERNAL_ERROR: Final = "internal_error"
TYPE_PREFIX: Final = "urn:portable-benefits-exchange:problem:"


class PositionNotReached(Unavailable):
    """What was asked for has not come to the wanted position within the time that a request may wait."""

    code = "position_not_reached"


class BodyTooLarge(Malformed):
    """The request's body is larger than any that makes sense here."""

    code = "body_too_large"


class UnsupportedMediaType(Malformed):
    """The request's body is not announced as JSON."""

    code = "unsupported_media_type"


#: The most specific class counts.
STATUSES: Final[dict[type[ExchangeError], int]] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Rejected: 409,
    Conflict: 409,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    Malformed: 422,
    InvariantBroken: 500,
    Unavailable: 503,
    PositionNotReached: 504,
    ExchangeError: 500,
}

#: Codes for what the web framework refuses by itself.
FRAMEWORK_CODES: Final = {404: "route_not_found", 405: "method_not_allowed"}

log = logger(__name__)


def status_of(kind: type[ExchangeError]) -> int:
    """The status that an error of this class is answered with."""
    return next(STATUSES[each] for each in kind.__mro__ if each in STATUSES)


def problem(error: Exception, request: Request) -> Response:
    """The answer to whatever went wrong."""
    match error:
        case ExchangeError():
            return _exchange_error(error, request)
        case RequestValidationError():
            return _malformed(error, request)
        case HTTPException():
            code = FRAMEWORK_CODES.get(error.status_code, f"http_{error.status_code}")
            return _answer(request, error.status_code, code, str(error.detail), error.headers)
        case _:
            log.error("defect", path=request.url.path, exc_info=error)
            return _answer(request, 500, INTERNAL_ERROR, "something went wrong here; it was logged")


def _exchange_error(error: ExchangeError, request: Request) -> Response:
    status = status_of(type(error))
    if isinstance(error, InvariantBroken):
        log.error("defect", path=request.url.path, exc_info=error)
        return _answer(request, status, error.code, "the exchange's own records contradict each other; it was logged")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("unavailable", path=request.url.path, reason=error.code, detail=error.detail)
    keyed = isinstance(error, Malformed) and error.key
    errors = [{"key": error.key, "detail": error.detail}] if isinstance(error, Malformed) and keyed else ()
    return _answer(request, status, error.code, str(error), _headers(error, status), errors)


def _headers(error: ExchangeError, status: int) -> dict[str, str] | None:
    if isinstance(error, Unauthenticated):
        challenge = 'Bearer realm="portable-benefits-exchange"'
        return {"WWW-Authenticate": challenge + (', error="invalid_token"' if error.has_token else "")}
    if isinstance(error, Forbidden):
        return {"WWW-Authenticate": 'Bearer realm="portable-benefits-exchange", error="insufficient_scope"'}
    return {"Retry-After": "1"} if status in (503, 504) or isinstance(error, Conflict) else None


def _malformed(error: RequestValidationError, request: Request) -> Response:
    """Which parts of the request are not as expected; what was sent is not repeated."""
    errors = [
        {"key": ".".join(str(part) for part in each["loc"][1:])[:200], "detail": str(each["msg"])}
        for each in error.errors()[:20]
    ]
    detail = "; ".join(f"{each['key']}: {each['detail']}" if each["key"] else each["detail"] for each in errors)
    return _answer(request, 422, Malformed.code, detail, errors=errors)


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Any = None,
    errors: Sequence[dict[str, str]] = (),
) -> Response:
    content: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        content["errors"] = list(errors)
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(content), status, headers, MEDIA_TYPE)
