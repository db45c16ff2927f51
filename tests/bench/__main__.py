"""`python -m tests.bench`: every measurement on one machine in one run; a table, and `bench.json`.

`QUICK=1` takes fewer gigs and finishes in about three minutes. Ours and the bare limit run in turn, because a machine
that does other things as well slows both; each figure is the median of its runs.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import bare_limit, fold, gigs, latency, ours, stock
from tests.bench.deployment import deployed, deployed_with
from tests.bench.fold import Folded
from tests.bench.servers import Servers, machine, servers
from tests.support.repository import ROOT

QUICK = bool(os.environ.get("QUICK"))
GIGS = 80_000 if QUICK else 300_000
WORKERS = 20_000
ROUNDS = 2 if QUICK else 3
STOCK_GIGS = 500 if QUICK else 2_000
DISTINCT_WORKERS = 100_000 if QUICK else 1_000_000
LATENCY_SECONDS = 10 if QUICK else 30
MIB = 2**20

Figures = dict[str, Any]


def main() -> None:
    """Measure, show, write."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        with servers(folder) as at:
            told = machine(at)
            console.print(told)
            figures: Figures = {"machine": told, "gigs": GIGS, "workers": WORKERS}
            figures |= _throughput(at, folder, console)
            figures |= _pooled(at, folder, console)
            figures |= _memory(at, folder, console)
            figures |= _latency(at, folder, console)
    (ROOT / "bench.json").write_text(json.dumps(figures, indent=2) + "\n")
    console.print(_table(figures))


def _throughput(at: Servers, folder: Path, console: Console) -> Figures:
    runs: list[ours.Run] = []
    folds: list[Folded] = []
    bare: list[float] = []
    alone: list[float] = []
    with gigs.published(at.broker, "acme", GIGS, WORKERS), bare_limit.published(at.broker, GIGS, WORKERS):
        for number in range(1, ROUNDS + 1):
            with deployed(at, "acme", folder) as exchange:
                run = ours.run(exchange, GIGS)
                folds.append(fold.measure(exchange.exchange))
            runs.append(run)
            bare.append(bare_limit.run(at, GIGS))
            # As many gigs a worker as the other two have.
            alone.append(stock.run(at, STOCK_GIGS, STOCK_GIGS * WORKERS // GIGS))
            console.print(f"round {number}: ours {run.gigs_per_second:,.0f}, bare limit {bare[-1]:,.0f} gigs/s")
        with deployed(at, "acme", folder) as exchange:
            two = ours.run(exchange, GIGS, ingesters=2).gigs_per_second
    rate = median(run.gigs_per_second for run in runs)
    return {
        "ours": rate,
        "ours_all": [run.gigs_per_second for run in runs],
        "bare_limit": median(bare),
        "bare_limit_all": bare,
        "stock": median(alone),
        "stock_all": alone,
        "two_ingesters": two,
        "ratio_to_bare_limit": median(run.gigs_per_second / limit for run, limit in zip(runs, bare, strict=True)),
        "ratio_to_stock": rate / median(alone),
        "fold_projector": median(each.projector for each in folds),
        "fold_pure": median(each.pure for each in folds),
        **_costs(runs),
    }


def _costs(runs: list[ours.Run]) -> Figures:
    batches = sorted(seconds for run in runs for seconds in run.batch_seconds)
    return {
        "ingest_cpu_us": median(run.ingest_cpu_seconds / run.gigs * 1e6 for run in runs),
        "projector_cpu_us": median(run.projector_cpu_seconds / run.gigs * 1e6 for run in runs),
        "database_cpu_us": median(run.database_cpu_seconds / run.gigs * 1e6 for run in runs),
        "batch_ms_p50": _quantile(batches, 0.5) * 1e3,
        "batch_ms_p99": _quantile(batches, 0.99) * 1e3,
        "ingest_rss_mib": max(run.ingest_rss_bytes_max for run in runs) / MIB,
    }


def _pooled(at: Servers, folder: Path, console: Console) -> Figures:
    """Two ingest processes of two platforms that share their workers: by themselves, and in one pooled program.

    The second topic has half as many partitions, so that half of the workers are met by both processes.
    """
    found: dict[bool, list[float]] = {False: [], True: []}
    half = GIGS // 2
    with (
        gigs.published(at.broker, "north", half, WORKERS),
        gigs.published(at.broker, "south", half, WORKERS, gigs.PARTITIONS // 2),
    ):
        for number in range(1, ROUNDS + 1):
            for is_pooled, runs in found.items():
                with deployed_with(at, ["north", "south"], folder, pooled=is_pooled) as exchange:
                    runs.append(ours.run(exchange, 2 * half, ingesters=2).gigs_per_second)
            console.print(f"round {number}: apart {found[False][-1]:,.0f}, pooled {found[True][-1]:,.0f} gigs/s")
    return {
        "two_platforms": median(found[False]),
        "two_platforms_pooled": median(found[True]),
        "ratio_pooled": median(pooled / apart for apart, pooled in zip(*found.values(), strict=True)),
    }


def _memory(at: Servers, folder: Path, console: Console) -> Figures:
    with gigs.published(at.broker, "crowd", DISTINCT_WORKERS, DISTINCT_WORKERS), deployed(at, "crowd", folder) as it:
        run = ours.run(it, DISTINCT_WORKERS)
    mib = run.ingest_rss_bytes_max / MIB
    console.print(f"{DISTINCT_WORKERS:,} workers: ingest {mib:.0f} MiB, {run.gigs_per_second:,.0f} gigs/s")
    return {"distinct_workers": DISTINCT_WORKERS, "ingest_rss_mib_distinct": mib, "ours_distinct": run.gigs_per_second}


def _latency(at: Servers, folder: Path, console: Console) -> Figures:
    with deployed(at, "steady", folder) as exchange:
        seconds = latency.measure(exchange, at.broker, "steady", LATENCY_SECONDS)
    console.print(f"{len(seconds):,} gigs at {latency.RATE:,}/s")
    return {
        "visible_ms_p50": _quantile(seconds, 0.5) * 1e3,
        "visible_ms_p99": _quantile(seconds, 0.99) * 1e3,
        "visible_ms_max": seconds[-1] * 1e3,
    }


def _quantile(ordered: list[float], part: float) -> float:
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def _table(found: Figures) -> Table:
    table = Table("measurement", "figure", "target", title="Gigs from Kafka to the views")
    for row in _rows(found):
        table.add_row(*row)
    return table


def _rows(found: Figures) -> Iterable[tuple[str, str, str]]:
    rate = "{:,.0f} gigs/s".format
    yield "ours", f"{rate(found['ours'])} ({_span(found['ours_all'])})", "10,000"
    yield "bare limit", f"{rate(found['bare_limit'])} ({_span(found['bare_limit_all'])})", ""
    yield "ours / bare limit", f"{found['ratio_to_bare_limit']:.2f}", "0.50"
    yield "stock", f"{rate(found['stock'])} ({_span(found['stock_all'])})", ""
    yield "ours / stock", f"{found['ratio_to_stock']:.0f}", "60"
    yield "two ingest processes", rate(found["two_ingesters"]), ""
    yield "the same, two platforms", rate(found["two_platforms"]), ""
    yield "the same, pooled", rate(found["two_platforms_pooled"]), ""
    yield "pooled / apart", f"{found['ratio_pooled']:.2f}", "0.50"
    cpu = "ingest {ingest_cpu_us:.0f}, projector {projector_cpu_us:.0f}, PostgreSQL {database_cpu_us:.0f} µs"
    yield "processor time per gig", cpu.format(**found), ""
    yield "batch p50 / p99", f"{found['batch_ms_p50']:.0f} / {found['batch_ms_p99']:.0f} ms", ""
    yield "ingest memory", f"{found['ingest_rss_mib']:.0f} MiB", "400"
    crowd = f"ingest memory, {found['distinct_workers']:,} workers"
    yield crowd, f"{found['ingest_rss_mib_distinct']:.0f} MiB", "400"
    yield "projector", f"{found['fold_projector']:,.0f} events/s", "40,000"
    yield "fold alone", f"{found['fold_pure']:,.0f} events/s", ""
    seen = f"{found['visible_ms_p50']:.0f} / {found['visible_ms_p99']:.0f} / {found['visible_ms_max']:.0f} ms"
    yield f"visible at {latency.RATE:,}/s, p50 / p99 / max", seen, "p99 500"


def _span(values: list[float]) -> str:
    return f"{min(values):,.0f}-{max(values):,.0f}"


if __name__ == "__main__":
    main()
