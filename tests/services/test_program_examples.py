"""Examples stand where a program's rules turn, and are few."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from domain.rule import ProgramVersion
from services.program_examples import ROWS_MAX, Example, examples
from tests.support.gigs import shipped, versions
from tests.support.program_strategies import versions as generated


def _base(row: Example) -> Any:
    """A whole number where the base is one."""
    return row.base_minor


def _rule(amount: str, per: str = "period", **more: str) -> ProgramVersion:
    text = f"""
id = "sample"
version = 1
title = "A sample"
source = "invented"
currency = "USD"
period = "month"
time_zone = "America/New_York"
attribution_date = "completed_at"
effective_from = 2023-01-01
base = {more.get("base", '{ components = ["fare"] }')}

[[rules]]
amount = {amount}
when = {more.get("when", "{}")}
cap = {more.get("cap", "{}")}
rounding = {{ direction = "half_up", per = "{per}" }}
benefits = [{{ benefit = "retirement" }}]
"""
    return versions(text)[0]


def test_a_threshold_is_shown_on_both_sides() -> None:
    found = examples(shipped("stride-pennsylvania")[0])
    assert (found.period, found.measures) == ("2024-Q2", ("earned",))
    assert [(_base(row), row.total_minor) for row in found.rows] == [
        (999_99, 0),
        (1_000_00, 40_00),
        (1_234_56, 49_38),
    ]


def test_of_several_thresholds_each_is_shown_with_the_others_reached() -> None:
    rows = examples(shipped("stride-maryland")[0]).rows
    assert [(_base(row), row.work.gigs, row.total_minor) for row in rows] == [
        (999_99, 101, 0),
        (1_000_00, 101, 40_00),
        (1_234_56, 101, 49_38),
        (1_234_56, 100, 0),
    ]


def test_steps_of_hours_a_week_are_shown_to_the_second() -> None:
    found = examples(shipped("massachusetts-health-stipend")[0])
    assert found.measures == ("hours", "weekly")
    weekly = [row.work.engaged_seconds * 7 / 90 / 3600 for row in found.rows]
    assert [round(hours, 4) for hours in weekly] == [15, 15, 25, 25]
    assert [row.total_minor for row in found.rows] == [0, 537_00, 537_00, 1_074_00]


def test_a_cap_is_shown_below_at_and_above_it_and_for_each_class() -> None:
    rows = examples(shipped("karnataka-welfare-fee")[0]).rows
    two_wheeler = [row for row in rows if row.work.classes.vehicle == "two_wheeler"]
    assert [(_base(row), row.total_minor, row.uncapped_minor) for row in two_wheeler[:3]] == [
        (25_00, 25, 25),
        (50_00, 50, 50),
        (100_00, 50, 1_00),
    ]
    capped = {row.work.classes.vehicle: row.total_minor for row in rows[-4:]}
    assert capped == {"two_wheeler": 50, "three_wheeler": 75, "car": 1_00, "heavy": 1_50}


def test_the_lesser_of_two_is_shown_on_both_sides_of_where_they_meet() -> None:
    rows = examples(shipped("washington-hb2812")[0]).rows
    hour = [(_base(row), row.total_minor) for row in rows if row.work.engaged_seconds == 3_600]
    assert hour == [(6_67, 1_00), (13_34, 2_00), (26_68, 2_00), (34_20, 2_00)]


def test_a_deduction_is_taken_into_account_before_a_threshold() -> None:
    version = _rule('{ kind = "percent", rate = "10 %" }', base='{ components = ["fare"], deduction = "60 %" }',
                    when='{ base_above = "50.00" }')  # fmt: skip
    rows = examples(version).rows
    assert [(row.work.earned_minor, _base(row), row.total_minor) for row in rows[:2]] == [
        (125_00, 50_00, 0),
        (125_01, Fraction("5000.4"), 5_00),
    ]


def test_what_rules_do_not_look_at_is_no_measure() -> None:
    assert examples(_rule('{ kind = "fixed", amount = "5.00" }')).measures == ()
    assert examples(_rule('{ kind = "per_gig", amount = "5.00" }')).measures == ("gigs",)
    assert examples(_rule('{ kind = "per_hour", amount = "5.00" }', per="gig")).measures == ("hours",)


def test_classes_that_come_to_the_same_are_not_shown_twice() -> None:
    found = examples(shipped("cpf-platform-workers")[0])
    assert len(found.rows) == ROWS_MAX
    assert found.left_out > 0
    last = [(row.base_minor, tuple(row.due_minor.values())) for row in found.rows[-6:]]
    assert len(set(last)) == len(last)


@pytest.mark.parametrize("count", ["1000000000000000000", "0", "1"])
def test_numbers_of_gigs_may_be_as_large_or_small_as_a_rule_can_ask(count: str) -> None:
    amount = f'{{ kind = "steps", by = "gigs", steps = [{{ above = "{count[:15]}", amount = "1.00" }}] }}'
    rows = examples(_rule(amount)).rows
    assert {row.total_minor for row in rows} >= {1_00}


def test_many_steps_are_thinned_out_from_the_first_to_the_last() -> None:
    steps = ", ".join(f'{{ at_least = "{at}.00", amount = "{at}.00" }}' for at in range(1, 101))
    rows = examples(_rule(f'{{ kind = "steps", by = "base", steps = [{steps}] }}')).rows
    assert len(rows) == ROWS_MAX
    assert (rows[0].total_minor, rows[-1].total_minor) == (0, 100_00)


@settings(max_examples=200, deadline=None)
@given(generated())
def test_every_program_has_examples(program: tuple[ProgramVersion, ...]) -> None:
    for version in program:
        found = examples(version)
        assert 1 <= len(found.rows) <= ROWS_MAX
        assert len({row.work for row in found.rows}) == len(found.rows)
        assert all(row.total_minor >= 0 <= row.uncapped_minor for row in found.rows)
