"""What was taken from a Kafka partition is a fold of the log, so offsets are too."""

import pytest

from domain.intake import (
    Intake,
    IntakeRecorded,
    IntakeStarted,
    OffsetsTaken,
    RecordIntake,
    StartIntake,
    StartReason,
    decider,
)
from domain.rejections import InvariantBroken
from tests.support.scenario import Given

AT = ("kafka-1", "gigs.uber", 0)
STARTED = IntakeStarted(*AT, "id-1", 0, "new")
FIRST_BATCH = IntakeRecorded(*AT, 0, 100, {"new": 98, "duplicate": 1, "quarantined": 1}, "ab12")


def start(offset: int = 0, topic_id: str = "id-1", reason: StartReason = "new") -> StartIntake:
    return StartIntake(*AT, topic_id, offset, reason)


def batch(from_offset: int, to_offset: int) -> RecordIntake:
    return RecordIntake(*AT, from_offset, to_offset, {"new": to_offset - from_offset}, "")


# A partition not seen before


def test_a_partition_begins_at_the_offset_it_is_started_at() -> None:
    Given(decider).when(start()).then(STARTED)


# A started partition


def test_starting_twice_is_starting_once() -> None:
    Given(decider, STARTED).when(start()).then_nothing()


def test_a_batch_is_remembered_with_its_outcomes() -> None:
    command = RecordIntake(*AT, 0, 100, {"new": 98, "duplicate": 1, "quarantined": 1}, "ab12")
    Given(decider, STARTED).when(command).then(FIRST_BATCH)


def test_a_batch_may_begin_after_offsets_that_hold_no_message() -> None:
    Given(decider, STARTED).when(batch(3, 5)).then(IntakeRecorded(*AT, 3, 5, {"new": 2}))


def test_an_empty_batch_is_not_worth_an_event() -> None:
    Given(decider, STARTED).when(batch(3, 3)).then_nothing()


# A partition of which batches were taken


def test_the_same_batch_twice_is_taken_once() -> None:
    Given(decider, STARTED, FIRST_BATCH).when(batch(0, 100)).then_nothing()


def test_the_next_batch_begins_where_the_last_one_ended() -> None:
    Given(decider, STARTED, FIRST_BATCH).when(batch(100, 120)).then(IntakeRecorded(*AT, 100, 120, {"new": 20}))


def test_a_batch_that_overlaps_what_was_taken_is_refused() -> None:
    Given(decider, STARTED, FIRST_BATCH).when(batch(50, 150)).then_refused(OffsetsTaken, "taken up to 100")


def test_a_partition_cannot_be_started_anew_below_what_was_taken_of_the_same_topic() -> None:
    Given(decider, STARTED, FIRST_BATCH).when(start()).then_refused(OffsetsTaken, "taken up to 100")


def test_a_topic_that_was_made_anew_begins_at_its_beginning() -> None:
    restarted = IntakeStarted(*AT, "id-2", 0, "recreated")
    Given(decider, STARTED, FIRST_BATCH).when(start(topic_id="id-2", reason="recreated")).then(restarted)
    Given(decider, STARTED, FIRST_BATCH, restarted).when(batch(0, 7)).then(IntakeRecorded(*AT, 0, 7, {"new": 7}))


def test_an_operator_can_accept_that_offsets_are_gone() -> None:
    command = start(offset=500, reason="gap_accepted")
    Given(decider, STARTED, FIRST_BATCH).when(command).then(IntakeStarted(*AT, "id-1", 500, "gap_accepted"))


def test_the_offset_to_take_next_is_a_fold_of_the_events() -> None:
    assert decider.fold([]) == Intake(None, 0)
    assert decider.fold([STARTED, FIRST_BATCH]) == Intake("id-1", 100)


# A corrupt history


@pytest.mark.parametrize("span", [(0, 10), (99, 150), (200, 150)])
def test_offsets_that_were_taken_twice_stop_the_fold(span: tuple[int, int]) -> None:
    with pytest.raises(InvariantBroken):
        decider.fold([STARTED, FIRST_BATCH, IntakeRecorded(*AT, *span, {})])
