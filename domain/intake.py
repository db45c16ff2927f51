"""Intake: what was taken from one Kafka partition, batch by batch, so that offsets are a fold of the log too.

States: unknown → started → (started again, where the topic or the broker is a new one).
Invariants: offsets never go back within one topic unless an operator accepts it; each message was counted under
exactly one outcome.
"""

from typing import Literal

from msgspec import Struct

from domain.decider import Decider
from domain.rejections import InvariantBroken, Rejected

StartReason = Literal["new", "recreated", "gap_accepted"]

# Commands


class StartIntake(Struct, frozen=True):
    """Begin to take a partition at an offset; `topic_id` tells a re-created topic from the one before it."""

    cluster: str
    topic: str
    partition: int
    topic_id: str
    offset: int
    reason: StartReason


class RecordIntake(Struct, frozen=True):
    """Remember a batch: offsets `from_offset` (inclusive) to `to_offset` (exclusive)."""

    cluster: str
    topic: str
    partition: int
    from_offset: int
    to_offset: int
    outcomes: dict[str, int]
    quarantined_digest: str


Command = StartIntake | RecordIntake

# Events: these shapes are stored. Add, never change.


class IntakeStarted(Struct, frozen=True):
    """The partition is taken from `offset` on."""

    cluster: str
    topic: str
    partition: int
    topic_id: str
    offset: int
    reason: StartReason


class IntakeRecorded(Struct, frozen=True, omit_defaults=True):
    """A batch was taken: how many messages came to which outcome, and a digest of those in quarantine."""

    cluster: str
    topic: str
    partition: int
    from_offset: int
    to_offset: int
    outcomes: dict[str, int]
    quarantined_digest: str = ""


Event = IntakeStarted | IntakeRecorded

# Rejections


class OffsetsTaken(Rejected):
    """Part of these offsets was taken before."""

    code = "offsets_taken"


# State


class Intake(Struct, frozen=True):
    """Which topic this is, and the offset to take next."""

    topic_id: str | None = None
    next_offset: int = 0


initial = Intake()


# Decide


def decide(state: Intake, command: Command) -> list[Event]:
    """The events that follow from a command; raises `Rejected`."""
    match command:
        case StartIntake():
            return _start(state, command)
        case RecordIntake():
            return _record(state, command)


def _start(state: Intake, command: StartIntake) -> list[Event]:
    if (state.topic_id, state.next_offset) == (command.topic_id, command.offset):
        return []
    goes_back = state.topic_id == command.topic_id and command.offset < state.next_offset
    if goes_back and command.reason == "new":
        raise OffsetsTaken(f"{command.topic}/{command.partition} was taken up to {state.next_offset}")
    return [
        IntakeStarted(
            command.cluster, command.topic, command.partition, command.topic_id, command.offset, command.reason
        )
    ]


def _record(state: Intake, command: RecordIntake) -> list[Event]:
    if command.to_offset <= max(state.next_offset, command.from_offset):
        return []
    if command.from_offset < state.next_offset:
        raise OffsetsTaken(f"{command.topic}/{command.partition} was taken up to {state.next_offset}")
    return [
        IntakeRecorded(
            command.cluster,
            command.topic,
            command.partition,
            command.from_offset,
            command.to_offset,
            command.outcomes,
            command.quarantined_digest,
        )
    ]


# Evolve


def evolve(state: Intake, event: Event) -> Intake:
    """The state after an event."""
    match event:
        case IntakeStarted():
            return Intake(event.topic_id, event.offset)
        case IntakeRecorded():
            if event.from_offset < state.next_offset or event.to_offset < event.from_offset:
                raise InvariantBroken(f"{event.topic}/{event.partition} was taken twice at {event.from_offset}")
            return Intake(state.topic_id, event.to_offset)


decider = Decider(kind="intake", initial=initial, decide=decide, evolve=evolve)
