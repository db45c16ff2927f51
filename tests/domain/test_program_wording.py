"""A program in plain sentences, for each thing that a rule can say."""

import re

import pytest

from domain.program_file import read
from domain.program_wording import sentences
from domain.rejections import Malformed
from domain.rule import Base
from tests.support.gigs import PROGRAMS, TENTH, shipped, versions

HEAD = TENTH[: TENTH.index("[[rules]]")]
PER_GIG = '{ direction = "half_up", per = "gig" }'
PER_PERIOD = '{ direction = "half_up", per = "period" }'


def rule(amount: str, rounding: str = PER_PERIOD, more: str = "") -> list[str]:
    """What is said of a rule with this amount."""
    text = f'[[rules]]\namount = {amount}\nrounding = {rounding}\nbenefits = [{{ benefit = "retirement" }}]\n{more}\n'
    return sentences(read(HEAD + text)[0])[6:]


def amount(text: str, rounding: str = PER_PERIOD, more: str = "") -> str:
    """What is said of an amount."""
    return rule(text.replace("\n", " "), rounding, more)[0]


def test_the_plainest_program_takes_ten_sentences() -> None:
    assert sentences(versions()[0]) == [
        "A tenth of the fare, in force for each month that begins on 2023-01-01 or later.",
        "Source: invented.",
        "It takes gigs in USD.",
        "A gig counts in the month in which it was completed, by the calendar of America/New_York.",
        "The base of a gig is what it earned in fare.",
        "Each platform counts by itself.",
        "For each month: 10 % of the month's base.",
        "It is rounded half up.",
        "The platform bears it.",
        "It goes to retirement.",
    ]


def test_the_head_says_which_gigs_count_and_when() -> None:
    said = sentences(shipped("prop-22-stipend")[0])
    assert (
        "It takes gigs in USD whose jurisdiction is US-CA and whose service is ride or delivery, or that do not say."
        in said
    )
    paid = sentences(read(TENTH.replace("completed_at", "paid_at"))[0])
    assert "A gig counts in the month in which it is paid, by the calendar of America/New_York." in paid


def test_deductions_of_classes_stand_together_where_they_are_the_same() -> None:
    assert sentences(shipped("cpf-platform-workers")[0])[4] == (
        "The base of a gig is what it earned in fare, incentive, tip and cancellation fee, "
        "less 60 % (car, van, lorry, truck), 35 % (motorcycle, power_assisted_bicycle, pmd) or 20 % (bicycle, on_foot)."
    )


def test_a_pooled_program_says_what_platforms_share_by() -> None:
    assert sentences(shipped("massachusetts-health-stipend")[0])[5] == (
        "The gigs of all platforms count together; each platform owes its share by engaged time (largest remainder)."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{ kind = "percent", rate = "60 %", over = "500.00" }', "60 % of what the month's base has above 500.00"),
        ('{ kind = "per_hour", amount = "2" }', "2.00 for each hour of engaged time"),
        ('{ kind = "per_gig", amount = "5.00" }', "5.00 for each gig"),
        ('{ kind = "fixed", amount = "20.00" }', "20.00"),
        (
            '{ kind = "fixed", amount = { by_vehicle_class = { car = "2.00", van = "2.00", bicycle = "1.00" } } }',
            "2.00 (car, van) or 1.00 (bicycle)",
        ),
        (
            '{ kind = "lesser", of = [{ kind = "percent", rate = "1 %" }, { kind = "fixed", amount = "5.00" }] }',
            "the lesser of 1 % of the month's base and 5.00",
        ),
        (
            """{ kind = "greater", of = [{ kind = "percent", rate = "1 %" }, { kind = "fixed", amount = "5.00" },
            { kind = "sum", of = [{ kind = "fixed", amount = "1.00" }, { kind = "per_gig", amount = "0.10" }] }] }""",
            "the greatest of 1 % of the month's base, 5.00 and [the sum of 1.00 and 0.10 for each gig]",
        ),
    ],
)
def test_each_kind_of_amount_has_its_words(text: str, words: str) -> None:
    assert amount(text) == f"For each month: {words}."


def test_steps_begin_with_what_lies_below_them() -> None:
    text = '{ kind = "steps", by = "weekly_hours", steps = [{ at_least = "15", amount = "5.00" }] }'
    assert amount(text) == "For each month, by the month's engaged hours a week: nothing below 15; from 15 on, 5.00."
    text = """{ kind = "steps", by = "base", steps = [
        { above = "500.00", amount = { kind = "percent", rate = "60 %", over = "500.00" } },
        { above = "750.00", amount = { kind = "percent", rate = "20 %" } } ] }"""
    assert amount(text) == (
        "For each month, by the month's base: nothing up to 500.00; "
        "above 500.00, 60 % of what the month's base has above 500.00; above 750.00, 20 % of the month's base."
    )


def test_rules_per_gig_bound_and_round_each_gig() -> None:
    bounds = 'floor = { per_gig = "0.10" }\ncap = { per_gig = "1.00", per_period = "50.00" }'
    assert rule('{ kind = "percent", rate = "1 %" }', PER_GIG, bounds)[:2] == [
        "For each gig: 1 % of the gig's base, at least 0.10, at most 1.00.",
        "Each is rounded half up; the gigs of the month are added up, at most 50.00.",
    ]


def test_exact_amounts_of_gigs_are_added_up_first() -> None:
    to_the_dollar = '{ direction = "ceiling", per = "period", to = "1.00" }'
    assert rule('{ kind = "percent", rate = "1 %" }', to_the_dollar, 'per = "gig"')[1] == (
        "The gigs of the month are added up; the sum is rounded ceiling to 1.00."
    )


def test_a_period_has_bounds_too() -> None:
    bounds = 'floor = { per_period = "5.00" }\ncap = { per_period = "100.00" }'
    assert rule('{ kind = "percent", rate = "2 %" }', PER_PERIOD, bounds)[0] == (
        "For each month: 2 % of the month's base, at least 5.00, at most 100.00."
    )


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ('base_at_least = "1000.00", gigs_above = 100', "a base of at least 1,000.00 and more than 100 gigs"),
        ('gigs_at_least = 1, hours_above = "9.5"', "at least 1 gig and more than 9.5 engaged hours"),
        ('weekly_hours_at_least = "15"', "at least 15 hours a week"),
    ],
)
def test_thresholds_say_when_anything_is_due(when: str, words: str) -> None:
    said = rule('{ kind = "percent", rate = "4 %" }', PER_PERIOD, f"when = {{ {when} }}")
    assert said[2] == f"Nothing is due until the month has {words}; then all of it is."


def test_payers_bear_shares_or_amounts_and_the_last_the_rest() -> None:
    shares = """payers = [
        { payer = "worker", share = "25 %", rounding = { direction = "floor", to = "1.00" } },
        { payer = "customer", amount = { kind = "per_gig", amount = "0.10" } }, { payer = "platform" }]"""
    assert rule('{ kind = "percent", rate = "4 %" }', PER_PERIOD, shares)[2:5] == [
        "The worker bears 25 % of it, rounded floor to 1.00.",
        "The customer bears 0.10 for each gig; rounded half up.",
        "The platform bears the rest.",
    ]


def test_payers_whose_amounts_add_up_are_said_one_by_one() -> None:
    text = f"""[[rules]]
rounding = {PER_PERIOD}
benefits = [{{ benefit = "retirement" }}]
payers = [
    {{ payer = "worker", amount = {{ kind = "percent", rate = "20 %" }} }},
    {{ payer = "platform", amount = {{ kind = "percent", rate = "17 %" }} }},
]
"""
    assert sentences(read(HEAD + text)[0])[6:10] == [
        "For each month: what the payers' own amounts add up to.",
        "It is rounded half up.",
        "The worker bears 20 % of the month's base; rounded half up.",
        "The platform bears the rest; its own amount is 17 % of the month's base.",
    ]


def test_benefits_are_named_with_their_weights() -> None:
    assert sentences(shipped("demo-weekly")[0])[-1] == (
        "It goes to retirement, paid_leave and health as 5 : 3 : 2; the last takes what rounding leaves."
    )
    by_class = """[[rules]]
amount = { kind = "percent", rate = "4 %" }
rounding = { direction = "half_up", per = "period" }
benefits = [
    { benefit = "retirement", weight = { by_worker_class = { young = 4, old = 2 } } },
    { benefit = "health", weight = 2 },
]
"""
    assert sentences(read(HEAD + by_class)[0])[-1] == (
        "It goes to retirement and health as 2 : 2 (old) or 4 : 2 (young); the last takes what rounding leaves."
    )
    without = by_class.replace("weight = 2 }", "weight = 0 }")
    assert sentences(read(HEAD + without)[0])[-1] == (
        "It goes to retirement and health as 2 : 0 (old) or 4 : 0 (young);"
        " the last with any weight takes what rounding leaves."
    )


def test_further_rules_are_further_contributions() -> None:
    said = sentences(read(TENTH + TENTH[TENTH.index("[[rules]]") :])[0])
    assert [each for each in said if "for each month:" in each] == [
        "Further, for each month: 10 % of the month's base."
    ]


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_version_reads_as_sentences(path: object) -> None:
    for version in shipped(getattr(path, "stem", "")):
        for sentence in sentences(version):
            assert re.fullmatch(r"[A-Z].*[^.,;: ]\.", sentence), sentence


def test_a_program_that_cannot_be_carried_out_has_no_sentences() -> None:
    with pytest.raises(Malformed) as refused:
        sentences(versions(base=Base(("fare",), "200 %"))[0])
    assert refused.value.key == "base.deduction"
