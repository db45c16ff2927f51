"""The wire: CloudEvents 1.0 over Kafka, in binary and in structured mode, to gig reports.

Topic `gigs.<platform>`, key the worker's id; `source` is `/platforms/<platform>`, `subject` the worker's id.
Specification: CloudEvents 1.0 and its Kafka protocol binding.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Raw, Struct

from domain import gig
from domain.gig import GigReport
from domain.message import Message
from domain.rejections import Malformed, Rejected

TOPIC_PREFIX: Final = "gigs."
STRUCTURED: Final = "application/cloudevents+json"
COMPLETED: Final = "gig.completed.v1"
CANCELLED: Final = "gig.cancelled.v1"


class NotACloudEvent(Malformed):
    """The message lacks what CloudEvents 1.0 requires."""

    code = "not_a_cloudevent"


class UnsupportedType(Malformed):
    """The event's type is none that the exchange takes."""

    code = "unsupported_type"


class WrongSource(Rejected):
    """A platform reported on another platform's topic."""

    code = "wrong_source"


class Envelope(Struct, frozen=True):
    """The attributes of a CloudEvent in structured mode; extension attributes are ignored."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    datacontenttype: str | None = None
    data: Raw = Raw(b"")
    data_base64: str | None = None


_structured = msgspec.json.Decoder(Envelope)


def platform_of(topic: str) -> str:
    """The platform whose topic this is."""
    return topic.removeprefix(TOPIC_PREFIX)


def report(message: Message, now: datetime) -> GigReport:
    """The gig report in a message; raises `Malformed` or `Rejected` with the reason for quarantine."""
    if message.value is None:
        raise NotACloudEvent("the message has no value")
    headers = dict(message.headers)
    content_type = _text(headers, "content-type")
    if content_type.startswith(STRUCTURED):
        envelope = _envelope(message.value)
        data = _data(envelope)
    else:
        envelope = _attributes(headers, content_type)
        data = message.value
    _check(envelope, platform_of(message.partition.topic))
    found = gig.report(platform_of(message.partition.topic), data, cancelled=envelope.type == CANCELLED, now=now)
    if envelope.subject is not None and envelope.subject != found.gig.worker_id:
        raise Malformed(f"subject {envelope.subject!r:.200} is not the worker of the data", key="subject")
    return found


def _attributes(headers: dict[str, bytes | None], content_type: str) -> Envelope:
    subject = _text(headers, "ce_subject") if "ce_subject" in headers else None
    return Envelope(
        specversion=_text(headers, "ce_specversion"),
        id=_text(headers, "ce_id"),
        source=_text(headers, "ce_source"),
        type=_text(headers, "ce_type"),
        subject=subject,
        datacontenttype=content_type or None,
    )


def _text(headers: dict[str, bytes | None], name: str) -> str:
    try:
        return (headers.get(name) or b"").decode()
    except UnicodeDecodeError:
        raise NotACloudEvent("not UTF-8", key=name) from None


def _envelope(value: bytes) -> Envelope:
    try:
        return _structured.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotACloudEvent(str(error)) from None


def _data(envelope: Envelope) -> bytes | Raw:
    if envelope.data_base64 is None:
        return envelope.data
    try:
        return b64decode(envelope.data_base64, validate=True)
    except (Base64Error, ValueError):
        raise NotACloudEvent("not base64", key="data_base64") from None


def _check(envelope: Envelope, platform_id: str) -> None:
    if envelope.specversion != "1.0":
        raise NotACloudEvent(f"expected '1.0', got {envelope.specversion!r:.200}", key="specversion")
    if not envelope.id:
        raise NotACloudEvent("expected an id that is unique for its source", key="id")
    if envelope.datacontenttype and not envelope.datacontenttype.startswith("application/json"):
        raise NotACloudEvent(f"expected application/json, got {envelope.datacontenttype!r:.200}", key="datacontenttype")
    if envelope.type not in (COMPLETED, CANCELLED):
        raise UnsupportedType(f"expected {COMPLETED} or {CANCELLED}, got {envelope.type!r:.200}", key="type")
    if envelope.source != f"/platforms/{platform_id}":
        raise WrongSource(f"source {envelope.source!r:.200} may not report for platform {platform_id!r}")
