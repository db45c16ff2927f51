"""What the platforms send: every trip once, and each kind of mishap in an order that cannot be mistaken."""

from collections import Counter

import msgspec

from domain.gig import Gig
from services.demo.deliveries import UNREGISTERED, deliveries
from services.demo.demonstration import recorded_trips
from services.demo.trips import PLATFORMS

TRIPS = recorded_trips()
SENT = deliveries(TRIPS)
MISHAPS = SENT[len(TRIPS) :]


def revisions(gig_id: str) -> list[int]:
    """The revisions of a gig in the order in which they are sent."""
    said = [
        msgspec.json.decode(each.message.data, type=Gig) for each in SENT if gig_id.encode() in each.message.data[:40]
    ]
    return [gig.revision for gig in said if gig.gig_id == gig_id]


def test_every_trip_is_sent_in_the_order_in_which_trips_ended() -> None:
    gigs = [msgspec.json.decode(each.message.data, type=Gig) for each in SENT[: len(TRIPS)]]
    assert {gig.gig_id for gig in gigs} == {trip.gig.gig_id for trip in TRIPS}
    assert [gig.completed_at for gig in gigs] == sorted(gig.completed_at for gig in gigs)


def test_the_same_trips_always_make_the_same_messages() -> None:
    assert deliveries(TRIPS) == SENT


def test_two_messages_come_twice_word_for_word_one_at_once_and_one_after_its_correction() -> None:
    twice = {each.message.event_id for each, count in Counter(SENT).items() if count == 2}
    assert twice == {"nyc-2023-001.0.completed", "nyc-2023-089.0.completed"}


def test_the_trip_with_the_greatest_toll_is_corrected_and_its_first_report_comes_again() -> None:
    assert revisions("nyc-2023-089") == [0, 1, 0]


def test_a_trip_booked_by_mistake_is_cancelled_by_its_next_revision() -> None:
    (cancelled,) = [each.message for each in SENT if each.message.cancelled]
    gig = msgspec.json.decode(cancelled.data, type=Gig)
    assert revisions(gig.gig_id) == [0, 1]


def test_only_the_unregistered_platform_is_unknown() -> None:
    assert {each.platform_id for each in SENT} == {each.platform_id for each in PLATFORMS} | {UNREGISTERED}


def test_a_workers_messages_carry_the_worker_as_their_key_so_that_they_keep_their_order() -> None:
    assert all(each.message.worker_id for each in MISHAPS)
