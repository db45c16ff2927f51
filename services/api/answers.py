"""Answers on the wire: shapes to bytes, minor units to money, and what the OpenAPI document says of refusals."""

from typing import Any, Final

from fastapi import Response
from pydantic import BaseModel

from domain.work_period import Line as WorkLine
from services.api.problems import MEDIA_TYPE, TYPE_PREFIX
from services.api.shapes import Line, Money, Problem

_SAID: Final = {
    401: ("unauthenticated", "There is no token, or it cannot be trusted."),
    403: ("forbidden", "The caller's role may not do this."),
    404: ("not_found", "There is no such object for this caller."),
    409: ("rejected", "The exchange says no; `code` says why."),
    413: ("body_too_large", "The body is too large."),
    415: ("unsupported_media_type", "The body is not JSON."),
    422: ("malformed", "A part of the request is not as expected."),
    503: ("unavailable", "Something this needs is not ready: try again later."),
    504: ("position_not_reached", "`min_position` was not reached in time: try again."),
}
READ: Final = (401, 403, 404, 422, 503, 504)
WRITTEN: Final = (401, 403, 404, 409, 413, 415, 422, 503)


class Answer(Response):
    """A shape as JSON; answers are about people and money, so nothing in between may keep them."""

    media_type = "application/json"

    def __init__(self, shape: BaseModel, status_code: int = 200) -> None:
        super().__init__(shape, status_code, {"Cache-Control": "no-store"})

    def render(self, content: BaseModel) -> bytes:
        """The JSON."""
        return content.__pydantic_serializer__.to_json(content)


def money(amount_minor: int, currency: str) -> Money:
    """Minor units with their currency."""
    return Money(amount_minor=amount_minor, currency=currency)


def answered_line(line: WorkLine, currency: str) -> Line:
    """A line of a contribution."""
    return Line(
        benefit=line.benefit,
        payer=line.payer,
        platform_id=line.platform_id,
        amount=money(line.amount_minor, currency),
        entitled=money(line.entitled_minor, currency),
        uncapped=None if line.uncapped_minor is None else money(line.uncapped_minor, currency),
    )


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these refusals."""
    return {status: _refusal(status, *_SAID[status]) for status in statuses}


def _refusal(status: int, code: str, said: str) -> dict[str, Any]:
    example = {
        "type": TYPE_PREFIX + code,
        "title": said.rstrip("."),
        "status": status,
        "code": code,
        "detail": said,
        "instance": "/v1/…",
    }
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": said, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}
