"""The report is a pure function of what was found; `findings.json` and `report.txt` were recorded from a run.

After a change that is meant: `python -m tests.services.demo.test_report` writes `report.txt` anew, to be read.
"""

from datetime import date
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from domain.money import Money
from services.demo.findings import BlackCarFund, ComparedTrip, Findings, ReplayCheck
from services.demo.report import report

HERE = Path(__file__).parent
RECORDED = msgspec.json.decode((HERE / "findings.json").read_bytes(), type=Findings)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def printed(found: Findings, width: int = 100) -> str:
    """The report as it is printed where there is no terminal."""
    out = StringIO()
    Console(file=out, width=width, highlight=False).print(report(found))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def with_a_difference() -> Findings:
    trip = ComparedTrip("uber-nyc", "t-1", date(2023, 2, 3), usd(1050), "3 %", usd(31), usd(32))
    return replace(RECORDED, black_car_fund=BlackCarFund(126, 125, [trip], []))


def test_what_was_found_is_told_in_these_words() -> None:
    assert printed(RECORDED) == (HERE / "report.txt").read_text("utf-8")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_line_is_wider_than_the_page_and_nothing_is_cut_off(width: int) -> None:
    text = printed(RECORDED, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_without_a_terminal_there_are_no_colours() -> None:
    assert "\x1b" not in printed(with_a_difference())


def test_a_trip_that_differs_is_shown_with_what_was_computed_and_what_was_booked() -> None:
    text = printed(with_a_difference())
    assert "✗ 1 of 126 trips differ from what was booked" in text
    (row,) = [line.split() for line in text.splitlines() if "t-1" in line]
    assert row == ["t-1", "Uber", "2023-02-03", "10.50", "3", "%", "0.31", "0.32"]
    assert not with_a_difference().is_right


def test_views_that_differ_from_the_log_are_called_so() -> None:
    found = replace(RECORDED, replay=ReplayCheck(False, 9, 9, {"worker_balance": 1}, 2))
    assert "views differ from the log in 2 rows" in printed(found)
    assert not found.is_right


def test_a_second_run_says_that_nothing_has_changed() -> None:
    words = "Everything was known already: no account and no debt has changed by a cent."
    assert words in printed(replace(RECORDED, changed=False))
    assert words not in printed(RECORDED)


if __name__ == "__main__":
    (HERE / "report.txt").write_text(printed(RECORDED), "utf-8")
