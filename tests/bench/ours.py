"""The exchange itself: gigs in Kafka, `benefits ingest` and `benefits project` as they are run, PostgreSQL.

The gigs are published first; the clock runs from the moment at which ingest takes its partitions over, right before
the first poll that may bring gigs, until the last row of the views is committed.
"""

from contextlib import ExitStack

import orjson
from msgspec import Struct

from tests.bench.deployment import Deployment, Process, wait_until


class Run(Struct, frozen=True):
    """One run over gigs that stood in Kafka; processor time in seconds, over all ingest processes."""

    gigs: int
    seconds: float
    ingest_cpu_seconds: float
    projector_cpu_seconds: float
    database_cpu_seconds: float
    ingest_rss_bytes_max: int
    batch_seconds: list[float]

    @property
    def gigs_per_second(self) -> float:
        """The figure."""
        return self.gigs / self.seconds


def run(exchange: Deployment, gigs: int, ingesters: int = 1) -> Run:
    """Take these gigs from Kafka into the views; raises where one is missing, refused or doubled."""
    with ExitStack() as children:
        projector = children.enter_context(exchange.process("project"))
        takers = [children.enter_context(exchange.process("ingest")) for _ in range(ingesters)]
        all_children = [projector, *takers]
        begun = wait_until(exchange.is_assigned, *all_children, pause_seconds=0.005)
        before = _spent(exchange, projector, takers)
        wait_until(lambda: exchange.taken() >= gigs, *all_children, pause_seconds=0.1)
        ended = wait_until(exchange.is_settled, *all_children, pause_seconds=0.01)
        after = _spent(exchange, projector, takers)
    exchange.check(gigs)
    ingest, project, database = [later - sooner for later, sooner in zip(after, before, strict=True)]
    return Run(
        gigs,
        ended - begun,
        ingest,
        project,
        database,
        max(taker.rss_bytes_max for taker in takers),
        [seconds for taker in takers for seconds in _batches(taker)],
    )


def _spent(exchange: Deployment, projector: Process, takers: list[Process]) -> tuple[float, float, float]:
    return (
        sum(taker.cpu_seconds for taker in takers),
        projector.cpu_seconds,
        exchange.servers.database_cpu_seconds(),
    )


def _batches(taker: Process) -> list[float]:
    """How long each batch was in its transaction, as ingest says in its log."""
    lines = [orjson.loads(line) for line in taker.log.read_bytes().splitlines() if line.startswith(b"{")]
    return [line["seconds"] for line in lines if line["event"] == "batch"]
