"""A gig: what a platform reports about one finished piece of work.

The shape of `data` in a `gig.completed.v1` or `gig.cancelled.v1` CloudEvent, always the full facts and never a delta.
Decoding is strict (no booleans or floats for integers, no times without an offset); fields that are not named here
are ignored. `report` is the one way in: what it returns is valid.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from domain.identifiers import OPAQUE_PATTERN
from domain.money import EXPONENTS
from domain.rejections import Malformed

AmountMinor = Annotated[int, Meta(ge=0, le=10**12)]
Instant = Annotated[datetime, Meta(tz=True)]

#: Names of earnings components, and codes such as a vehicle class, as program files write them too.
LONGEST_NAME: Final = 64
COMPONENT_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}\Z"
CODE_PATTERN: Final = r"^[A-Za-z0-9._-]{1,64}\Z"

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: How far ahead of the clock a platform's own clock may run.
CLOCK_TOLERANCE: Final = timedelta(days=1)


class Gig(Struct, frozen=True, gc=False, omit_defaults=True):
    """The facts of one gig. Amounts are minor units of `currency`, durations seconds, distances meters."""

    gig_id: str
    revision: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    worker_id: str
    completed_at: Instant
    engaged_seconds: Annotated[int, Meta(ge=0, le=31 * 86_400)]
    currency: str
    earnings: dict[str, AmountMinor]
    started_at: Instant | None = None
    paid_at: Instant | None = None
    online_seconds: Annotated[int, Meta(ge=0, le=31 * 86_400)] | None = None
    distance_meters: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    vehicle_class: str | None = None
    worker_class: str | None = None
    jurisdiction: str | None = None
    service: str | None = None


class GigReport(Struct, frozen=True, gc=False):
    """What one message says: the facts, whether they cancel the gig, and a digest of both."""

    platform_id: str
    gig: Gig
    cancelled: bool
    digest: bytes


_decoder = msgspec.json.Decoder(Gig)
_canonical = msgspec.json.Encoder(order="deterministic")


def report(platform_id: str, data: bytes | msgspec.Raw, *, cancelled: bool, now: datetime) -> GigReport:
    """The report in `data` (JSON), checked against `now`; raises `Malformed` saying which field and what is allowed."""
    gig = decode(data)
    check(gig, now)
    return GigReport(platform_id, gig, cancelled, digest(gig, cancelled=cancelled))


def decode(data: bytes | msgspec.Raw) -> Gig:
    """The gig in a JSON object; raises `Malformed`."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from None


def check(gig: Gig, now: datetime) -> None:
    """Raise `Malformed` where a field is well-formed but impossible."""
    _check_patterns(gig)
    if gig.currency not in EXPONENTS:
        raise UnknownCurrency(f"{gig.currency!r} is not a currency of ISO 4217", key="currency")
    latest = now + CLOCK_TOLERANCE
    for key, at in (("completed_at", gig.completed_at), ("started_at", gig.started_at), ("paid_at", gig.paid_at)):
        if at is not None and not EARLIEST <= at <= latest:
            raise OutOfRange(f"{at.isoformat()} is not between 2000 and a day from now", key=key)
    if gig.started_at is not None and gig.started_at > gig.completed_at:
        raise OutOfRange("a gig cannot start after it was completed", key="started_at")


def _check_patterns(gig: Gig) -> None:
    """Identifiers, component names and codes keep to their alphabets.

    Checked here and not by the decoder: the log's own events have passed, and decoding them should not pay again.
    """
    for key, identifier in (("gig_id", gig.gig_id), ("worker_id", gig.worker_id)):
        if not _is_opaque(identifier):
            raise Malformed(f"expected 1 to 128 of A-Z a-z 0-9 . _ -, got {identifier!r:.200}", key=key)
    for component in gig.earnings:
        if len(component) > LONGEST_NAME or not _is_component(component):
            raise Malformed(f"expected component names in snake_case, got {component!r:.200}", key="earnings")
    for key in ("vehicle_class", "worker_class", "jurisdiction", "service"):
        code = getattr(gig, key)
        if code is not None and (len(code) > LONGEST_NAME or not _is_code(code)):
            raise Malformed(f"expected 1 to 64 of A-Z a-z 0-9 . _ -, got {code!r:.200}", key=key)


_is_opaque = re.compile(OPAQUE_PATTERN).match


# What is remembered is short: longer names were refused before, so that nobody can fill our memory with them.
@lru_cache(maxsize=1_024)
def _is_component(name: str) -> bool:
    return re.match(COMPONENT_PATTERN, name) is not None


@lru_cache(maxsize=4_096)
def _is_code(code: str) -> bool:
    return re.match(CODE_PATTERN, code) is not None


def digest(gig: Gig, *, cancelled: bool) -> bytes:
    """16 bytes that are equal for equal facts: times are compared as instants, unknown fields do not count."""
    kind = b"cancelled" if cancelled else b"completed"
    return blake2b(_canonical.encode(_in_utc(gig)), digest_size=16, person=kind).digest()


def _in_utc(gig: Gig) -> Gig:
    return msgspec.structs.replace(
        gig,
        completed_at=gig.completed_at.astimezone(UTC),
        started_at=gig.started_at and gig.started_at.astimezone(UTC),
        paid_at=gig.paid_at and gig.paid_at.astimezone(UTC),
    )


class UnknownCurrency(Malformed):
    """The currency is none of ISO 4217's."""

    code = "unknown_currency"


class OutOfRange(Malformed):
    """A value is well-formed but impossible."""

    code = "out_of_range"
