"""Gigs out to Kafka as CloudEvents: what `benefits publish`, the tests and the benchmark send with."""

from collections import deque
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError
from msgspec import UNSET, Raw, Struct, UnsetType

from domain.rejections import Unavailable
from infra.kafka.client import connect
from infra.kafka.settings import BrokerSettings

Headers = list[tuple[str, bytes]]

BATCH_BYTES: Final = 256 * 1024
LINGER_MS: Final = 10
#: How long a topic's partitions are waited for.
MAX_BLOCK_MS: Final = 10_000
#: kafka-python has no bound on what waits to be sent; beyond this, `send` waits for the oldest message.
UNCONFIRMED_MAX: Final = 20_000
CONFIRM_SECONDS_MAX: Final = 60.0


class NotDelivered(Unavailable):
    """The broker did not take a message; those sent after it may have arrived."""

    code = "not_delivered"


class Publisher:
    """Sends messages to topics: each once and, within a partition, in order; taken by all replicas.

    A message that was not taken is reported by a later `send` or `flush`, so leave the block through `flush` or its
    end. Raises `BrokerUnavailable` when there is no broker, `NotDelivered` when one refuses.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        compression: str | None = "lz4",
        linger_ms: int = LINGER_MS,
        max_block_ms: int = MAX_BLOCK_MS,
    ) -> None:
        self._unconfirmed: deque[Any] = deque()
        self._producer = connect(
            KafkaProducer,
            settings,
            acks="all",
            enable_idempotence=True,
            compression_type=compression,
            linger_ms=linger_ms,
            batch_size=BATCH_BYTES,
            # A topic is made by registering a platform, never by a slip of the pen.
            allow_auto_create_topics=False,
            max_block_ms=max_block_ms,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def send(self, topic: str, key: str | bytes | None, value: bytes, headers: Headers) -> None:
        """Hand a message over for sending; returns before it is taken."""
        try:
            sent = self._producer.send(
                topic, key=key.encode() if isinstance(key, str) else key, value=value, headers=headers
            )
        except KafkaError as error:
            raise NotDelivered(f"{topic}: {error}") from error
        self._unconfirmed.append(sent)
        if len(self._unconfirmed) > UNCONFIRMED_MAX:
            self._confirm()

    def flush(self) -> None:
        """Return once everything sent was taken."""
        try:
            self._producer.flush(timeout=CONFIRM_SECONDS_MAX)
        except KafkaError as error:
            raise NotDelivered(f"{len(self._unconfirmed)} messages were not confirmed: {error}") from error
        while self._unconfirmed:
            self._confirm()

    def close(self) -> None:
        """Give the connection up; what was not flushed may be lost."""
        self._producer.close(timeout=5.0)

    def _confirm(self) -> None:
        oldest = self._unconfirmed.popleft()
        try:
            oldest.get(timeout=CONFIRM_SECONDS_MAX)
        except KafkaError as error:
            raise NotDelivered(f"a message was not taken: {error}") from error


class _Envelope(Struct, frozen=True):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    datacontenttype: str
    data: Raw
    time: str | UnsetType = UNSET


def cloudevent(
    data: bytes, *, type: str, source: str, subject: str, id: str, time: datetime | None = None
) -> tuple[Headers, bytes]:
    """Headers and value of a CloudEvent in binary mode: the attributes beside the data (JSON), not around it."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_subject", subject.encode()),
        ("content-type", b"application/json"),
    ]
    if time is not None:
        headers.append(("ce_time", time.isoformat().encode()))
    return headers, data


def structured_cloudevent(
    data: bytes, *, type: str, source: str, subject: str, id: str, time: datetime | None = None
) -> tuple[Headers, bytes]:
    """Headers and value of a CloudEvent in structured mode: one JSON object around the data, which stays as it is."""
    stamp = UNSET if time is None else time.isoformat()
    envelope = _Envelope("1.0", id, source, type, subject, "application/json", Raw(data), stamp)
    return [("content-type", b"application/cloudevents+json")], msgspec.json.encode(envelope)
