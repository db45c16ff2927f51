"""What operators do to platforms and programs, whoever asks: the HTTP API and the command line share it.

Every operation is safe to repeat. What was carried out before changes nothing, blocks nobody and answers alike; what
changes something raises the configuration's epoch in the same transaction, so that no batch of gigs is decided by a
stale configuration.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain import platform, program
from domain.configuration import joinable
from domain.decider import Decider
from domain.identifiers import platform_stream, program_stream
from domain.period import PeriodKind, first_day
from domain.platform import (
    Command,
    JoinProgram,
    LeaveProgram,
    Platform,
    RegisterPlatform,
    ReinstatePlatform,
    SuspendPlatform,
)
from domain.program import Program, PublishProgram
from domain.recorded import Recorded
from domain.rejections import Conflict, Rejected, Unavailable, malformed
from domain.rule import ProgramVersion
from services.logs import logger
from services.ports import Log, LogTransaction, Topics

TOPIC_PREFIX: Final = "gigs."
#: How often a command is decided anew after somebody else wrote to its stream first.
ATTEMPTS: Final = 5
#: Who publishes the programs that come with the exchange.
SHIPPED: Final = "shipped"

log = logger(__name__)

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class TopicNotMade(Unavailable):
    """The platform is registered, and the broker could not make its topic yet."""

    code = "topic_not_made"


class Done(Struct, Generic[S], frozen=True):
    """What an operation came to: the state after it, whether it changed anything, and a position that shows it."""

    state: S
    changed: bool
    position: int


class By(Struct, frozen=True):
    """Who asks for an operation, and when."""

    actor: str
    at: datetime


class NewTopic(Struct, frozen=True):
    """How the topic of a new platform is made."""

    partitions: int = 4
    replication: int = 1


def register(exchange: Log, topics: Topics, new_topic: NewTopic, platform_id: str, name: str, by: By) -> Done[Platform]:
    """Register a platform and make its topic; raises `PlatformExists`, `TopicNotMade` or `Malformed`."""
    command = _checked(RegisterPlatform, platform_id=platform_id, name=name)
    done = _on_platform(exchange, platform_id, command, by)
    _make_topic(topics, new_topic, platform_id)
    return done


def join(exchange: Log, platform_id: str, program_id: str, effective_from: date, by: By) -> Done[Platform]:
    """Make a platform a member of a program; raises `ProgramNotFound`, `PlatformNotFound` or another `Rejected`."""
    kind = _period_kind(exchange, program_id)
    command = _checked(JoinProgram, program_id=program_id, period_kind=kind, effective_from=effective_from)
    return _on_platform(exchange, platform_id, command, by)


def leave(exchange: Log, platform_id: str, program_id: str, effective_until: date, by: By) -> Done[Platform]:
    """End a membership before a day; raises `PeriodHasAccruals` where gigs count in a later period."""
    kind = _period_kind(exchange, program_id)
    command = _checked(
        LeaveProgram, program_id=program_id, period_kind=kind, effective_until=effective_until, last_accrued=None
    )

    def knowing_accruals(transaction: LogTransaction) -> Command:
        # Under the raised epoch no batch can add a period behind our back.
        return replace(command, last_accrued=transaction.last_accrued(platform_id, program_id))

    return _on_platform(exchange, platform_id, command, by, knowing_accruals)


def suspend(exchange: Log, platform_id: str, reason: str, by: By) -> Done[Platform]:
    """Refuse what a platform reports from now on."""
    return _on_platform(exchange, platform_id, _checked(SuspendPlatform, reason=reason), by)


def reinstate(exchange: Log, platform_id: str, by: By) -> Done[Platform]:
    """Take what a platform reports again."""
    return _on_platform(exchange, platform_id, ReinstatePlatform(), by)


def publish(exchange: Log, version: ProgramVersion, by: By) -> Done[Program]:
    """Publish a program's version; raises `ProgramVersionExists`, `ProgramTermsFixed` or `Malformed`."""
    return _execute(exchange, program.decider, program_stream(version.id), PublishProgram(version), by)


def unpublished(exchange: Log, versions: Iterable[ProgramVersion]) -> list[ProgramVersion]:
    """Those versions that publishing would add to the log, in their order; raises as `publish` does."""
    states: dict[str, Program] = {}
    missing = []
    for version in versions:
        if version.id not in states:
            states[version.id] = _state(program.decider, exchange.stream(program_stream(version.id)))
        events = program.decide(states[version.id], PublishProgram(version))
        missing += [event.version for event in events]
        states[version.id] = program.decider.fold(events, states[version.id])
    return missing


def has_accruals_since(exchange: Log, version: ProgramVersion) -> bool:
    """Whether gigs count in the version's program in periods that begin with the version or later."""
    members = [
        platform_id
        for platform_id, state in exchange.configuration().platforms.items()
        if any(each.program_id == version.id for each in state.memberships)
    ]
    with exchange.transaction() as transaction:
        latest = [transaction.last_accrued(platform_id, version.id) for platform_id in members]
    return any(period is not None and first_day(period) >= version.effective_from for period in latest)


def publish_shipped(exchange: Log, versions: Iterable[ProgramVersion], at: datetime) -> list[ProgramVersion]:
    """Publish those versions whose numbers are not in the log yet, and return them.

    One that the log refuses is left out with a warning: a difference between file and log stops no exchange.
    """
    known = exchange.configuration().programs
    missing = [each for each in versions if known.get(each.id, program.initial).version(each.version) is None]
    published = []
    for version in missing:
        try:
            publish(exchange, version, By(SHIPPED, at))
            published.append(version)
        except Rejected as error:
            log.warning("program refused", program=version.id, version=version.version, reason=error.code)
    return published


def _period_kind(exchange: Log, program_id: str) -> PeriodKind:
    """The kind of period that all versions of a program have; raises `ProgramNotFound`."""
    history = exchange.stream(program_stream(program_id))
    return joinable(_state(program.decider, history), program_id).period


def _on_platform(
    exchange: Log,
    platform_id: str,
    command: Command,
    by: By,
    final: Callable[[LogTransaction], Command] | None = None,
) -> Done[Platform]:
    return _execute(exchange, platform.decider, platform_stream(platform_id), command, by, final)


def _execute(
    exchange: Log,
    decider: Decider[C, E, S],
    stream: str,
    command: C,
    by: By,
    final: Callable[[LogTransaction], C] | None = None,
) -> Done[S]:
    """Carry a command out; `final` makes the one that counts, from what only the transaction knows."""
    history = exchange.stream(stream)
    known = _state(decider, history)
    # Looking first, without a lock: a repetition or a refusal makes no batch wait and no ingest read anew.
    if not decider.decide(known, command):
        return Done(known, False, _position(history))
    for _ in range(ATTEMPTS):
        try:
            with exchange.transaction() as transaction:
                transaction.raise_epoch()
                decided = final(transaction) if final else command
                state, events = transaction.execute(decider, stream, decided, now=by.at, actor=by.actor)
        except Conflict:
            continue
        return Done(state, bool(events), _position(exchange.stream(stream)))
    raise Conflict(f"{stream} was written to {ATTEMPTS} times meanwhile: repeat the call")


def _make_topic(topics: Topics, new_topic: NewTopic, platform_id: str) -> None:
    name = TOPIC_PREFIX + platform_id
    try:
        topics.create_topic(name, new_topic.partitions, new_topic.replication)
    except Unavailable as error:
        raise TopicNotMade(
            f"platform {platform_id!r} is registered, but its topic {name} could not be made"
            f" ({error.detail}): repeat the call once the broker is back"
        ) from error


def _state(decider: Decider[C, E, S], history: list[Recorded]) -> S:
    return decider.fold(each.event for each in history)  # type: ignore[misc]


def _position(history: list[Recorded]) -> int:
    return history[-1].position if history else 0


def _checked(kind: type[C], **fields: Any) -> C:
    """A command whose fields keep to their types' bounds; raises `Malformed` naming the field."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise malformed(error) from None
