"""What the platforms send: every trip, and among them what goes wrong on any day.

One trip is delivered twice, one is corrected and its first report comes again late, one is booked by mistake and
cancelled. Four messages cannot be taken: one is cut off, one counts in dollars, one contradicts what was reported, and
one comes from a platform that nobody registered.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.gig import Gig
from domain.money import written
from services.demo.trips import CROSSTOWN, HARBOR, Trip
from services.publish import Outgoing

#: Sends gigs to the exchange without being known to it.
UNREGISTERED: Final = "moonlight-cars"


class Delivery(Struct, frozen=True):
    """One message of one platform."""

    platform_id: str
    message: Outgoing


def deliveries(trips: Sequence[Trip]) -> list[Delivery]:
    """All messages, each platform's in the order in which its trips ended, mishaps last.

    What concerns one trip keeps its order on the way, because a worker's messages share a partition.
    """
    corrected = _corrected(trips)
    first_reports = [_first_report(trip) if trip is corrected else trip for trip in trips]
    ordered = sorted(first_reports, key=lambda trip: trip.gig.completed_at)
    return [*[_completed(trip.platform_id, trip.gig) for trip in ordered], *_mishaps(trips, corrected)]


def _mishaps(trips: Sequence[Trip], corrected: Trip) -> list[Delivery]:
    black_car = [trip for trip in trips if trip.surcharge_minor is not None and trip is not corrected]
    crosstown = [trip for trip in trips if trip.platform_id == CROSSTOWN.platform_id]
    harbor = [trip for trip in trips if trip.platform_id == HARBOR.platform_id]
    return [
        _completed(black_car[0].platform_id, black_car[0].gig),
        _completed(corrected.platform_id, replace(corrected.gig, revision=1)),
        _completed(corrected.platform_id, _first_report(corrected).gig),
        *_booked_by_mistake(crosstown[-1]),
        _cut_off(harbor[-1]),
        _in_dollars(crosstown[0]),
        _contradicting(harbor[0]),
        _completed(UNREGISTERED, replace(crosstown[-1].gig, gig_id="moonlight-1")),
    ]


def _corrected(trips: Sequence[Trip]) -> Trip:
    """The trip with the greatest toll."""
    return max(trips, key=lambda trip: trip.gig.earnings.get("toll", 0))


def _first_report(corrected: Trip) -> Trip:
    """The toll was not known yet."""
    gig = corrected.gig
    return replace(corrected, gig=replace(gig, earnings=gig.earnings | {"toll": 0}))


def _completed(platform_id: str, gig: Gig) -> Delivery:
    return _delivery(platform_id, gig, msgspec.json.encode(gig))


def _delivery(platform_id: str, gig: Gig, data: bytes, *, cancelled: bool = False) -> Delivery:
    what = "cancelled" if cancelled else "completed"
    return Delivery(platform_id, Outgoing(gig.worker_id, f"{gig.gig_id}.{gig.revision}.{what}", cancelled, data))


def _booked_by_mistake(trip: Trip) -> list[Delivery]:
    """The same trip under another id, and the correction of the mistake."""
    gig = replace(trip.gig, gig_id=f"{trip.gig.gig_id}-again")
    corrected = replace(gig, revision=1)
    cancelled = _delivery(trip.platform_id, corrected, msgspec.json.encode(corrected), cancelled=True)
    return [_completed(trip.platform_id, gig), cancelled]


def _cut_off(trip: Trip) -> Delivery:
    gig = replace(trip.gig, gig_id=f"{trip.gig.gig_id}-cut")
    whole = msgspec.json.encode(gig)
    return _delivery(trip.platform_id, gig, whole[: len(whole) // 2])


def _in_dollars(trip: Trip) -> Delivery:
    """Money as 50.35 where 5035 is meant: no ledger should guess."""
    gig = replace(trip.gig, gig_id=f"{trip.gig.gig_id}-dollars")
    dollars = {"fare": msgspec.Raw(written(gig.earnings["fare"], gig.currency).encode())}
    said = msgspec.json.encode(msgspec.to_builtins(gig) | {"earnings": dollars})
    return _delivery(trip.platform_id, gig, said)


def _contradicting(trip: Trip) -> Delivery:
    """A dollar more for a trip that was reported before, without saying that it is a correction."""
    earnings = trip.gig.earnings | {"fare": trip.gig.earnings["fare"] + 100}
    return _completed(trip.platform_id, replace(trip.gig, earnings=earnings))
