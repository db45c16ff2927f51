"""Cases of generated programs: a program and gigs of one period, and what the exchange makes of them."""

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from msgspec import Struct

from domain.assessment import Assessor, Entitled
from domain.rule import ProgramVersion
from domain.rule_assessment import RuleAssessor
from domain.totals import Totals, plus
from tests.support import history_strategies as reported
from tests.support import program_strategies as generated
from tests.support.naive_program import Work

#: Whole programs are large things to draw.
SLOW: Final = (HealthCheck.too_slow, HealthCheck.data_too_large)
PERIODS: Final = {"week": "2023-W26", "month": "2023-07", "quarter": "2023-Q3"}


class Case(Struct, frozen=True):
    """A program, and gigs that count in one of its periods."""

    version: ProgramVersion
    work: Work

    @property
    def period(self) -> str:
        """The period that the gigs count in."""
        return PERIODS[self.version.period]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any program with a few gigs, of several platforms where it is pooled."""
    (version,) = draw(generated.versions())
    work = draw(reported.works(version.currency))
    return Case(version, work if version.scope == "pooled" else [("uber", facts) for _, facts in work])


def searched(count: int) -> settings:
    """How long to search."""
    return settings(max_examples=count, deadline=None, suppress_health_check=SLOW)


def totals(assessor: Assessor, work: Work) -> Totals:
    """The running totals of gigs."""
    sums: Totals = ()
    for platform_id, facts in work:
        sums = plus(sums, assessor.measure(facts, platform_id))
    return sums


def entitled(case: Case) -> tuple[Entitled, ...]:
    """What the gigs of a case are entitled to."""
    assessor = Assessor(case.version)
    return assessor.entitlement(totals(assessor, case.work), case.period, "uber")


def of_rules(case: Case, count: int | None = None) -> list[tuple[RuleAssessor, int, int]]:
    """What each rule makes of the first gigs, and what it would without caps."""
    assessor = Assessor(case.version)
    cells = totals(assessor, case.work[:count])
    if not cells:
        return []
    basis = assessor.basis(cells, case.period)
    return [(rule, *rule.total(basis, assessor.mix(cells, basis), cells)) for rule in assessor.rules]
