"""A scene in which something comes late: helpers that publish, join, take gigs, do the job, and audit the whole log."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from domain import totals
from domain.assessment import Assessor
from domain.gig import Gig
from domain.recorded import NewEvent, Recorded
from domain.rule import ProgramVersion
from domain.work_period import Contribution, counted
from projections import worker_balance
from services import operations
from services.effect import Moved
from services.reassess import Reassess
from tests.support.gigs import NOW, gig
from tests.support.late_versions import FIRST, POOLED
from tests.support.memory_exchange import registry_of
from tests.support.scene import BY, Scene

JANUARY: Final = date(2023, 1, 1)


@contextmanager
def late_scene(database: str, folder: Path) -> Iterator[Scene]:
    """Two platforms, of which one counts a tenth of the fare from January on; nothing is due."""
    with closing(Scene(database, folder)) as scene:
        publish(scene, *FIRST, *POOLED)
        scene.register("uber", tenth=JANUARY)
        scene.register("lyft")
        job(scene).all_due()
        yield scene


def publish(scene: Scene, *versions: ProgramVersion) -> None:
    """Publish these versions, in this order."""
    for version in versions:
        operations.publish(scene.log, version, BY)


def join(scene: Scene, platform_id: str, program_id: str, since: date = JANUARY) -> None:
    """Make a platform a member, back-dated."""
    operations.join(scene.log, platform_id, program_id, since, BY)


def job(scene: Scene, clock: Callable[[], datetime] = lambda: NOW) -> Reassess:
    """A re-assessment job."""
    return Reassess(scene.log, scene.reads, clock)


def take(scene: Scene, *gigs: Gig, platform_id: str = "uber", cancelled: bool = False) -> None:
    """Report gigs and take them in."""
    scene.gigs.report(platform_id, *gigs, cancelled=cancelled)
    scene.ingest()


def fleet(workers: int, *, gigs_each: int = 1, **fields: Any) -> list[Gig]:
    """Gigs of many workers, 10.00 and half an hour each."""
    facts: dict[str, Any] = {"engaged_seconds": 1_800, **fields}
    return [
        gig(f"trip-{worker}-{number}", worker_id=f"w-{worker}", **facts)
        for number in range(gigs_each)
        for worker in range(workers)
    ]


def events(scene: Scene, after: int = 0) -> list[Recorded]:
    """The log after a position."""
    found: list[Recorded] = []
    while page := scene.log.after(found[-1].position if found else after, 10_000):
        found += page
    return found


def audit(scene: Scene) -> None:
    """All lines of a work period add up to what its gigs are entitled to by the version in force.

    And the registry is what the log folds to.
    """
    now, streams = scene.log.configuration(), defaultdict(list)
    for each in events(scene):
        streams[each.stream].append(each.event)
    for stream, history in streams.items():
        if isinstance(latest := history[-1], Contribution):
            in_force = now.assessors(latest.program_id).in_force(latest.period)
            assert not latest.totals or latest.program_version == in_force.version.version, stream
            assert _accrued(history) == _entitled(in_force, latest, history), stream
    log = [NewEvent(each.stream, each.version, each.event) for each in events(scene)]
    with scene.log.transaction() as transaction:
        assert transaction.registered(registry_of(log)) == registry_of(log)


def _accrued(history: list[object]) -> dict[tuple[str, str, str], int]:
    sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for event in history:
        assert isinstance(event, Contribution)
        for line in event.lines:
            sums[line.benefit, line.payer, line.platform_id] += line.amount_minor
    return {key: amount for key, amount in sums.items() if amount}


def _entitled(by: Assessor, latest: Contribution, history: list[object]) -> dict[tuple[str, str, str], int]:
    sums: totals.Totals = ()
    for (platform_id, _), facts in counted(history).items():
        sums = totals.plus(sums, by.measure(facts, platform_id))
    found = by.entitlement(sums, latest.period, latest.platform_id)
    return {(each.benefit, each.payer, each.platform_id): each.amount_minor for each in found if each.amount_minor}


def pending_minor(scene: Scene, worker_id: str = "w-1") -> int:
    """What a worker has coming, over all benefits."""
    scene.project()
    _, rows = scene.reads.rows(worker_balance.view, {"worker_id": worker_id})
    return sum(pending for (pending,) in rows.values())


def usd(net: int, plus: int, minus: int = 0) -> dict[str, Moved]:
    """Money of one currency, as an effect tells it."""
    return {"USD": Moved(net, plus, minus)}
