"""Programs of every kind, generated: what they make of gigs is what a naive oracle makes of them, to the cent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from domain import program_file, rule
from domain.assessment import Assessor, check
from domain.program import ProgramPublished
from domain.rounding import DIRECTIONS, Direction, rounded
from domain.rule import Limit, ProgramVersion, Rounding, When
from domain.totals import minus, plus
from infra.event_log.mapper import decode, encode, name_of
from tests.support import history_strategies as reported
from tests.support import program_strategies as generated
from tests.support.gigs import PROGRAMS
from tests.support.naive_program import disagreements
from tests.support.program_cases import Case, cases, entitled, of_rules, searched, totals
from tests.support.program_text import program_file as written

AT: Final = datetime(2023, 7, 1, tzinfo=UTC)
SHIPPED: Final = sorted(path.stem for path in PROGRAMS.glob("*.toml"))


# The oracle agrees


@searched(250)
@given(cases())
def test_a_program_makes_of_gigs_what_the_oracle_makes_of_them(case: Case) -> None:
    found = entitled(case)
    amounts = {(each.benefit, each.payer, each.platform_id): each.amount_minor for each in found}
    uncapped = {(each.benefit, each.payer, each.platform_id): each.uncapped_minor for each in found}
    assert len(amounts) == len(found)
    assert disagreements(case.version, case.period, case.work, amounts, uncapped) == []


@searched(60)
@given(cases(), st.data())
def test_in_which_order_gigs_count_changes_nothing(case: Case, data: st.DataObject) -> None:
    other = Case(case.version, data.draw(st.permutations(case.work)))
    assert entitled(other) == entitled(case)


@searched(60)
@given(cases(), st.data())
def test_a_gig_that_came_and_went_leaves_nothing_behind(case: Case, data: st.DataObject) -> None:
    assessor = Assessor(case.version)
    (platform_id, facts), *_ = data.draw(reported.works(case.version.currency, least=1, most=1))
    before = totals(assessor, case.work)
    cell = assessor.measure(facts, platform_id)
    assert minus(plus(before, cell), cell) == before


# What amounts are


@searched(60)
@given(cases())
def test_caps_only_lower_what_a_rule_comes_to_and_nothing_falls_below_zero(case: Case) -> None:
    """Of a single line this need not hold: the last benefit of a split can have less of a greater amount."""
    for _, amount, uncapped in of_rules(case):
        assert 0 <= amount <= uncapped
    for each in entitled(case):
        assert min(each.amount_minor, each.uncapped_minor) >= 0


@searched(60)
@given(cases(), st.sampled_from(DIRECTIONS))
def test_a_rule_per_gig_that_rounds_per_period_rounds_the_exact_sum_once(case: Case, direction: Direction) -> None:
    rounding = Rounding(direction, "period")
    rules = tuple(
        [
            structs.replace(each, per="gig", rounding=rounding, when=When(), cap=Limit(), floor=Limit())
            for each in case.version.rules
            if each.is_per_gig
        ]
    )
    if not rules:
        return
    summed = Case(structs.replace(case.version, rules=rules), case.work)
    for at, (summing, amount, uncapped) in enumerate(of_rules(summed)):
        assert amount == uncapped == rounded(sum(_each_alone(summed, at), Fraction()), summing.direction)


def _each_alone(case: Case, at: int) -> Iterator[Fraction]:
    """What a rule per gig makes of each gig, before anything is rounded."""
    assessor = Assessor(case.version)
    for platform_id, facts in case.work:
        cell = assessor.measure(facts, platform_id)
        yield assessor.rules[at].amount.exact.of(assessor.basis((cell,)))


# Written and read again


@searched(60)
@given(cases())
def test_a_program_that_was_written_to_a_file_is_the_same_and_decides_the_same(case: Case) -> None:
    (read,) = program_file.read(written((case.version,)))
    assert read == case.version
    assert entitled(Case(read, case.work)) == entitled(case)


@searched(30)
@given(generated.versions(3))
def test_several_versions_in_one_file_are_the_same(versions: tuple[ProgramVersion, ...]) -> None:
    assert program_file.read(written(versions)) == versions


@searched(60)
@given(cases())
def test_a_program_that_was_stored_is_the_same_and_decides_the_same(case: Case) -> None:
    event = ProgramPublished(case.version)
    stored = encode(event, AT, "operator-1")
    read = decode(name_of(event), stored, "program:generated").event
    assert read == event
    assert entitled(Case(read.version, case.work)) == entitled(case)


@searched(30)
@given(cases(), st.sampled_from(SHIPPED))
def test_what_a_program_is_called_changes_nothing(case: Case, program_id: str) -> None:
    renamed = structs.replace(case.version, id=program_id, version=7, title="another", source="another")
    assert entitled(Case(renamed, case.work)) == entitled(case)


@pytest.mark.parametrize("program_id", SHIPPED)
def test_no_code_of_the_domain_knows_a_program_by_its_id(program_id: str) -> None:
    assert [path for path in PROGRAMS.parent.rglob("*.py") if program_id in path.read_text("utf-8")] == []


# The programs above are worth something


def test_generated_programs_can_be_carried_out_and_hold_every_kind_of_everything() -> None:
    """Otherwise a law would hold of programs that nobody tried."""
    seen: set[str] = set()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(generated.versions())
    def search(versions: tuple[ProgramVersion, ...]) -> None:
        check(versions[0])
        seen.update(_shapes(versions[0]))

    search()
    assert sorted(_known() - seen) == []


def _shapes(value: object) -> Iterator[str]:
    """Each field of each shape in a program that is not left at its default."""
    if isinstance(value, tuple):
        for each in value:
            yield from _shapes(each)
    if isinstance(value, Struct):
        for field in structs.fields(value):
            within = getattr(value, field.name)
            if within not in (field.default, {}):
                yield f"{type(value).__name__}.{field.name}"
            yield from _shapes(within)


def _known() -> set[str]:
    shapes = [each for each in vars(rule).values() if isinstance(each, type) and issubclass(each, Struct)]
    return {f"{shape.__name__}.{name}" for shape in shapes for name in shape.__struct_fields__}
