"""A program as written: the shapes of a program file and of `ProgramPublished`, one and the same.

Decimals are text, so that what was written is what is stored; `assessment` turns them into exact ratios. Keys that
are not named here are refused. `programs/README.md` explains each for people who write programs.
"""

from datetime import date
from functools import cache
from typing import Annotated, Literal
from zoneinfo import available_timezones

from msgspec import Meta, Struct

from domain.gig import CODE_PATTERN, COMPONENT_PATTERN
from domain.identifiers import RESERVED_NAMES, BenefitId, ProgramId
from domain.money import EXPONENTS, decimal, minor, percent
from domain.period import PeriodKind, is_period_start
from domain.rejections import Malformed
from domain.rounding import Direction

#: Who bears a contribution; the platform owes the remittance in every case.
Payer = Literal["platform", "worker", "customer"]
AttributionDate = Literal["completed_at", "paid_at"]
Scope = Literal["platform", "pooled"]
Component = Annotated[str, Meta(pattern=COMPONENT_PATTERN)]
ClassCode = Annotated[str, Meta(pattern=CODE_PATTERN)]
Text = Annotated[str, Meta(min_length=1, max_length=2_000)]


class AppliesTo(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which gigs a program takes: a field that a gig carries must be listed; an empty list takes all."""

    jurisdictions: tuple[ClassCode, ...] = ()
    services: tuple[ClassCode, ...] = ()


class Base(Struct, frozen=True, forbid_unknown_fields=True):
    """The earnings base: the components of a gig's earnings that count."""

    components: Annotated[tuple[Component, ...], Meta(min_length=1)]


class Percent(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="percent"):
    """A rate of the earnings base, such as `"2.75 %"`."""

    rate: str


#: How much a rule makes of the totals: a union that grows by one shape for each kind of rule.
Amount = Percent


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Thresholds on the period's totals: nothing until all are reached, everything from then on."""

    base_at_least: str | None = None


class Rounding(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which way a rule rounds, once per gig or once per period, to a multiple of `to` (default: the minor unit)."""

    direction: Direction
    per: Literal["gig", "period"]
    to: str | None = None


class Share(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One benefit's weight in the split; the last benefit takes what rounding leaves."""

    benefit: BenefitId
    weight: Annotated[int, Meta(ge=1, le=10**6)] = 1


class Rule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One contribution: an amount, when it is due, how it is rounded, who bears it, which benefits it feeds."""

    amount: Amount
    rounding: Rounding
    benefits: Annotated[tuple[Share, ...], Meta(min_length=1)]
    payer: Payer = "platform"
    when: When = When()


class ProgramVersion(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One version of a program, in force for periods that begin on or after `effective_from`."""

    id: ProgramId
    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    title: Text
    source: Text
    currency: str
    period: PeriodKind
    time_zone: str
    attribution_date: AttributionDate
    effective_from: date
    base: Base
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    scope: Scope = "platform"
    applies_to: AppliesTo = AppliesTo()


#: What cannot change from one version of a program to the next.
FIXED_KEYS = ("currency", "period", "time_zone", "scope", "attribution_date")


def check(program: ProgramVersion) -> None:
    """Raise `Malformed`, naming the key and what is allowed there, where a program cannot be carried out."""
    if program.id in RESERVED_NAMES:
        raise Malformed(f"{program.id!r} is reserved", key="id")
    if program.currency not in EXPONENTS:
        raise Malformed(f"expected a currency of ISO 4217, got {program.currency!r}", key="currency")
    if program.time_zone not in _time_zones():
        raise Malformed(f"expected an IANA time zone, got {program.time_zone!r}", key="time_zone")
    if not is_period_start(program.effective_from, program.period):
        raise Malformed(f"expected the first day of a {program.period}", key="effective_from")
    if program.scope == "pooled":
        raise Malformed("expected 'platform': pooled programs are not supported yet", key="scope")
    if len(set(program.base.components)) < len(program.base.components):
        raise Malformed("expected each component once: one that stands twice would count twice", key="base.components")
    for index, rule in enumerate(program.rules):
        _check_rule(rule, program.currency, f"rules[{index}]")


@cache
def _time_zones() -> set[str]:
    """Listing the time zones reads their whole database, so it is done once."""
    return available_timezones()


def _check_rule(rule: Rule, currency: str, key: str) -> None:
    percent(rule.amount.rate, key=f"{key}.amount.rate")
    if rule.when.base_at_least is not None:
        decimal(rule.when.base_at_least, key=f"{key}.when.base_at_least")
    if rule.rounding.to is not None:
        unit = minor(decimal(rule.rounding.to, key=f"{key}.rounding.to"), currency)
        if unit.denominator != 1 or unit < 1:
            raise Malformed("expected a multiple of the smallest unit of the currency", key=f"{key}.rounding.to")
    if len({share.benefit for share in rule.benefits}) < len(rule.benefits):
        raise Malformed("expected each benefit once", key=f"{key}.benefits")
    for reserved in RESERVED_NAMES.intersection([share.benefit for share in rule.benefits]):
        raise Malformed(f"{reserved!r} is reserved", key=f"{key}.benefits")
