"""What the README of programs tells people to write is a program, and it names all there is to write."""

import json
import re
import tomllib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest

from domain import gig as gigs
from domain import program_file, rule
from domain.assessors import Assessors
from domain.rounding import DIRECTIONS
from domain.totals import Totals, plus
from tests.support.gigs import PROGRAMS, gig, published, versions

README: Final = (PROGRAMS / "README.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
WHOLE: Final = [block for block in BLOCKS if re.search(r"^id = ", block, re.MULTILINE)]
#: These stand for the same keys of the first program.
PARTS: Final = [block for block in BLOCKS if block not in WHOLE]
KINDS: Final = re.findall(r"`(\{ kind = .*?\})` \|", README)
#: Lines between the first headings: the title, and what each cookbook entry promises.
ENTRIES: Final = re.findall(r"^\*\*.*?\*\*[^\n]*\n[^`]*?\n```toml$", README, re.MULTILINE)


def first(**keys: Any) -> dict[str, Any]:
    """The first program of the README, with other keys in place of its own."""
    return tomllib.loads(WHOLE[0]) | keys


@pytest.mark.parametrize("block", WHOLE, ids=lambda block: str(block.partition("\n")[0]))
def test_a_whole_program_can_be_carried_out(block: str) -> None:
    assert program_file.read(block)


@pytest.mark.parametrize("block", PARTS, ids=lambda block: str(BLOCKS.index(block)))
def test_a_recipe_can_be_carried_out_in_the_first_program(block: str) -> None:
    assert program_file.version(first(**tomllib.loads(block))).rules


@pytest.mark.parametrize("amount", KINDS)
def test_an_example_of_an_amount_can_be_carried_out(amount: str) -> None:
    (first_rule,) = first()["rules"]
    assert program_file.version(first(rules=[first_rule | tomllib.loads(f"amount = {amount}")])).rules


def test_there_is_a_recipe_for_each_rule_that_a_real_program_needs() -> None:
    assert len(PARTS) == len(ENTRIES) >= 12


def test_every_kind_of_amount_has_an_example() -> None:
    of_kinds = {each.__struct_config__.tag for each in rule.Amount.__args__}
    assert {re.findall(r'kind = "(\w+)"', each)[0] for each in KINDS} == of_kinds


def test_every_key_and_direction_is_named() -> None:
    shapes = [each for each in vars(rule).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    keys = {field.encode_name for shape in shapes for field in msgspec.structs.fields(shape)}
    named = set(re.findall(r"\w+", "\n".join([*re.findall(r"`[^`\n]+`", README), *BLOCKS])))
    assert (keys | set(DIRECTIONS)) - named == set()


def test_its_gig_is_one_that_platforms_can_report() -> None:
    ((line,),) = [block.splitlines() for block in re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
    data = json.loads(line)
    assert data.pop("platform_id") == "harbor"
    said = gigs.report("harbor", json.dumps(data).encode(), cancelled=False, now=datetime(2024, 12, 31, tzinfo=UTC))
    assert said.gig.earnings == {"fare": 25_50, "tip": 3_00}


# The program that combines many kinds of rules


def compact(*deliveries: dict[str, Any]) -> dict[tuple[str, str], int]:
    """What deliveries of February 2025 come to by the last program, for each benefit and payer."""
    program = Assessors(published(*versions(WHOLE[-1])))
    assessor = program.in_force("2025-02")
    totals: Totals = ()
    for facts in deliveries:
        totals = plus(totals, assessor.measure(gig(currency="EUR", **facts)))
    return {(each.benefit, each.payer): each.amount_minor for each in assessor.entitlement(totals, "2025-02", "p")}


def test_the_program_of_many_kinds_comes_to_what_its_comments_say() -> None:
    # 4 weeks: 40 hours are ten a week. By bicycle 10 % go off: 20 times 22.50 are 450.00 net.
    bicycle = {"earnings": {"fare": 25_00, "tip": 9_99}, "engaged_seconds": 7_200, "vehicle_class": "bicycle"}
    # 6 % of 22.50 are 1.35, two hours 3.60, the cap for bicycles 0.60: 12.00, of which 8.00 and 4.00.
    assert compact(*[bicycle] * 20) == {
        # 3 % of 450.00 are 13.50, half of it 6.75.
        ("retirement", "platform"): 8_00 + 7_50,
        ("paid_leave", "platform"): 4_00,
        ("health", "platform"): 25_00,
        ("retirement", "worker"): 6_00,
    }


def test_the_program_of_many_kinds_keeps_to_each_threshold() -> None:
    car = {"earnings": {"fare": 30_00}, "engaged_seconds": 1_200, "vehicle_class": "car"}
    # By car 18.00 net: 6 % are 1.08, 20 minutes 0.60; 19 deliveries make 342.00 net in 6 hours and 20 minutes.
    assert compact(*[car] * 19) == {
        ("retirement", "platform"): 7_60,
        ("paid_leave", "platform"): 3_80,
        ("health", "platform"): 0,
        ("retirement", "worker"): 0,
    }
