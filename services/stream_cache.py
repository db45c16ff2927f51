"""A bounded memory of where streams stand, so that a batch reads only the streams it has not met lately."""

from collections.abc import Iterable, Mapping

from domain.desk import Head
from domain.rejections import InvariantBroken


class StreamCache:
    """The heads of the streams met last; what is not here has to be read. Only what was committed may be learnt."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heads: dict[str, Head] = {}

    def known(self, streams: Iterable[str]) -> dict[str, Head | InvariantBroken]:
        """The heads of those that are remembered."""
        heads = self._heads
        return {stream: heads[stream] for stream in streams if stream in heads}

    def learn(self, heads: Mapping[str, Head | InvariantBroken]) -> None:
        """Remember heads as the latest met, and forget the oldest beyond the bound."""
        known = self._heads
        for stream, head in heads.items():
            if isinstance(head, Head):
                known.pop(stream, None)
                known[stream] = head
        while len(known) > self._size:
            del known[next(iter(known))]

    def forget(self, streams: Iterable[str]) -> None:
        """Read these anew next time."""
        for stream in streams:
            self._heads.pop(stream, None)
