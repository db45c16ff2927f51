"""A process that takes reports into a log, without Kafka: what ingest does with a batch, offsets apart."""

from collections.abc import Iterable, Mapping
from datetime import date

from domain.gig import GigReport
from domain.message import Message, Partition, QuarantinedMessage
from domain.rejections import Conflict
from domain.rule import ProgramVersion
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from services import operations
from services.operations import By, NewTopic
from services.taker import Result, Taker
from tests.support.gigs import NOW

BY = By("test", NOW)


class NoTopics:
    """Topics that nobody needs."""

    def create_topic(self, name: str, partitions: int, replication: int) -> None:
        """Nothing to make."""


def open_exchange(
    log: ExchangeLog, programs: Iterable[tuple[ProgramVersion, ...]], members: Mapping[str, Iterable[str]]
) -> None:
    """Publish programs, and register platforms that joined some of them at the beginning of 2023."""
    for version in [version for versions in programs for version in versions]:
        operations.publish(log, version, BY)
    for platform_id, joined in members.items():
        operations.register(log, NoTopics(), NewTopic(), platform_id, platform_id, BY)
        for program_id in joined:
            operations.join(log, platform_id, program_id, date(2023, 1, 1), BY)


class TakingProcess:
    """One process; `conflicts` are the reasons for which it had to decide anew."""

    def __init__(self, log: ExchangeLog, cached_streams: int = 1_000) -> None:
        self._log = log
        self._taker = Taker(wire.report, cached_streams)
        self.conflicts: list[str] = []

    def take(self, *reports: GigReport | QuarantinedMessage) -> list[Result]:
        """Take a batch in one transaction, anew where somebody else wrote first."""
        while True:
            try:
                return self._transact(reports)
            except Conflict as conflict:
                self.conflicts.append(str(conflict))

    def _transact(self, reports: Iterable[GigReport | QuarantinedMessage]) -> list[Result]:
        readings = [(a_message(number), each) for number, each in enumerate(reports)]
        taken = None
        try:
            with self._log.transaction() as transaction:
                self._taker.refresh(transaction)
                taken = self._taker.take(transaction, readings)
                if taken.events:
                    transaction.append(taken.events, NOW)
        except Conflict:
            if taken is not None:
                self._taker.forget(taken)
            raise
        self._taker.learn(taken)
        return list(taken.results)


def a_message(number: int) -> Message:
    """A message of which only its place matters."""
    return Message(Partition("cluster", "gigs.any", 0), "topic", number, None, None, b"", ())
