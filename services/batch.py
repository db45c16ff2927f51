"""A batch: what one poll brought, what is claimed of the partitions, and what the messages came to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from domain import intake
from domain.identifiers import intake_stream
from domain.intake import Intake, RecordIntake
from domain.message import Message, OffsetClaim, Partition, QuarantinedMessage
from domain.recorded import NewEvent
from services.taker import DEFECT, Reading, Result


class Batch:
    """The messages of one poll, with what was read in them; decided anew after `begin`."""

    def __init__(self, readings: Sequence[tuple[Message, Reading]], claims: Sequence[OffsetClaim]) -> None:
        self._readings = readings
        self.claims = claims
        self.seconds = 0.0
        self.begin()

    def begin(self) -> None:
        """Nothing is decided yet, or any more."""
        self.kept: dict[Partition, OffsetClaim] = {}
        self.quarantined: list[QuarantinedMessage] = []
        self._versions: dict[Partition, int] = {}
        self._outcomes: dict[Partition, Counter[str]] = {}

    def keep(self, versions: dict[Partition, int]) -> list[tuple[Message, Reading]]:
        """Keep the partitions whose offsets moved and return their messages; the others belong to somebody else."""
        self._versions = versions
        self.kept = {claim.partition: claim for claim in self.claims if claim.partition in versions}
        self._outcomes = {partition: Counter() for partition in self.kept}
        return [(message, reading) for message, reading in self._readings if message.partition in self.kept]

    def note(self, readings: Sequence[tuple[Message, Reading]], results: Sequence[Result]) -> None:
        """Note what the messages came to."""
        for (message, _), result in zip(readings, results, strict=True):
            outcome = "quarantined" if isinstance(result, QuarantinedMessage) else result
            self._outcomes[message.partition][outcome] += 1
        self.quarantined = [result for result in results if isinstance(result, QuarantinedMessage)]

    @property
    def outcomes(self) -> Counter[str]:
        """How many messages came to which outcome, over all partitions."""
        return sum(self._outcomes.values(), Counter())

    @property
    def defects(self) -> int:
        """How many messages a bug or a corrupt stream kept from being taken."""
        return sum(each.reason == DEFECT for each in self.quarantined)

    def intake_events(self) -> list[NewEvent]:
        """One event a partition, so that offsets and quarantine are folds of the log."""
        return [self._intake_event(partition, claim) for partition, claim in self.kept.items()]

    def _intake_event(self, at: Partition, claim: OffsetClaim) -> NewEvent:
        digest = _digest(each.message for each in self.quarantined if each.message.partition == at)
        command = RecordIntake(
            at.cluster, at.topic, at.number, claim.old_offset, claim.next_offset, dict(self._outcomes[at]), digest
        )
        (event,) = intake.decide(Intake(next_offset=claim.old_offset), command)
        return NewEvent(intake_stream(at.cluster, at.topic, at.number), self._versions[at], event)


def _digest(messages: Iterable[Message]) -> str:
    """A digest of quarantined messages, empty for none: offset, key, value and headers of each, in order."""
    state = blake2b(digest_size=16)
    found = False
    for message in messages:
        found = True
        for part in (str(message.offset).encode(), message.key, message.value, *_flat(message)):
            state.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return state.hexdigest() if found else ""


def _flat(message: Message) -> list[bytes | None]:
    return [part for name, value in message.headers for part in (name.encode(), value)]
