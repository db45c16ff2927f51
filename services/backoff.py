"""Waiting longer after each failure in a row, and waking at once when told to stop."""

from random import random
from threading import Event as Flag

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0


class Backoff:
    """Doubles with each failure up to a bound, with jitter so that processes do not return in step."""

    def __init__(self, stop: Flag) -> None:
        self._stop = stop
        self.delay = FIRST_SECONDS

    def wait(self) -> None:
        """Wait, unless stopped, and wait longer next time."""
        self._stop.wait(self.delay * (0.5 + random() / 2))
        self.delay = min(self.delay * 2, LONGEST_SECONDS)

    def succeeded(self) -> None:
        """Begin anew."""
        self.delay = FIRST_SECONDS
