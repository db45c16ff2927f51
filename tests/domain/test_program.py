"""A program is its published versions; none of them is ever edited."""

from datetime import date

import pytest

from domain.program import ProgramPublished, ProgramTermsFixed, ProgramVersionExists, PublishProgram, decider
from domain.rejections import InvariantBroken, Malformed
from domain.rule import Base
from tests.support.gigs import published, versions
from tests.support.scenario import Given

(FIRST,) = versions()
(SECOND,) = versions(version=2, effective_from=date(2023, 7, 1))


# An unpublished program


def test_the_first_version_of_a_program_is_published() -> None:
    Given(decider).when(PublishProgram(FIRST)).then(ProgramPublished(FIRST))


def test_a_program_that_cannot_be_carried_out_is_not_published() -> None:
    (broken,) = versions(effective_from=date(2023, 1, 2))
    Given(decider).when(PublishProgram(broken)).then_refused(Malformed, "effective_from", "first day of a month")


# A published program


def test_the_same_version_twice_is_published_once() -> None:
    Given(decider, ProgramPublished(FIRST)).when(PublishProgram(FIRST)).then_nothing()


def test_a_version_number_stands_for_one_content() -> None:
    (other,) = versions(title="A tithe")
    Given(decider, ProgramPublished(FIRST)).when(PublishProgram(other)).then_refused(ProgramVersionExists, "version 1")


def test_a_further_version_is_published_beside_the_first() -> None:
    Given(decider, ProgramPublished(FIRST)).when(PublishProgram(SECOND)).then(ProgramPublished(SECOND))


@pytest.mark.parametrize(
    ("key", "value"),
    [("currency", "CAD"), ("period", "quarter"), ("time_zone", "Europe/Berlin"), ("attribution_date", "paid_at")],
)
def test_what_is_fixed_for_a_program_cannot_change_with_a_version(key: str, value: str) -> None:
    (other,) = versions(version=2, **{key: value})
    Given(decider, ProgramPublished(FIRST)).when(PublishProgram(other)).then_refused(ProgramTermsFixed, key)


def test_what_is_not_fixed_may_change_with_a_version() -> None:
    (other,) = versions(version=2, title="A tithe", base=Base(("fare", "incentive")))
    Given(decider, ProgramPublished(FIRST)).when(PublishProgram(other)).then(ProgramPublished(other))


def test_versions_may_be_published_in_any_order() -> None:
    Given(decider, ProgramPublished(SECOND)).when(PublishProgram(FIRST)).then(ProgramPublished(FIRST))


# The version in force


def test_before_the_first_version_none_is_in_force() -> None:
    assert published(FIRST).in_force("2022-12") is None


@pytest.mark.parametrize(
    ("period", "number"), [("2023-01", 1), ("2023-06", 1), ("2023-07", 2), ("2023-12", 2), ("2030-01", 2)]
)
def test_in_force_is_the_version_that_took_effect_last(period: str, number: int) -> None:
    for program in (published(FIRST, SECOND), published(SECOND, FIRST)):
        in_force = program.in_force(period)
        assert in_force is not None
        assert in_force.version == number


def test_of_two_versions_that_take_effect_together_the_greater_number_is_in_force() -> None:
    (third,) = versions(version=3, effective_from=SECOND.effective_from)
    for program in (published(FIRST, third, SECOND), published(FIRST, SECOND, third)):
        assert program.in_force("2023-07") == third


def test_a_greater_number_that_took_effect_earlier_does_not_win() -> None:
    (third,) = versions(version=3, effective_from=date(2023, 2, 1))
    program = published(FIRST, SECOND, third)
    assert program.in_force("2023-06") == third
    assert program.in_force("2023-07") == SECOND


def test_a_version_is_found_by_its_number() -> None:
    assert published(FIRST, SECOND).version(2) == SECOND
    assert published(FIRST, SECOND).version(3) is None


# A corrupt history


def test_a_version_that_was_published_twice_stops_the_fold() -> None:
    with pytest.raises(InvariantBroken):
        decider.fold([ProgramPublished(FIRST), ProgramPublished(FIRST)])
