"""Gigs that no program takes are recorded, so that history is complete."""

from domain.recorded_gig import GigRecorded, RecordGig, decider
from tests.support.gigs import gig
from tests.support.scenario import Given

FIRST = gig("trip-1")
REVISED = gig("trip-1", revision=1, fare=12_00)


def test_a_gig_that_no_program_takes_is_recorded() -> None:
    Given(decider).when(RecordGig("uber", FIRST, cancelled=False)).then(GigRecorded("uber", FIRST))


def test_a_cancelled_gig_is_recorded_as_cancelled() -> None:
    Given(decider).when(RecordGig("uber", FIRST, cancelled=True)).then(GigRecorded("uber", FIRST, cancelled=True))


def test_the_same_record_twice_is_one() -> None:
    Given(decider, GigRecorded("uber", FIRST)).when(RecordGig("uber", FIRST, cancelled=False)).then_nothing()


def test_each_revision_is_recorded() -> None:
    recorded = Given(decider, GigRecorded("uber", FIRST))
    recorded.when(RecordGig("uber", REVISED, cancelled=False)).then(GigRecorded("uber", REVISED))
    recorded.when(RecordGig("uber", gig("trip-2"), cancelled=False)).then(GigRecorded("uber", gig("trip-2")))
