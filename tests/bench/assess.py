"""`python -m tests.bench.assess`: how long `benefits assess` takes from its start to its end, and what it needs."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from subprocess import DEVNULL, Popen
from time import perf_counter

import msgspec
from msgspec import Struct

from tests.support.repository import ROOT

GIGS = 100_000
WORKERS = 2_000
PLATFORMS = ("acme", "bolt", "crew")
MIB = 2**20
#: Program, where its gigs are done, of what kind, and in what month.
PROGRAMS = (
    ("stride-pennsylvania", "US-PA", "delivery", "2024-05"),
    ("black-car-fund", "US-NY", "ride", "2023-06"),
    ("massachusetts-health-stipend", "US-MA", "ride", "2025-05"),
)


class Assessed(Struct, frozen=True):
    """One run: seconds on the clock, and the most memory that it held."""

    seconds: float
    rss_bytes_max: int


def main() -> None:
    """Measure, and print a line for each run."""
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        file = Path(name) / "gigs.jsonl"
        for program_id, jurisdiction, service, month in PROGRAMS:
            file.write_bytes(b"\n".join(lines(jurisdiction, service, month)))
            for options in ([], ["--per-gig"]):
                found = measure(program_id, file, *options)
                what = " ".join([program_id, *options])
                print(f"{what:40} {found.seconds:5.2f} s {found.rss_bytes_max / MIB:5.0f} MiB for {GIGS:,} gigs")


def lines(jurisdiction: str, service: str, month: str) -> Iterator[bytes]:
    """As many gigs, of many workers on a few platforms."""
    random = Random(7)
    for number in range(GIGS):
        yield msgspec.json.encode(
            {
                "gig_id": f"g{number:012d}",
                "revision": 0,
                "worker_id": f"w-{random.randrange(WORKERS):08d}",
                "platform_id": random.choice(PLATFORMS),
                "completed_at": f"{month}-{random.randrange(1, 29):02d}T12:18:22-04:00",
                "engaged_seconds": random.randrange(300, 20_000),
                "currency": "USD",
                "earnings": {"fare": random.randrange(500, 6_000), "tip": 300, "toll": 0, "airport_fee": 0},
                "service": service,
                "vehicle_class": "car",
                "worker_class": "default",
                "jurisdiction": jurisdiction,
            }
        )


def measure(program_id: str, file: Path, *options: str) -> Assessed:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "services.cli", "assess", "--program", program_id, "--gigs", str(file), *options]
    began = perf_counter()
    with Popen(command, cwd=ROOT, stdout=DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    # Linux counts in KiB.
    return Assessed(perf_counter() - began, used.ru_maxrss * 1024)


if __name__ == "__main__":
    main()
