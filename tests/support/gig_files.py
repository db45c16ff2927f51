"""Gigs as the lines of a file."""

import msgspec

from domain.gig import Gig, GigReport


def line(facts: Gig, platform_id: str = "uber", *, cancelled: bool = False) -> bytes:
    """The line that says this of a gig."""
    fields = msgspec.to_builtins(facts, builtin_types=()) | {"platform_id": platform_id}
    return msgspec.json.encode(fields | ({"cancelled": True} if cancelled else {})) + b"\n"


def file_of(reports: list[GigReport]) -> bytes:
    """The file whose lines say what these reports say."""
    return b"".join([line(each.gig, each.platform_id, cancelled=each.cancelled) for each in reports])
