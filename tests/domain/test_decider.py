"""A decider is three functions and a beginning; folding its events yields its state."""

from domain.decider import Decider


def _decide(state: int, command: int) -> list[int]:
    return [command - state] if command > state else []


counter: Decider[int, int, int] = Decider(
    kind="counter", initial=0, decide=_decide, evolve=lambda state, event: state + event
)


def test_a_fold_without_events_is_the_beginning() -> None:
    assert counter.fold([]) == 0


def test_a_fold_begins_at_the_initial_state_or_at_the_one_it_is_given() -> None:
    assert counter.fold([1, 2, 3]) == 6
    assert counter.fold([3], 0) == 3
    assert counter.fold([3], counter.fold([1, 2])) == 6


def test_a_command_that_was_carried_out_yields_nothing() -> None:
    assert counter.decide(counter.fold([5]), 5) == []
