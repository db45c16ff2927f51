"""Gigs without a broker: what a test reports stands in memory as a topic would hold it, and ingest polls it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from domain.gig import Gig
from domain.message import Assignment, Message, Partition
from infra.event_log.log import ExchangeLog
from infra.kafka import wire
from infra.postgres import offsets
from tests.support.gigs import NOW

CLUSTER: Final = "scripted"


class ScriptedGigs:
    """The only member of its consumer group; each platform's topic has one partition."""

    def __init__(self, exchange: ExchangeLog) -> None:
        self._exchange = exchange
        self._messages: defaultdict[Partition, list[Message]] = defaultdict(list)
        self._assigned: dict[Partition, Assignment] = {}
        self._fetched: dict[Partition, int] = {}

    def report(self, platform_id: str, *gigs: Gig, cancelled: bool = False) -> None:
        """Publish these gigs as CloudEvents in binary mode."""
        partition = Partition(CLUSTER, f"{wire.TOPIC_PREFIX}{platform_id}", 0)
        for gig in gigs:
            headers = {
                "ce_specversion": "1.0",
                "ce_id": f"{gig.gig_id}-{gig.revision}",
                "ce_source": f"/platforms/{platform_id}",
                "ce_type": wire.CANCELLED if cancelled else wire.COMPLETED,
                "ce_subject": gig.worker_id,
            }
            log = self._messages[partition]
            named = tuple([(name, value.encode()) for name, value in headers.items()])
            key, value = gig.worker_id.encode(), msgspec.json.encode(gig)
            log.append(Message(partition, "scripted", len(log), None, key, value, named))

    def poll(self, _timeout_ms: int, max_messages: int) -> dict[Partition, list[Message]]:
        """What was reported and not taken yet."""
        self._take_over()
        polled = {}
        for partition in self._assigned:
            at = self._fetched[partition]
            if messages := self._messages[partition][at : at + max_messages]:
                polled[partition] = messages
                self._fetched[partition] = at + len(messages)
        return polled

    def _take_over(self) -> None:
        new = sorted((partition, "scripted") for partition in self._messages.keys() - self._assigned.keys())
        if new:
            with self._exchange.transaction() as transaction:
                assignments = offsets.take_over(transaction, new, NOW)
            self._assigned |= {each.partition: each for each in assignments}
            self._fetched |= {each.partition: each.next_offset for each in assignments}

    def assignment(self, partition: Partition) -> Assignment | None:
        """Where a partition goes on."""
        return self._assigned.get(partition)

    def advance(self, partition: Partition, next_offset: int) -> None:
        """Go on from here."""
        self._assigned[partition] = msgspec.structs.replace(self._assigned[partition], next_offset=next_offset)

    def lost(self, partitions: Iterable[Partition]) -> None:
        """Take these over anew."""
        for partition in partitions:
            self._assigned.pop(partition, None)

    def trouble(self) -> list[str]:
        """There never is any."""
        return []

    def close(self) -> None:
        """Nothing is open."""
