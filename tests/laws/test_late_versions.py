"""A version published late: once everything is re-assessed, it is as if the version had been there from the start."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from domain import work_period
from domain.assessors import Assessors
from domain.gig import Gig
from domain.rule import ProgramVersion
from domain.work_period import AccrueGig, AdjustGig, Event, ReassessPeriod, ReverseGig, WorkPeriod, decider
from tests.support import history_strategies as reported
from tests.support import program_strategies as generated
from tests.support.gigs import assessors
from tests.support.naive_program import Lines, Work, disagreements
from tests.support.program_cases import PERIODS, searched


class Lateness(Struct, frozen=True):
    """A program before and after its second version, and what is done in one work period before that is published."""

    first: ProgramVersion
    second: ProgramVersion
    commands: list[Any]
    work: Work

    @property
    def before(self) -> Assessors:
        return assessors(self.first)

    @property
    def after(self) -> Assessors:
        return assessors(self.first, self.second)

    @property
    def period(self) -> str:
        return PERIODS[self.first.period]

    @property
    def reassess(self) -> ReassessPeriod:
        counted = {(platform_id, facts.gig_id): facts for platform_id, facts in self.work}
        return ReassessPeriod(counted, self.period, self.after)


@st.composite
def lateness(draw: st.DrawFn) -> Lateness:
    first, second = draw(generated.versions(2))
    second = structs.replace(second, effective_from=first.effective_from)
    platforms = reported.PLATFORMS if first.scope == "pooled" else ("uber",)
    under, period = assessors(first), PERIODS[first.period]
    counted: dict[tuple[str, str], Gig] = {}
    commands: list[Any] = []
    for revision in range(draw(st.integers(1, 9))):
        facts = structs.replace(draw(reported.gigs(first.currency)), revision=revision)
        key = (draw(st.sampled_from(platforms)), facts.gig_id)
        was = counted.pop(key, None)
        if was is not None and draw(st.booleans()):
            commands.append(ReverseGig(key[0], was, revision, was, "cancelled", period, under))
            continue
        counted[key] = facts
        if was is None:
            commands.append(AccrueGig(key[0], facts, period, under))
        else:
            commands.append(AdjustGig(key[0], facts, was, period, under))
    return Lateness(first, second, commands, [(platform_id, facts) for (platform_id, _), facts in counted.items()])


def carried_out(commands: list[Any]) -> tuple[list[Event], WorkPeriod]:
    """The events that commands lead to, and the state after them."""
    state, history = decider.initial, []
    for command in commands:
        events = decider.decide(state, command)
        history += events
        state = decider.fold(events, state)
    return history, state


def accrued(history: list[Event]) -> Lines:
    """What all lines add up to, without what is zero."""
    sums: Lines = {}
    for line in [line for event in history for line in event.lines]:
        key = (line.benefit, line.payer, line.platform_id)
        sums[key] = sums.get(key, 0) + line.amount_minor
    return {key: amount for key, amount in sums.items() if amount}


def uncapped(state: WorkPeriod) -> Lines:
    return {
        (line.benefit, line.payer, line.platform_id): (
            line.entitled_minor if line.uncapped_minor is None else line.uncapped_minor
        )
        for line in state.lines
    }


@searched(80)
@given(lateness())
def test_what_accrued_is_what_the_late_version_makes_of_the_gigs_that_count(late: Lateness) -> None:
    history, state = carried_out([*late.commands, late.reassess])
    version = late.second if late.work else late.first
    assert state.program_version == version.version
    assert disagreements(version, late.period, late.work, accrued(history), uncapped(state)) == []


@searched(40)
@given(lateness())
def test_re_assessing_equals_having_accrued_everything_under_the_late_version(late: Lateness) -> None:
    history, state = carried_out([*late.commands, late.reassess])
    afresh = [AccrueGig(platform_id, facts, late.period, late.after) for platform_id, facts in late.work]
    fresh_history, fresh = carried_out(afresh)
    assert set(state.totals) == set(fresh.totals)
    assert accrued(history) == accrued(fresh_history)
    always = [structs.replace(command, program=late.after) for command in late.commands]
    assert accrued(carried_out(always)[0]) == accrued(history)


@searched(40)
@given(lateness(), reported.works(least=1, most=1))
def test_re_assessing_again_does_nothing_and_the_next_gig_accrues_by_the_late_version(
    late: Lateness, another: Work
) -> None:
    _, state = carried_out([*late.commands, late.reassess])
    assert decider.decide(state, late.reassess) == []
    ((_, facts),) = another
    facts = structs.replace(facts, gig_id="trip-9", currency=late.first.currency)
    history, after = carried_out([*late.commands, late.reassess, AccrueGig("uber", facts, late.period, late.after)])
    assert after.program_version == late.second.version
    work = [*late.work, ("uber", facts)]
    assert disagreements(late.second, late.period, work, accrued(history), uncapped(after)) == []


@searched(40)
@given(lateness())
def test_the_gigs_that_count_are_a_fold_of_the_events(late: Lateness) -> None:
    history, _ = carried_out([*late.commands, late.reassess])
    assert work_period.counted(history) == late.reassess.counted
