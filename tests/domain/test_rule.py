"""A program as written is a value: what was written is what is stored."""

from typing import Any

import msgspec
import pytest

from domain.assessment import check
from domain.rejections import Malformed
from domain.rule import FIXED_KEYS, Percent, ProgramVersion, Rule, Step, Steps, Sum
from tests.support.gigs import PROGRAMS, shipped, versions

SHIPPED = sorted(path.stem for path in PROGRAMS.glob("*.toml"))


@pytest.mark.parametrize("program_id", SHIPPED)
def test_every_shipped_program_can_be_carried_out(program_id: str) -> None:
    for version in shipped(program_id):
        check(version)


@pytest.mark.parametrize("program_id", SHIPPED)
def test_a_program_is_the_same_after_it_was_stored(program_id: str) -> None:
    for version in shipped(program_id):
        assert msgspec.json.decode(msgspec.json.encode(version), type=ProgramVersion) == version


def _amount(version: ProgramVersion) -> Percent:
    amount = version.rules[0].amount
    assert isinstance(amount, Percent)
    return amount


def test_decimals_are_stored_as_they_were_written() -> None:
    rates = [amount.rate for amount in map(_amount, shipped("soka-bau"))]
    assert rates == ["14.30 %", "15.30 %", "15.10 %", "14.50 %", "15.40 %", "15.20 %"]


def test_what_is_fixed_for_a_program_are_keys_of_a_program() -> None:
    assert set(FIXED_KEYS) == {"currency", "period", "time_zone", "scope", "attribution_date"}
    assert set(FIXED_KEYS) <= set(ProgramVersion.__struct_fields__)


def test_a_stored_program_with_a_key_that_nobody_knows_is_refused_rather_than_half_understood() -> None:
    (version,) = versions()
    stored = msgspec.to_builtins(version) | {"colour": "green"}
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert(stored, ProgramVersion, strict=False)


def test_a_program_made_in_code_is_checked_like_one_from_a_file() -> None:
    (version,) = versions(time_zone="Mars/Olympus")
    with pytest.raises(Malformed) as refusal:
        check(version)
    assert refusal.value.key == "time_zone"


# Shapes


TENTH = {"kind": "percent", "rate": "10 %"}


def rule(amount: Any = TENTH, **keys: Any) -> Rule:
    """A rule as it stands in a program file."""
    written = {
        "amount": amount,
        "rounding": {"direction": "half_up", "per": "period"},
        "benefits": [{"benefit": "health"}],
    }
    return msgspec.convert(written | keys, Rule)


def test_an_amount_is_made_of_what_is_rounded_unless_the_rule_says_otherwise() -> None:
    by_gig = {"direction": "half_up", "per": "gig"}
    assert [rule().is_per_gig, rule(rounding=by_gig).is_per_gig] == [False, True]
    assert [rule(per="gig").is_per_gig, rule(per="period").is_per_gig] == [True, False]


def test_amounts_are_told_apart_by_their_kind() -> None:
    nested = {
        "kind": "steps",
        "by": "gigs",
        "steps": [{"at_least": "1", "amount": {"kind": "sum", "of": [TENTH, TENTH]}}],
    }
    assert rule(nested).amount == Steps("gigs", (Step(Sum((Percent("10 %"), Percent("10 %"))), at_least="1"),))


@pytest.mark.parametrize(
    "amount",
    [
        {"rate": "10 %"},
        {"kind": "tithe", "rate": "10 %"},
        {"kind": "percent", "rate": "10 %", "of": "base"},
        {"kind": "percent", "rate": 10},
        {"kind": "percent", "rate": {"by_colour": {"red": "10 %"}}},
        {"kind": "percent", "rate": {"by_vehicle_class": {"a car": "10 %"}}},
        {"kind": "steps", "by": "gigs", "steps": []},
        {"kind": "steps", "by": "tips", "steps": [{"at_least": "1", "amount": "1.00"}]},
        {"kind": "fixed", "amount": 5.0},
    ],
)
def test_what_has_no_such_shape_is_refused(amount: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rule(amount)


@pytest.mark.parametrize("weight", [-1, 10**6 + 1, "1", 1.5, True, {"by_worker_class": {"old": -1}}])
def test_a_weight_is_a_whole_number(weight: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        rule(benefits=[{"benefit": "health", "weight": weight}])
