"""The laws that every decider passes: deterministic, safe to retry, closed, foldable by parts, balanced, storable."""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

import domain
from domain import intake, platform, program, recorded_gig, work_period
from domain.decider import Decider
from domain.gig import Gig
from domain.intake import RecordIntake, StartIntake
from domain.platform import JoinProgram, LeaveProgram, RegisterPlatform, ReinstatePlatform, SuspendPlatform
from domain.postings import postings
from domain.program import PublishProgram
from domain.recorded_gig import RecordGig
from domain.rejections import Malformed, Rejected
from domain.work_period import AccrueGig, AdjustGig, ReassessPeriod, ReverseGig
from infra.event_log.mapper import decode, encode, name_of
from tests.support.gigs import TENTH, THURSDAY, assessors, gig, shipped, versions

Commands = st.SearchStrategy[list[Any]]
AnyDecider = Decider[Any, Any, Any]

AT = datetime(2023, 7, 1, 12, 0, 0, 123_456, tzinfo=UTC)


# Commands of each decider

(FIRST,) = versions()
(SECOND,) = versions(version=2, effective_from=date(2023, 7, 1))
(OTHER_CONTENT,) = versions(title="A tithe")
(OTHER_CURRENCY,) = versions(version=3, currency="CAD")
(MALFORMED,) = versions(version=4, effective_from=date(2023, 7, 2))

publications = st.sampled_from([FIRST, SECOND, OTHER_CONTENT, OTHER_CURRENCY, MALFORMED]).map(PublishProgram)

programs = st.sampled_from(["tenth", "tenth", "tenth", "alia"])
spring = st.builds(date, st.just(2023), st.integers(1, 6), st.sampled_from([1, 1, 1, 2]))
autumn = st.builds(date, st.just(2023), st.integers(5, 10), st.sampled_from([1, 1, 1, 2]))
platform_commands = st.one_of(
    st.builds(RegisterPlatform, st.sampled_from(["uber", "uber", "pooled"]), st.sampled_from(["Uber", "Lyft"])),
    st.builds(JoinProgram, programs, st.just("month"), spring | autumn),
    st.builds(LeaveProgram, programs, st.just("month"), autumn, st.sampled_from([None, "2023-06"])),
    st.builds(SuspendPlatform, st.sampled_from(["overdue", "fraud"])),
    st.builds(ReinstatePlatform),
)
platform_histories = st.lists(platform_commands, max_size=14).flatmap(
    lambda commands: st.sampled_from([commands, [RegisterPlatform("uber", "Uber"), *commands]])
)

gigs = st.builds(
    gig,
    st.sampled_from(["trip-1", "trip-2"]),
    fare=st.integers(0, 200_00),
    revision=st.integers(0, 3),
    service=st.sampled_from([None, "ride"]),
    paid_at=st.sampled_from([None, THURSDAY]),
    distance_meters=st.none() | st.integers(0, 10**9),
)
records = st.builds(RecordGig, st.sampled_from(["uber", "lyft"]), gigs, st.booleans())

PARTITION = ("kafka-1", "gigs.uber", 0)
starts = st.builds(
    StartIntake,
    *map(st.just, PARTITION),
    st.sampled_from(["id-1", "id-2"]),
    st.integers(0, 20),
    st.sampled_from(["new", "recreated", "gap_accepted"]),
)
batches = st.builds(
    RecordIntake,
    *map(st.just, PARTITION),
    st.integers(0, 20),
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(["new", "stale"]), st.integers(0, 9)),
    st.sampled_from(["", "ab12"]),
)

POOLED = TENTH.replace('period = "month"', 'period = "month"\nscope = "pooled"').replace(
    'rate = "10 %"', 'rate = { by_vehicle_class = { car = "10 %", bike = "7.5 %" } }'
)
#: Programs as they are at first, and after a further version was published that holds from the beginning.
PROGRAMS = [
    (assessors(*first), assessors(*first, structs.replace(first[-1], version=9, rules=late.rules)))
    for first, late in (
        (shipped("black-car-fund"), versions(TENTH.replace("10 %", "12 %"))[0]),
        (shipped("demo-weekly"), shipped("black-car-fund")[0]),
        (versions(), shipped("demo-weekly")[0]),
        (versions(POOLED), versions(POOLED.replace("7.5 %", "20 %"))[0]),
    )
]


@st.composite
def period_commands(draw: st.DrawFn) -> list[Any]:
    """What may be asked of one work period: gigs that come, change, go, and come again, and a late version."""
    first, late = draw(st.sampled_from(PROGRAMS))
    under, period = first, _period(first)
    platforms = ["uber", "lyft"] if first.program.versions[0].scope == "pooled" else ["uber"]
    counted: dict[tuple[str, str], Gig] = {}
    commands: list[Any] = []
    for revision in range(draw(st.integers(1, 10))):
        if draw(st.integers(0, 5)) == 0:
            under = late
            commands.append(ReassessPeriod(dict(counted), period, under))
            continue
        facts = gig(
            draw(st.sampled_from(["trip-1", "trip-2", "trip-3"])),
            revision=revision,
            fare=draw(st.integers(0, 200_00)),
            vehicle_class=draw(st.sampled_from(["car", "bike"])),
        )
        key = (draw(st.sampled_from(platforms)), facts.gig_id)
        was = counted.pop(key, None)
        if draw(st.booleans()):
            reason: Any = draw(st.sampled_from(["cancelled", "moved"]))
            commands.append(ReverseGig(key[0], was or facts, revision, was, reason, period, under))
            continue
        counted[key] = facts
        if was is None:
            commands.append(AccrueGig(key[0], facts, period, under))
        else:
            commands.append(AdjustGig(key[0], facts, was, period, under))
    return commands


def _period(under: Any) -> str:
    return "2023-W26" if under.program.versions[0].period == "week" else "2023-06"


class Subject(Struct, frozen=True):
    """A decider and the histories of commands that it is tried with."""

    decider: AnyDecider
    histories: Commands


SUBJECTS = {
    "program": Subject(program.decider, st.lists(publications, max_size=8)),
    "platform": Subject(platform.decider, platform_histories),
    "work_period": Subject(work_period.decider, period_commands()),
    "recorded_gig": Subject(recorded_gig.decider, st.lists(records, max_size=8)),
    "intake": Subject(intake.decider, st.lists(starts | batches, max_size=10)),
}

every_decider = pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())
searched = settings(max_examples=120, deadline=None)


def _decided(decider: AnyDecider, state: Any, command: Any) -> list[Any] | str:
    """The events, or the code of the refusal. Nothing but `Rejected` and `Malformed` may be raised."""
    try:
        return decider.decide(state, command)
    except (Rejected, Malformed) as refusal:
        return refusal.code


def _steps(decider: AnyDecider, commands: list[Any]) -> Iterator[tuple[Any, Any, list[Any], Any]]:
    """For each command that was not refused: the state before, the command, its events and the state after."""
    state = decider.initial
    for command in commands:
        events = _decided(decider, state, command)
        if not isinstance(events, str):
            after = decider.fold(events, state)
            yield state, command, events, after
            state = after


def _history(subject: Subject, data: st.DataObject) -> list[Any]:
    """The events that a drawn history of commands leads to."""
    commands = data.draw(subject.histories)
    return [event for _, _, events, _ in _steps(subject.decider, commands) for event in events]


# The laws


@every_decider
@searched
@given(data=st.data())
def test_the_same_command_in_the_same_state_is_decided_the_same(subject: Subject, data: st.DataObject) -> None:
    state = subject.decider.initial
    for command in data.draw(subject.histories):
        first = _decided(subject.decider, state, command)
        assert _decided(subject.decider, state, command) == first
        state = state if isinstance(first, str) else subject.decider.fold(first, state)


@every_decider
@searched
@given(data=st.data())
def test_a_command_decided_again_right_away_yields_nothing(subject: Subject, data: st.DataObject) -> None:
    for _, command, _, after in _steps(subject.decider, data.draw(subject.histories)):
        assert subject.decider.decide(after, command) == []


@every_decider
@searched
@given(data=st.data())
def test_whatever_is_decided_can_be_folded(subject: Subject, data: st.DataObject) -> None:
    """`_steps` folds what it decides; the history as a whole folds to the same state."""
    decided = list(_steps(subject.decider, data.draw(subject.histories)))
    history = [event for _, _, events, _ in decided for event in events]
    last = decided[-1][3] if decided else subject.decider.initial
    assert subject.decider.fold(history) == last


@every_decider
@searched
@given(data=st.data())
def test_a_history_folds_by_parts_as_it_folds_whole(subject: Subject, data: st.DataObject) -> None:
    history = _history(subject, data)
    whole = subject.decider.fold(history)
    for cut in range(len(history) + 1):
        assert subject.decider.fold(history[cut:], subject.decider.fold(history[:cut])) == whole


@every_decider
@searched
@given(data=st.data())
def test_the_postings_of_every_event_balance_in_each_currency(subject: Subject, data: st.DataObject) -> None:
    for event in _history(subject, data):
        sums: defaultdict[str, int] = defaultdict(int)
        for posting in postings(event):
            sums[posting.currency] += posting.amount_minor
        assert not any(sums.values())


@every_decider
@searched
@given(data=st.data())
def test_every_event_is_the_same_after_it_was_stored(subject: Subject, data: st.DataObject) -> None:
    for event in _history(subject, data):
        stored = encode(event, AT, "operator-1")
        read = decode(name_of(event), stored, "here")
        assert (type(read.event), read.event, read.recorded_at, read.actor) == (type(event), event, AT, "operator-1")
        assert encode(read.event, read.recorded_at, read.actor) == stored


# The histories above are worth something


@every_decider
def test_the_histories_hold_every_kind_of_event(subject: Subject) -> None:
    """Otherwise a law would hold of events that nobody tried."""
    wanted = set(_event_types(subject.decider))
    seen: set[type] = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(commands=subject.histories)
    def search(commands: list[Any]) -> None:
        seen.update(type(event) for _, _, events, _ in _steps(subject.decider, commands) for event in events)

    search()
    assert seen == wanted


def _event_types(decider: AnyDecider) -> Iterator[type]:
    """The events of a decider, as its `evolve` declares them."""
    annotation = decider.evolve.__annotations__["event"]
    yield from getattr(annotation, "__args__", (annotation,))


def test_every_decider_of_the_domain_is_tried() -> None:
    found: dict[int, str] = {}
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Decider):
                found[id(value)] = f"{module.name}.{name}"
    tried = {id(subject.decider) for subject in SUBJECTS.values()}
    assert [name for decider, name in found.items() if decider not in tried] == []
    assert tried <= found.keys()


def test_the_histories_of_work_periods_hold_late_versions_and_platforms_that_share_a_period() -> None:
    seen: set[str] = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(commands=period_commands())
    def search(commands: list[Any]) -> None:
        for _, _, events, _ in _steps(work_period.decider, commands):
            seen.update("late version" for event in events if work_period.is_about_all(event))
            seen.update("shared" for event in events if len({cell.platform_id for cell in event.totals}) > 1)

    search()
    assert seen == {"late version", "shared"}
