"""Given events, when a command, then events or a refusal: specifications of any decider."""

from typing import Generic, TypeVar

from domain.decider import Decider
from domain.rejections import ExchangeError

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Given(Generic[C, E, S]):
    """A stream that holds these events."""

    def __init__(self, decider: Decider[C, E, S], *events: E) -> None:
        self._decider = decider
        self.state = decider.fold(events)

    def and_then(self, *commands: C) -> "Given[C, E, S]":
        """The same stream after further commands were carried out."""
        after = Given(self._decider)
        after.state = self.state
        for command in commands:
            after.state = self._decider.fold(self._decider.decide(after.state, command), after.state)
        return after

    def when(self, command: C) -> "Outcome[E]":
        """What a command comes to; its events are folded as well, so that none is impossible."""
        try:
            events = self._decider.decide(self.state, command)
        except ExchangeError as refusal:
            return Outcome([], refusal)
        self._decider.fold(events, self.state)
        return Outcome(events, None)


class Outcome(Generic[E]):
    """What a command came to."""

    def __init__(self, events: list[E], refusal: ExchangeError | None) -> None:
        self.events = events
        self.refusal = refusal

    def then(self, *expected: E) -> None:
        """These events follow, and no other."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events == list(expected)

    def then_nothing(self) -> None:
        """The command had been carried out already."""
        self.then()

    def then_refused(self, kind: type[ExchangeError], *words: str) -> None:
        """The command is refused for this reason, in a sentence that holds these words."""
        assert type(self.refusal) is kind, f"expected {kind.__name__}, got {self.refusal!r} and {self.events}"
        assert [word for word in words if word not in str(self.refusal)] == []
