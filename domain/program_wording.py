"""A program in plain sentences: what somebody reads who wants to know whether it says what they mean."""

from domain.assessment import Assessor
from domain.division_wording import SHARED_BY
from domain.measure_wording import listed
from domain.rule import ProgramVersion
from domain.rule_wording import by_class, rule_sentences


def sentences(version: ProgramVersion) -> list[str]:
    """What a version says, rule by rule; raises `Malformed` where it cannot be carried out."""
    assessor = Assessor(version)
    rules = [sentence for rule in assessor.rules for sentence in rule_sentences(rule, version)]
    return [*_head(version), _base(version), _scope(version), *rules]


def _head(version: ProgramVersion) -> list[str]:
    day = {"completed_at": "it was completed", "paid_at": "it is paid"}[version.attribution_date]
    return [
        f"{version.title}, in force for each {version.period} that begins on {version.effective_from} or later.",
        f"Source: {version.source.rstrip('.')}.",
        f"It takes gigs in {version.currency}{_limits(version)}.",
        f"A gig counts in the {version.period} in which {day}, by the calendar of {version.time_zone}.",
    ]


def _limits(version: ProgramVersion) -> str:
    """What gigs may not name otherwise."""
    limits = [
        f"whose {field} is {listed(codes, 'or')}"
        for field, codes in (
            ("jurisdiction", version.applies_to.jurisdictions),
            ("service", version.applies_to.services),
        )
        if codes
    ]
    return f" {listed(limits)}, or that do not say" if limits else ""


def _base(version: ProgramVersion) -> str:
    components = listed([name.replace("_", " ") for name in version.base.components])
    deduction = version.base.deduction
    less = "" if deduction is None else f", less {by_class(deduction)}"
    return f"The base of a gig is what it earned in {components}{less}."


def _scope(version: ProgramVersion) -> str:
    if version.scope == "platform":
        return "Each platform counts by itself."
    by = SHARED_BY[version.share_by or "engaged_time"]
    return f"The gigs of all platforms count together; each platform owes its share by {by} (largest remainder)."
