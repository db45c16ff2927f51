"""kafka-python clients that are either connected or gone, with one error for a broker that does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from domain.rejections import Unavailable
from infra.kafka.settings import BrokerSettings


class BrokerUnavailable(Unavailable):
    """No broker answers at the configured address."""

    code = "broker_unavailable"


def connect(kind: Any, settings: BrokerSettings, *topics: str, **options: Any) -> Any:
    """A connected `kind` (`KafkaAdminClient`, `KafkaConsumer`, `KafkaProducer`); raises `BrokerUnavailable`.

    A constructor that fails leaves a thread and four file descriptors behind (kafka-python 3.0.12): an exchange that
    waits for its broker would run out of them, so what it opened is closed here.
    """
    opened: list[Any] = []

    def open_network(**config: Any) -> Any:
        opened.append(KafkaNetClient(**config))
        return opened[-1]

    with broker_errors(settings):
        try:
            return kind(*topics, **settings.kwargs(), **options, kafka_client=open_network)
        except BaseException:
            for network in opened:
                network.close()
            raise


@contextmanager
def broker_errors(settings: BrokerSettings) -> Iterator[None]:
    """Turns kafka-python's errors into `BrokerUnavailable`, with the address that was tried."""
    try:
        yield
    except KafkaError as error:
        raise BrokerUnavailable(f"broker at {settings.bootstrap_servers}: {error}") from error
