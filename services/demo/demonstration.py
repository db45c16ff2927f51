"""The demonstration itself: register four platforms, send their trips, wait until all is told, and look.

Everything goes the way that production takes: CloudEvents through the broker, ingest, the log, the projector.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.resources import files
from time import monotonic, sleep
from typing import Final

from domain.intake import IntakeRecorded
from domain.message import Quarantined
from domain.recorded import Recorded
from domain.rejections import Unavailable
from projections.catalogue import VIEWS
from services import operations
from services.composition import Exchange, now
from services.demo import reckoning
from services.demo.deliveries import UNREGISTERED, Delivery, deliveries
from services.demo.findings import Findings
from services.demo.trips import PLATFORMS, Trip, black_car_trips, rows, shift_trips
from services.explanation import explain
from services.operations import TOPIC_PREFIX, By
from services.replay import replay

#: Events or messages read at a time.
BATCH: Final = 5_000
#: How long the exchange may stand still before we stop waiting for it.
PATIENCE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.05

#: Told what is being done, how much of it is done, and how much there is to do.
Told = Callable[[str, int, int], None]


class StoodStill(Unavailable):
    """The exchange does not take what was sent, or the views do not follow the log."""

    code = "stood_still"


def demonstrate(exchange: Exchange, told: Told, started_at: float) -> Findings:
    """Send all trips through a running exchange and say what became of them; `started_at` is of the monotonic clock.

    Safe to repeat on the same exchange: then everything is a duplicate and no view changes.
    """
    trips = recorded_trips()
    _register(exchange)
    _wait_for_views(exchange, told)
    _, before = exchange.views.snapshot(VIEWS)
    position, last_refused = exchange.log.head(), _last_refused(exchange)
    sent = deliveries(trips)
    _send(exchange, sent, told)
    _wait_until_taken(exchange, position, len(sent), told)
    _wait_for_views(exchange, told)
    found = replay(exchange.log, exchange.views, lambda reached, total: told("replaying the log", reached, total))
    _, after = exchange.views.snapshot(VIEWS)
    events = _events(exchange, 0)
    configuration = exchange.log.configuration()
    workers = reckoning.accounts(after, events)
    return Findings(
        messages=len(sent),
        changed=before != after,
        black_car_fund=reckoning.compared(trips, events, configuration),
        workers=workers,
        platforms=reckoning.debts(after, events, configuration),
        explained=reckoning.explained(explain(exchange.reads, *reckoning.worth_explaining(workers[0], events))),
        quarantine=reckoning.refused(_refused_after(exchange, last_refused)),
        outcomes=reckoning.outcomes(each for each in events if each.position > position),
        replay=reckoning.checked(found),
        seconds=round(monotonic() - started_at, 1),
    )


def recorded_trips() -> list[Trip]:
    """All trips that come with the demonstration; the drivers of the shifts drove the Black Car trips too."""
    data = files("services.demo") / "data"
    shifts = shift_trips(rows((data / "nyc_driver_shifts.csv").read_text("utf-8")))
    worker_ids = list(dict.fromkeys(trip.gig.worker_id for trip in shifts))
    return [*black_car_trips(rows((data / "nyc_hvfhv_2023.csv").read_text("utf-8")), worker_ids), *shifts]


def _register(exchange: Exchange) -> None:
    by = By("demo", now())
    for each in PLATFORMS:
        operations.register(exchange.log, exchange.topics, exchange.new_topic, each.platform_id, each.name, by)
        operations.join(exchange.log, each.platform_id, each.program_id, each.since, by)
    new = exchange.new_topic
    exchange.topics.create_topic(TOPIC_PREFIX + UNREGISTERED, new.partitions, new.replication)


def _send(exchange: Exchange, sent: Sequence[Delivery], told: Told) -> None:
    with ExitStack() as stack:
        platform_ids = dict.fromkeys(delivery.platform_id for delivery in sent)
        sinks = {platform_id: stack.enter_context(exchange.sink(platform_id)) for platform_id in platform_ids}
        for count, delivery in enumerate(sent):
            told("sending trips", count, len(sent))
            # No topic gets more than the embedded broker keeps, so there is no need to wait for room.
            sinks[delivery.platform_id].send(delivery.message)


def _wait_until_taken(exchange: Exchange, position: int, sent: int, told: Told) -> None:
    """Return once the log has counted as many messages as were sent."""
    patience = Patience("messages were taken")
    taken = 0
    while taken < sent:
        told("taking them in", taken, sent)
        events = exchange.log.after(position, BATCH)
        for recorded in events:
            position = recorded.position
            if isinstance(recorded.event, IntakeRecorded):
                taken += sum(recorded.event.outcomes.values())
        patience.see(taken, sent)


def _wait_for_views(exchange: Exchange, told: Told) -> None:
    """Return once all views stand where the log ends."""
    patience = Patience("positions were folded into the views")
    head = exchange.log.head()
    while (reached := min(exchange.reads.position(view) for view in VIEWS)) < head:
        told("bringing the views up to date", reached, head)
        patience.see(reached, head)


class Patience:
    """Pauses between looks, and ends the waiting where nothing has moved for too long."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen = -1
        self._deadline = 0.0

    def see(self, reached: int, total: int) -> None:
        """Pause; raises `StoodStill`."""
        if reached != self._seen:
            self._seen, self._deadline = reached, monotonic() + PATIENCE_SECONDS
        elif monotonic() > self._deadline:
            raise StoodStill(f"{reached} of {total} {self._what}, and nothing moves any more")
        sleep(PAUSE_SECONDS)


def _events(exchange: Exchange, position: int) -> list[Recorded]:
    events: list[Recorded] = []
    while batch := exchange.log.after(events[-1].position if events else position, BATCH):
        events += batch
    return events


def _last_refused(exchange: Exchange) -> int:
    return max((each.quarantine_id for each in _refused_after(exchange, 0)), default=0)


def _refused_after(exchange: Exchange, number: int) -> list[Quarantined]:
    """The messages that came into quarantine after this number."""
    found: list[Quarantined] = []
    while batch := exchange.reads.quarantine(after=found[-1].quarantine_id if found else number):
        found += batch
    return found
