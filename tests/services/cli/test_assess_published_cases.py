"""The published worked examples through `benefits assess`: a file of gigs in, amounts to the cent out."""

import json
from collections import defaultdict
from typing import Any, Final

import pytest

from tests.services.cli.conftest import World
from tests.support.published_cases import CASES, PROGRAM_IDS, PublishedCase

Row = dict[str, Any]
KEYS: Final = ("worker_id", "platform_id", "program", "version", "period", "benefit", "payer", "currency")


class Assessed:
    """What the command said of each program's cases, all of them in one file and backwards."""

    def __init__(self, world: World) -> None:
        self.rows: list[Row] = []
        self.gig_rows: list[Row] = []
        for program_id in PROGRAM_IDS:
            lines = [line for case in CASES if case.program_id == program_id for line in reversed(case.lines)]
            asked = ["assess", "--program", program_id, "--gigs", "-"]
            self.rows += _rows(world.done(*asked, given="\n".join(lines)))
            self.gig_rows += _rows(world.done(*asked, "--per-gig", given="\n".join(lines)))

    def of(self, case: PublishedCase) -> list[Row]:
        """The rows of one case's worker."""
        return [row for row in self.rows if row["worker_id"] == case.worker_id]


def _rows(printed: str) -> list[Row]:
    return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    return Assessed(World(tmp_path_factory.mktemp("assess")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_a_published_case_is_assessed_to_the_cent(assessed: Assessed, case: PublishedCase) -> None:
    rows = assessed.of(case)
    assert {row["program"] for row in rows} == {case.program_id}
    for owed in case.owed:
        meant = [
            row
            for row in rows
            if row["platform_id"] == owed.platform_id
            and owed.payer in (None, row["payer"])
            and owed.benefit in (None, row["benefit"])
        ]
        assert sum(row["amount_minor"] for row in meant) == owed.amount_minor
        if owed.uncapped_minor is not None:
            assert sum(row["uncapped_amount_minor"] for row in meant) == owed.uncapped_minor
    if case.base_minor is not None:
        assert {row["base_minor"] for row in rows} == {case.base_minor}
    of_platforms = {(row["platform_id"], row["gigs"], row["engaged_seconds"]) for row in rows}
    assert sum(gigs for _, gigs, _ in of_platforms) == len(case.gigs)
    assert sum(seconds for _, _, seconds in of_platforms) == sum(facts.engaged_seconds for _, facts in case.gigs)


def test_what_single_gigs_move_adds_up_to_what_the_periods_come_to(assessed: Assessed) -> None:
    sums: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for row in assessed.gig_rows:
        sums[tuple(row[key] for key in KEYS)] += row["amount_minor"]
    of_periods = {tuple(row[key] for key in KEYS): row["amount_minor"] for row in assessed.rows}
    assert {key: amount for key, amount in sums.items() if amount} == {
        key: amount for key, amount in of_periods.items() if amount
    }
