"""Words about generated programs of every kind say what the assessor computes, and nothing keeps them from it."""

import re

from hypothesis import given

from domain.assessment import Assessor
from domain.money import written
from domain.program_wording import sentences
from domain.totals import Totals, minus
from domain.wording import explain, explain_share
from tests.support.program_cases import Case, cases, searched, totals

RESULT = re.compile(r"→ ([0-9,]+(?:\.[0-9]+)?)")


@searched(150)
@given(cases())
def test_every_program_and_every_gig_has_its_sentences(case: Case) -> None:
    assessor = Assessor(case.version)
    assert all(sentence.endswith(".") for sentence in sentences(case.version))
    after = totals(assessor, case.work)
    for platform_id, facts in case.work:
        before = minus(after, assessor.measure(facts, platform_id))
        for was, now in ((before, after), (after, before), (after, after)):
            said = explain(assessor, facts, platform_id, case.period, was, now)
            assert len(said) - len(assessor.rules) in ({0, 1} if assessor.is_pooled else {0})
            assert all("  " not in each and each for each in said)
        assert explain_share(assessor, facts, platform_id, 1, 0)


@searched(150)
@given(cases())
def test_what_a_sentence_ends_in_is_what_is_due(case: Case) -> None:
    assessor = Assessor(case.version)
    after: Totals = totals(assessor, case.work)
    if not case.work:
        return
    platform_id, facts = case.work[-1]
    basis = assessor.basis(after, case.period)
    mix = assessor.mix(after, basis)
    for rule, sentence in zip(
        assessor.rules, explain(assessor, facts, platform_id, case.period, after, after), strict=False
    ):
        due, _ = rule.total(basis, mix, after)
        if "nothing is due yet" in sentence:
            assert due == 0
        elif not rule.is_plain_sum and not rule.parts:
            assert RESULT.findall(sentence)[-1].rstrip(",") == written(due, case.version.currency)
        if rule.parts and "nothing is due yet" not in sentence:
            borne = written(rule.by_payer(due, mix)[-1], case.version.currency)
            assert f"bears the rest, {borne}" in sentence
