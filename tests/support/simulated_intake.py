"""Intake in one thread under a drawn fate: owners that change, a database that is away, and crashes at any step.

What happens is a function of the seed: processes work in turn, and each of their steps may be the last.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec

from domain.gig import Gig
from domain.identifiers import intake_stream
from domain.intake import IntakeRecorded, decider
from domain.message import Assignment, Message, Partition
from domain.rejections import Conflict, Unavailable
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from infra.postgres import offsets
from services.ingest import Ingest, IngestSettings
from services.ports import LogTransaction
from tests.support.exchange_processes import message
from tests.support.gigs import NOW
from tests.support.scripted_gigs import CLUSTER

PARTITIONS: Final = 3
TOPIC_ID: Final = "simulated"

#: What was reported, by partition.
Messages = Mapping[Partition, list[Message]]


class Crash(BaseException):
    """The process is gone; what it held in memory with it."""


class Fate:
    """Counts the steps of a process and ends it at the one that was drawn; now and then the database is away."""

    def __init__(self, steps: int | None, rnd: random.Random | None = None) -> None:
        self.left = steps
        self._rnd = rnd

    def ask(self) -> None:
        """One step that needs the database; raises `Unavailable` where it is away, or `Crash`."""
        self.step()
        if self._rnd is not None and self._rnd.random() < 0.02:
            raise Unavailable("away for a moment")

    def step(self) -> None:
        """One step further; raises `Crash` at the last."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


class FragileTransaction:
    """A transaction in which each step may be the last."""

    def __init__(self, transaction: LogTransaction, fate: Fate) -> None:
        self._transaction = transaction
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._transaction, name)

        def fragile(*arguments: Any) -> Any:
            self._fate.ask()
            return method(*arguments)

        return fragile


class FragileLog:
    """A log whose user may be gone before, in and after each transaction."""

    def __init__(self, log: ExchangeLog, fate: Fate) -> None:
        self._log = log
        self._fate = fate

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A transaction that may not come to its end, or whose end nobody hears of."""
        self._fate.ask()
        with self._log.transaction() as transaction:
            yield FragileTransaction(transaction, self._fate)
            self._fate.ask()
        # It is committed, and the answer may be lost on its way.
        self._fate.ask()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Topic:
    """What platforms reported, by partition."""

    def __init__(self, platform_id: str) -> None:
        self.platform_id = platform_id
        self.partitions = [Partition(CLUSTER, f"gigs.{platform_id}", number) for number in range(PARTITIONS)]
        self.messages: dict[Partition, list[Message]] = {at: [] for at in self.partitions}

    def report(self, at: Partition, facts: Gig, *, cancelled: bool) -> None:
        """Append a message."""
        headers, value = message(facts, self.platform_id, cancelled=cancelled)
        log = self.messages[at]
        log.append(Message(at, TOPIC_ID, len(log), None, facts.worker_id.encode(), value, tuple(headers)))


class Member:
    """A member of the group that owns what it is told to; it learns late of what it has lost."""

    def __init__(self, messages: Messages, log: ExchangeLog, fate: Fate) -> None:
        self._messages = messages
        self._log = log
        self._fate = fate
        self._wanted: set[Partition] = set()
        self._owned: dict[Partition, Assignment] = {}
        self._fetched: dict[Partition, int] = {}

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Take these over, whoever has them."""
        self._wanted |= set(partitions)

    def poll(self, _timeout_ms: int, max_messages: int) -> dict[Partition, list[Message]]:
        """What comes next of each partition."""
        self._fate.step()
        self._claim()
        polled = {}
        for at in self._owned:
            start = self._fetched[at]
            if messages := self._messages[at][start : start + max_messages]:
                polled[at] = messages
                self._fetched[at] = start + len(messages)
        self._fate.step()
        return polled

    def _claim(self) -> None:
        claimed = [(at, TOPIC_ID) for at in sorted(self._wanted)]
        if claimed:
            with self._log.transaction() as transaction:
                assignments = offsets.take_over(transaction, claimed, NOW)
            self._owned |= {each.partition: each for each in assignments}
            self._fetched |= {each.partition: each.next_offset for each in assignments}
            self._wanted.clear()

    def assignment(self, partition: Partition) -> Assignment | None:
        """How it is owned, as far as this member knows."""
        return self._owned.get(partition)

    def advance(self, partition: Partition, next_offset: int) -> None:
        """Note what was committed."""
        self._fate.step()
        if owned := self._owned.get(partition):
            self._owned[partition] = msgspec.structs.replace(owned, next_offset=next_offset)

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Its offset is not where we thought: take it over anew."""
        for partition in partitions:
            self._owned.pop(partition, None)
            self._wanted.add(partition)

    def trouble(self) -> list[str]:
        """There is none."""
        return []

    def close(self) -> None:
        """Nothing is open."""


class Process:
    """One ingest process, started anew after each crash."""

    def __init__(self, messages: Messages, log: ExchangeLog, rnd: random.Random | None = None) -> None:
        self._messages = messages
        self._log = log
        self._rnd = rnd
        self.crashes = 0
        self.start(None)

    def start(self, steps: int | None) -> None:
        """Start with nothing in memory; it is to crash after so many steps."""
        fate = Fate(steps, self._rnd)
        self.member = Member(self._messages, self._log, fate)
        sizes = IngestSettings(batch_size=5, cached_streams=20)
        self._ingest = Ingest(FragileLog(self._log, fate), self.member, wire.report, lambda: NOW, sizes)

    def work(self, *, settle: bool) -> int | None:
        """One step of work; None where it was the last."""
        try:
            taken = self._ingest.step()
            if settle:
                self._ingest.settle()
            elif self._ingest._under_way:
                # Committed or not, and not heard of yet: the same in every run of this seed.
                wait([self._ingest._under_way[1]])
        except (Conflict, Unavailable):
            return 1
        except Crash:
            self.crashes += 1
            self.end()
            return None
        return taken

    def end(self) -> None:
        """Let the thread of a crashed process go."""
        with suppress(Crash, Conflict, Unavailable):
            self._ingest.close()


def run(
    processes: list[Process], messages: Messages, decide: Callable[[Process], None], settle: Callable[[], bool]
) -> None:
    """Let processes work in turn until one of them, left alone with everything, finds nothing more to do."""
    for _ in range(40):
        for process in processes:
            decide(process)
            if process.work(settle=settle()) is None:
                process.start(None)
    for process in processes:
        process.end()
    last = processes[0]
    last.start(None)
    last.member.assign(messages)
    while last.work(settle=True):
        pass
    last.end()


def assert_taken_once(log: ExchangeLog, messages: Messages) -> None:
    """Each message counted once, by the log; none is in quarantine."""
    outcomes: Counter[str] = Counter()
    for at, of_partition in messages.items():
        events = [each.event for each in log.stream(intake_stream(at.cluster, at.topic, at.number))]
        assert decider.fold(events).next_offset == len(of_partition)  # type: ignore[arg-type]
        for event in events:
            outcomes.update(event.outcomes if isinstance(event, IntakeRecorded) else {})
        refused = log.datastore.read("select reason, detail from quarantine where topic = %b", at.topic)
        assert refused == []
    assert outcomes.total() == sum(map(len, messages.values()))
