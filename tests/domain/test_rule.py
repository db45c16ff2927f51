"""A program as written is a value: what was written is what is stored."""

import msgspec
import pytest

from domain.rejections import Malformed
from domain.rule import FIXED_KEYS, ProgramVersion, check
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


def test_decimals_are_stored_as_they_were_written() -> None:
    rates = [version.rules[0].amount.rate for version in shipped("soka-bau")]
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
