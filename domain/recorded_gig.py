"""Gigs that no program takes: recorded, so that history is complete and a program joined later can find them.

States: one event for each reported revision; nothing is decided from them, so there is no state.
"""

from msgspec import Struct

from domain.decider import Decider
from domain.gig import Gig

# Commands


class RecordGig(Struct, frozen=True, gc=False):
    """Record a gig that no program takes."""

    platform_id: str
    gig: Gig
    cancelled: bool


# Events: these shapes are stored. Add, never change.


class GigRecorded(Struct, frozen=True, gc=False, omit_defaults=True):
    """A gig was reported, and no program took it."""

    platform_id: str
    gig: Gig
    cancelled: bool = False


# State


class RecordedGig(Struct, frozen=True, gc=False):
    """The latest recorded gig, so that a repeated command changes nothing."""

    latest: GigRecorded | None = None


initial = RecordedGig()


# Decide


def decide(state: RecordedGig, command: RecordGig) -> list[GigRecorded]:
    """The event that follows, none where it was the latest already."""
    event = GigRecorded(command.platform_id, command.gig, command.cancelled)
    return [] if state.latest == event else [event]


# Evolve


def evolve(state: RecordedGig, event: GigRecorded) -> RecordedGig:
    """The state after an event."""
    return RecordedGig(event)


decider = Decider(kind="work", initial=initial, decide=decide, evolve=evolve)
