"""`benefits demo`, run as a person runs it: every cent right, nothing left behind, and safe to repeat."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import pytest

from tests.support.repository import ROOT

SECONDS_MAX = 90


def started(temporary: Path, *arguments: str) -> subprocess.Popen[str]:
    """`benefits demo` on its way, with a temporary directory of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", "demo", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("BENEFITS_")}
        | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    out, err = process.communicate(timeout=SECONDS_MAX)
    return process.returncode, out, err


def found(temporary: Path, *arguments: str) -> dict[str, Any]:
    """The one object that `--json` prints, after a run that went well."""
    code, out, err = ended(started(temporary, "--json", *arguments))
    assert code == 0, err
    assert out.count("\n") == 1
    answer: dict[str, Any] = json.loads(out)
    return answer


def processes_about(folder: Path) -> list[str]:
    """Running processes that name a folder, on their command line or as where they are."""
    about = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if any(str(folder) in word for word in words):
            about.append(" ".join(words))
    return about


def cents(money: dict[str, Any]) -> int:
    assert money["currency"] == "USD"
    return int(money["amount_minor"])


def assert_everything_is_right(answer: dict[str, Any]) -> None:
    fund = answer["black_car_fund"]
    assert (fund["trips"], fund["equal"], fund["different"]) == (126, 126, [])
    assert answer["replay"]["equal"]
    assert answer["replay"]["differences"] == 0


def assert_accounts_equal_debts(answer: dict[str, Any]) -> None:
    """Sixty accounts, each the same by what it is for and by where it came from; together what platforms owe."""
    workers = answer["workers"]
    assert len(workers) == 60
    for worker in workers:
        total = cents(worker["total"])
        assert total == sum(cents(part["pending"]) for part in worker["benefits"])
        assert total == sum(cents(source["accrued"]) for source in worker["sources"])
        assert {"crosstown", "harbor"} < {source["platform_id"] for source in worker["sources"]}
    owed = sum(cents(debt["accrued"]) for debt in answer["platforms"])
    assert owed == sum(cents(worker["total"]) for worker in workers)
    assert {debt["platform_id"]: debt["trips"] for debt in answer["platforms"]} == {
        "crosstown": 752,
        "harbor": 727,
        "uber-nyc": 93,
        "lyft-nyc": 33,
    }


@pytest.mark.timeout(240)
def test_each_trip_is_right_to_the_cent_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    temporary, data = tmp_path / "t", tmp_path / "data"
    temporary.mkdir()

    first = found(temporary, "--data", str(data))
    assert_everything_is_right(first)
    assert_accounts_equal_debts(first)
    assert first["changed"]
    assert first["outcomes"] == {
        "new": 1606, "revised": 1, "cancelled": 1, "duplicate": 1, "stale": 1, "quarantined": 4
    }  # fmt: skip
    reasons = sorted((each["platform_id"], each["reason"]) for each in first["quarantine"])
    assert reasons == [
        ("crosstown", "malformed"),
        ("harbor", "conflict"),
        ("harbor", "malformed"),
        ("moonlight-cars", "unknown_platform"),
    ]
    (program,) = first["explained"]["programs"]
    assert sum(cents(line["amount"]) for line in program["lines"]) > 0
    assert "150.00" in program["arithmetic"][0]

    second = found(temporary, "--data", str(data))
    assert_everything_is_right(second)
    assert not second["changed"]
    assert second["outcomes"] == {
        "new": 0, "revised": 0, "cancelled": 0, "duplicate": 1607, "stale": 3, "quarantined": 4
    }  # fmt: skip
    assert [second[key] for key in ("workers", "platforms")] == [first[key] for key in ("workers", "platforms")]

    assert list(temporary.iterdir()) == []
    assert processes_about(tmp_path) == []


@pytest.mark.timeout(120)
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    process = started(tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if "sending" in line or "taking" in line:
            break
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    deadline = monotonic() + 5
    while processes_about(tmp_path) and monotonic() < deadline:
        sleep(0.1)
    assert processes_about(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
