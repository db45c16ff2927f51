"""Program files are TOML with decimals as text; what cannot be carried out is refused with its key and the reason."""

from datetime import date

import pytest

from domain.assessment import Assessor
from domain.program_file import read
from domain.rejections import Malformed
from domain.rule import Percent, ProgramVersion
from tests.support.gigs import PROGRAMS, shipped

WEEKLY = (PROGRAMS / "demo-weekly.toml").read_text("utf-8")
RULES = WEEKLY[WEEKLY.index("[[rules]]") :]

#: What stands in the file, what stands there instead, the key that is named and words of the reason.
MALFORMED = [
    ('id = "demo-weekly"', "", "id", "missing required field `id`"),
    ('id = "demo-weekly"', 'id = "Demo Weekly"', "id", "matching regex"),
    ('id = "demo-weekly"', 'id = "pooled"', "id", "reserved"),
    ('id = "demo-weekly"', 'id = "none"', "id", "reserved"),
    ('id = "demo-weekly"', f'id = "{"x" * 65}"', "id", "matching regex"),
    ('id = "demo-weekly"', 'id = "demo-weekly"\ncolour = "green"', "colour", "unknown field `colour`"),
    ("version = 1", "version = 0", "version", ">= 1"),
    ("version = 1", 'version = "1"', "version", "Expected `int`, got `str`"),
    ("version = 1", "version = true", "version", "Expected `int`, got `bool`"),
    ("version = 1", f"version = {'9' * 5_000}", "", "not a TOML file"),
    ('title = "Weekly portable benefits (demonstration)"', 'title = ""', "title", "length >= 1"),
    ('source = "invented for the demonstration, after the DoorDash and Stride pilots"', "", "source", "field `source`"),
    ('currency = "USD"', 'currency = "BTC"', "currency", "ISO 4217"),
    ('currency = "USD"', 'currency = "usd"', "currency", "ISO 4217"),
    ('period = "week"', 'period = "fortnight"', "period", "Invalid enum value 'fortnight'"),
    ('time_zone = "America/New_York"', 'time_zone = "America/Gotham"', "time_zone", "IANA"),
    ('time_zone = "America/New_York"', 'time_zone = "../../etc/hostname"', "time_zone", "IANA"),
    ('"completed_at"', '"started_at"', "attribution_date", "Invalid enum value 'started_at'"),
    ("effective_from = 2021-12-27", "effective_from = 2021-12-28", "effective_from", "first day of a week"),
    ("effective_from = 2021-12-27", "effective_from = 2021-12-27T00:00:00", "effective_from", "got `datetime`"),
    ("effective_from = 2021-12-27", 'effective_from = "Monday"', "effective_from", "Invalid RFC3339 encoded date"),
    ("effective_from = 2021-12-27", "effective_from = 2021-02-30", "", "not a TOML file"),
    ('components = ["fare"]', "components = []", "base.components", "length >= 1"),
    ('components = ["fare"]', 'components = "fare"', "base.components", "Expected `array`"),
    ('components = ["fare"]', 'components = ["Fare"]', "base.components[0]", "matching regex"),
    ('components = ["fare"]', 'components = ["fare", "fare"]', "base.components", "each component once"),
    ("[base]", "[applies_to]\nservices = [1]\n[base]", "applies_to.services[0]", "Expected `str`, got `int`"),
    ("[base]", "[applies_to]\nregions = []\n[base]", "applies_to.regions", "unknown field `regions`"),
    ("[base]", "[basis]", "basis", "unknown field `basis`"),
    ("[base]", 'scope = "everywhere"\n[base]', "scope", "Invalid enum value 'everywhere'"),
    ("[base]", 'share_by = "gigs"\n[base]', "share_by", "only a pooled program"),
    (RULES, "", "rules", "missing required field `rules`"),
    (RULES, "[rules]", "rules", "Expected `array`"),
    ('kind = "percent"', 'kind = "magic"', "rules[0].amount.kind", "'magic'"),
    ('rate = "4 %"', "rate = 4", "rules[0].amount.rate", "got `int`; allowed: text in quotes or a table"),
    ('rate = "4 %"', "rate = 0.04", "rules[0].amount.rate", "got `float`; allowed: text in quotes or a table"),
    ('rate = "4 %"', 'rate = "4"', "rules[0].amount.rate", 'such as "2.75 %"'),
    ('rate = "4 %"', 'rate = "-4 %"', "rules[0].amount.rate", "expected a decimal"),
    ('rate = "4 %"', 'rate = "4,5 %"', "rules[0].amount.rate", "expected a decimal"),
    ("amount = {", "amounts = {", "rules[0].amounts", "unknown field `amounts`"),
    ('base_at_least = "150.00"', "base_at_least = 150", "rules[0].when.base_at_least", "Expected `str | null`"),
    ('base_at_least = "150.00"', 'base_at_least = ""', "rules[0].when.base_at_least", "expected a decimal"),
    ('base_at_least = "150.00"', 'base_at_least = "$150"', "rules[0].when.base_at_least", "expected a decimal"),
    ("base_at_least", "base_over", "rules[0].when.base_over", "unknown field `base_over`"),
    ('direction = "half_up"', 'direction = "nearest"', "rules[0].rounding.direction", "'nearest'"),
    ('direction = "half_up", ', "", "rules[0].rounding.direction", "missing required field `direction`"),
    ('per = "period"', 'per = "week"', "rules[0].rounding.per", "'week'"),
    ('per = "period"', 'per = "period", to = "0.005"', "rules[0].rounding.to", "smallest unit"),
    ('per = "period"', 'per = "period", to = "0.015"', "rules[0].rounding.to", "smallest unit"),
    ('per = "period"', 'per = "period", to = "0"', "rules[0].rounding.to", "smallest unit"),
    ("benefits = [", 'payer = "state"\nbenefits = [', "rules[0].payer", "'state'"),
    ('benefit = "retirement"', 'benefit = "Retirement"', "rules[0].benefits[0].benefit", "matching regex"),
    ('benefit = "retirement"', 'benefit = "pooled"', "rules[0].benefits", "reserved"),
    ('benefit = "retirement"', 'benefit = "health"', "rules[0].benefits", "each benefit once"),
    ("weight = 5", "weight = -1", "rules[0].benefits[0].weight", ">= 0"),
    ("weight = 3", "weight = 1.5", "rules[0].benefits[1].weight", "got `float`; allowed: a whole number"),
    (WEEKLY, "", "id", "missing required field `id`"),
    (WEEKLY, "versions = []", "versions", "one or more"),
    (WEEKLY, "versions = [1, 2]", "versions", "one or more"),
    (WEEKLY, 'versions = "two"', "versions", "one or more"),
    (WEEKLY, "id = ", "", "not a TOML file"),
    (WEEKLY, f"id = {'[' * 10_000}", "", "not a TOML file"),
]


def _name(case: object) -> str | None:
    return case[:40] if isinstance(case, str) else None


@pytest.mark.parametrize(("stands", "instead", "key", "words"), MALFORMED, ids=_name)
def test_a_malformed_program_is_refused_with_its_key_and_the_reason(
    stands: str, instead: str, key: str, words: str
) -> None:
    assert stands in WEEKLY
    with pytest.raises(Malformed) as refusal:
        read(WEEKLY.replace(stands, instead, 1))
    assert refusal.value.key == key
    assert words in refusal.value.detail


def test_the_table_of_malformed_programs_is_long_enough_to_mean_something() -> None:
    assert len({(stands, instead) for stands, instead, _, _ in MALFORMED}) == len(MALFORMED) >= 40


# Files that are programs


def test_a_file_with_one_version_reads_as_it_is_written() -> None:
    (version,) = read(WEEKLY)
    assert (version.id, version.version, version.effective_from) == ("demo-weekly", 1, date(2021, 12, 27))
    assert version.base.components == ("fare",)
    (rule,) = version.rules
    assert (rule.amount, rule.when.base_at_least) == (Percent("4 %"), "150.00")
    assert (rule.rounding.direction, rule.rounding.per, rule.rounding.to) == ("half_up", "period", None)
    assert [(share.benefit, share.weight) for share in rule.benefits] == [
        ("retirement", 5),
        ("paid_leave", 3),
        ("health", 2),
    ]


def test_the_keys_above_the_versions_hold_for_each_of_them() -> None:
    first, second = shipped("black-car-fund")
    assert (first.version, second.version) == (1, 2)
    assert (first.effective_from, second.effective_from) == (date(2023, 1, 1), date(2023, 7, 1))
    assert first.base == second.base
    assert first.applies_to.jurisdictions == second.applies_to.jurisdictions == ("US-NY",)
    assert [version.rules[0].amount for version in (first, second)] == [Percent("3 %"), Percent("2.75 %")]


def test_a_version_may_say_otherwise_than_the_keys_above_it() -> None:
    text = (PROGRAMS / "soka-bau.toml").read_text("utf-8")
    first, second, *_ = read(text.replace("version = 2", 'version = 2\nsource = "the collective agreement of 2014"'))
    assert (first.source, second.source) == ("soka-bau.de, contribution rates", "the collective agreement of 2014")


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.toml")), ids=lambda path: str(path.stem))
def test_each_shipped_program_is_filed_under_its_id_and_names_its_source(path: object) -> None:
    versions = shipped(getattr(path, "stem", ""))
    assert {version.id for version in versions} == {getattr(path, "stem", "")}
    assert all(version.source for version in versions)
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))


def test_what_a_file_leaves_out_has_the_value_that_the_readme_of_programs_promises() -> None:
    version: ProgramVersion = read(WEEKLY)[0]
    assert version.scope == "platform"
    assert version.applies_to.jurisdictions == ()
    assert Assessor(version).rules[0].payers == ("platform",)
