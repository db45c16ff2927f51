"""The same gigs one by one on the library's own path: get an aggregate, decide, save it.

One aggregate for each work period, decided by the same program; the library's recorder on tables of its own in the
same PostgreSQL, fsync on. No Kafka, no registry, no views: only what a transaction for each gig costs.
"""

from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4, uuid5

import orjson
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from domain import program_file, totals
from domain.assessment import Assessor
from domain.totals import Cell
from tests.bench.gigs import message
from tests.bench.servers import Servers
from tests.support.repository import ROOT

PERIOD = UUID("00000000-0000-0000-0000-000000002023")


class Period(Aggregate):
    """A worker's gigs in one period: totals and what they entitle to."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.base_minor = self.engaged_seconds = self.gigs = 0
        self.entitled: dict[str, int] = {}
        self.latest_gig_id = ""

    @staticmethod
    def create_id(worker_id: str) -> UUID:
        """One aggregate a worker."""
        return uuid5(PERIOD, worker_id)

    @event("ContributionAccrued")
    def accrue(self, gig: dict[str, Any], base_minor: int, entitled: dict[str, int]) -> None:
        """Remember a gig, with its full facts, and what is due after it."""
        self.base_minor += base_minor
        self.engaged_seconds += gig["engaged_seconds"]
        self.gigs += 1
        self.latest_gig_id = gig["gig_id"]
        self.entitled = entitled


def run(at: Servers, gigs: int, workers: int) -> float:
    """Gigs per second; each run begins with workers of its own, whose aggregates are empty."""
    crowd = uuid4().hex[:8]
    assessor = Assessor(_program("demo-weekly"))
    random = Random(7)
    with Application[UUID](env=_environment(at)) as application:
        began = perf_counter()
        for number in range(gigs):
            worker_id = f"w-{crowd}-{random.randrange(workers):08d}"
            value, _ = message("acme", worker_id, number, random.randrange(500, 6_000))
            _take(application, assessor, orjson.loads(value))
        return gigs / (perf_counter() - began)


def _take(app: Application[UUID], assessor: Assessor, gig: dict[str, Any]) -> None:
    worker_id, base_minor = gig["worker_id"], gig["earnings"]["fare"]
    try:
        period: Period = app.repository.get(Period.create_id(worker_id))
    except AggregateNotFoundError:
        period = Period(worker_id)
    before = Cell(period.gigs, period.base_minor, period.engaged_seconds)
    after = totals.plus((before,), Cell(1, base_minor, gig["engaged_seconds"]))
    entitled = {each.benefit: each.amount_minor for each in assessor.entitlement(after, "2023-W26", "acme")}
    period.accrue(gig, base_minor, entitled)
    app.save(period)


def _program(program_id: str) -> Any:
    text = Path(ROOT, "domain", "programs", f"{program_id}.toml").read_text()
    return program_file.read(text)[0]


def _environment(at: Servers) -> dict[str, str]:
    parts = conninfo_to_dict(at.dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts["port"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts.get("password") or ""),
    }
