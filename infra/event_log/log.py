"""The log as an application of the `eventsourcing` library: streams in, streams out, positions for whoever follows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eventsourcing.application import Application
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    Mapper,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from domain.configuration import Configuration
from domain.recorded import Recorded
from infra.event_log import mapper
from infra.event_log.mapper import ExchangeMapper, MsgspecTranscoder
from infra.event_log.recorder import ExchangeRecorder
from infra.event_log.transaction import Transaction
from infra.postgres.datastore import Datastore
from infra.postgres.views import ViewRecorder

_AFTER = """
    select notification_id, originator_id, originator_version, topic, state from exchange_events
    where notification_id > %b order by notification_id limit %b
"""
_STREAM = """
    select notification_id, originator_id, originator_version, topic, state from exchange_events
    where originator_id = %b order by originator_version
"""


class ExchangeFactory(InfrastructureFactory[TrackingRecorder]):
    """Our recorders on our datastore, for the library."""

    def __init__(self, env: Environment, datastore: Datastore) -> None:
        super().__init__(env)
        self.datastore = datastore

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The one log serves every purpose but snapshots: the latest event of a stream is its snapshot."""
        return ExchangeRecorder(self.datastore)

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of the log."""
        return ExchangeRecorder(self.datastore)

    def tracking_recorder(self, tracking_recorder_class: type[Any] | None = None) -> Any:
        """The recorder of the views' positions."""
        return (tracking_recorder_class or ViewRecorder)(self.datastore)

    def process_recorder(self) -> ProcessRecorder:
        """None: views and log commit apart."""
        raise NotImplementedError("views are written by the projector")

    def close(self) -> None:
        """Close the connections."""
        self.datastore.close()


class ExchangeLog(Application[str]):
    """The event log of one exchange."""

    name = "exchange"

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        super().__init__()

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Our factory."""
        return ExchangeFactory(env, self.datastore)

    def construct_mapper(self) -> Mapper[str]:
        """Our mapper."""
        return ExchangeMapper(transcoder=MsgspecTranscoder())

    def construct_recorder(self) -> ExchangeRecorder:
        """Our recorder."""
        return ExchangeRecorder(self.datastore)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction on the log and its tables; raises `Conflict` or `Unavailable`, and then nothing was written."""
        with self.datastore.transact() as rows:
            yield Transaction(rows, self._recorder)

    @property
    def _recorder(self) -> ExchangeRecorder:
        assert isinstance(self.recorder, ExchangeRecorder)
        return self.recorder

    @property
    def channel(self) -> str:
        """The PostgreSQL notification channel that each append raises."""
        return self._recorder.channel

    def configuration(self) -> Configuration:
        """All programs and platforms as they stand, with their epoch."""
        with self.transaction() as transaction:
            return transaction.configuration(transaction.share_epoch())

    def head(self) -> int:
        """The position of the latest event, 0 in an empty log."""
        return self._recorder.max_notification_id() or 0

    def after(self, position: int, limit: int) -> list[Recorded]:
        """Up to `limit` events after a position, in order; raises `InvariantBroken` on one that cannot be read."""
        return [mapper.recorded(row) for row in self.datastore.read(_AFTER, position, limit)]

    def stream(self, stream: str) -> list[Recorded]:
        """All events of a stream, oldest first."""
        return [mapper.recorded(row) for row in self.datastore.read(_STREAM, stream)]
