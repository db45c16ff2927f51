"""A decider: how one kind of stream decides and remembers.

`decide(state, command)` returns the events that follow from a command, none where the command was already carried
out, or raises `Rejected`. `evolve(state, event)` never refuses: on what cannot have happened it raises
`InvariantBroken`. Both are pure. After Jérémie Chassaing, "Functional Event Sourcing Decider".
"""

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Generic, TypeVar

from msgspec import Struct

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Decider(Struct, Generic[C, E, S], frozen=True):
    """The three functions of one kind of stream, and where it begins."""

    kind: str
    initial: S
    decide: Callable[[S, C], list[E]]
    evolve: Callable[[S, E], S]

    def fold(self, events: Iterable[E], state: S | None = None) -> S:
        """The state after `events`, beginning at `state` or at the initial one."""
        return reduce(self.evolve, events, self.initial if state is None else state)
