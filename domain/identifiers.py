"""The identifiers of the exchange and the names of its streams."""

from typing import Annotated

from msgspec import Meta

NAME_PATTERN = r"^[a-z0-9_-]{1,64}\Z"
OPAQUE_PATTERN = r"^[A-Za-z0-9._-]{1,128}\Z"

#: Scope of programs that count the gigs of all member platforms together.
POOLED = "pooled"
#: Stands where a program id would, for gigs that no program takes.
NO_PROGRAM = "none"
RESERVED_NAMES = frozenset({POOLED, NO_PROGRAM})
_POOLED_PREFIX = f"work:{POOLED}:"

PlatformId = Annotated[str, Meta(pattern=NAME_PATTERN)]
ProgramId = Annotated[str, Meta(pattern=NAME_PATTERN)]
BenefitId = Annotated[str, Meta(pattern=NAME_PATTERN)]
WorkerId = Annotated[str, Meta(pattern=OPAQUE_PATTERN)]
GigId = Annotated[str, Meta(pattern=OPAQUE_PATTERN)]


def program_stream(program_id: str) -> str:
    """The stream that holds a program's versions."""
    return f"program:{program_id}"


def platform_stream(platform_id: str) -> str:
    """The stream that holds a platform's membership and standing."""
    return f"platform:{platform_id}"


def work_stream(scope: str, worker_id: str, program_id: str, period: str) -> str:
    """The stream of one work period; `scope` is a platform's id or `pooled`."""
    return f"work:{scope}:{worker_id}:{program_id}:{period}"


def is_pooled(stream: str) -> bool:
    """Whether the gigs of several platforms count in a stream."""
    return stream.startswith(_POOLED_PREFIX)


def work_of(stream: str) -> tuple[str, str, str, str] | None:
    """Scope, worker, program and period of a work period's stream; None of any other stream."""
    kind, _, rest = stream.partition(":")
    if kind != "work":
        return None
    scope, worker_id, program_id, period = rest.split(":")
    return scope, worker_id, program_id, period


def intake_stream(cluster: str, topic: str, partition: int) -> str:
    """The stream that remembers what was taken from one Kafka partition."""
    return f"intake:{cluster}:{topic}:{partition}"


def worker_of(stream: str) -> str | None:
    """The worker a stream belongs to, or None where it belongs to none."""
    kind, _, rest = stream.partition(":")
    if kind == "work":
        return rest.split(":", 2)[1]
    return rest if kind == "worker" else None
