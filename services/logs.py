"""Structured logs: one line of JSON each on stderr. Ids, counts and codes; never what a person earned."""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs, the libraries' own too, to stderr (or a stream) as one JSON object a line."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("kafka", "psycopg.pool", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def logger(name: str) -> Any:
    """A logger whose keyword arguments become the fields of the line."""
    return structlog.stdlib.get_logger(name)


def _json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()
