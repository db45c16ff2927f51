"""A program as written: the shapes of a program file and of `ProgramPublished`, one and the same.

Decimals are text, so that what was written is what is stored; `amount` and `assessment` turn them into exact ratios
and refuse what cannot be carried out. Keys that are not named here are refused. `programs/README.md` explains each for
people who write programs.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.gig import CODE_PATTERN, COMPONENT_PATTERN
from domain.identifiers import BenefitId, ProgramId
from domain.period import PeriodKind
from domain.rounding import Direction

#: Who bears a contribution; the platform owes the remittance in every case.
Payer = Literal["platform", "worker", "customer"]
AttributionDate = Literal["completed_at", "paid_at"]
Scope = Literal["platform", "pooled"]
#: What a pooled program divides a contribution over its platforms by.
ShareBy = Literal["engaged_time", "base", "gigs"]
#: What thresholds and steps look at; `weekly_hours` are engaged hours a week, averaged over the period.
Measured = Literal["base", "gigs", "hours", "weekly_hours"]
Per = Literal["gig", "period"]
Component = Annotated[str, Meta(pattern=COMPONENT_PATTERN)]
ClassCode = Annotated[str, Meta(pattern=CODE_PATTERN)]
Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
Weight = Annotated[int, Meta(ge=0, le=10**6)]


class ByClass(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rate or an amount of money for each class of gigs; a gig of another class cannot be assessed."""

    by_vehicle_class: dict[ClassCode, str] = {}
    by_worker_class: dict[ClassCode, str] = {}


class WeightByClass(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A weight for each class of gigs."""

    by_vehicle_class: dict[ClassCode, Weight] = {}
    by_worker_class: dict[ClassCode, Weight] = {}


#: A decimal, or one for each class.
Value = str | ByClass


class AppliesTo(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which gigs a program takes: a field that a gig carries must be listed; an empty list takes all."""

    jurisdictions: tuple[ClassCode, ...] = ()
    services: tuple[ClassCode, ...] = ()


class Base(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The earnings base: the components of a gig's earnings that count, less a deduction such as `"35 %"`."""

    components: Annotated[tuple[Component, ...], Meta(min_length=1)]
    deduction: Value | None = None


# How much: kinds of amounts


class Percent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="percent"):
    """A rate of the earnings base, such as `"2.75 %"`; with `over` only of what the base has above it."""

    rate: Value
    over: str | None = None


class PerHour(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="per_hour"):
    """An amount for each hour of engaged time, prorated to the second."""

    amount: Value


class PerGig(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="per_gig"):
    """The same amount for each gig."""

    amount: Value


class Fixed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="fixed"):
    """One amount, whatever was done."""

    amount: Value


class Lesser(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="lesser"):
    """The least of several amounts."""

    of: "tuple[Amount, ...]"


class Greater(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="greater"):
    """The greatest of several amounts."""

    of: "tuple[Amount, ...]"


class Sum(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="sum"):
    """Several amounts together."""

    of: "tuple[Amount, ...]"


class Step(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is due from a threshold on (`at_least`) or beyond it (`above`), in place of the step below."""

    amount: "str | Amount"
    at_least: str | None = None
    above: str | None = None


class Steps(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="steps"):
    """Steps or brackets of a measure: the highest one reached counts; below the first nothing is due."""

    by: Measured
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=100)]


#: How much a rule makes of the totals, or of a gig.
Amount = Percent | PerHour | PerGig | Fixed | Lesser | Greater | Sum | Steps


class When(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Thresholds on the period's totals: nothing until all are reached, everything from then on."""

    base_at_least: str | None = None
    base_above: str | None = None
    gigs_at_least: Annotated[int, Meta(ge=0)] | None = None
    gigs_above: Annotated[int, Meta(ge=0)] | None = None
    hours_at_least: str | None = None
    hours_above: str | None = None
    weekly_hours_at_least: str | None = None
    weekly_hours_above: str | None = None


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A bound on what each gig, and on what the whole period, comes to."""

    per_gig: Value | None = None
    per_period: Value | None = None


class Rounding(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which way a rule rounds, once per gig or once per period, to a multiple of `to` (default: the minor unit)."""

    direction: Direction
    per: Per
    to: str | None = None


class PartRounding(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which way one payer's part is rounded."""

    direction: Direction
    to: str | None = None


class Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One payer's part: an amount of its own or a share of the whole; the last payer bears what the others leave."""

    payer: Payer
    amount: Amount | None = None
    share: str | None = None
    rounding: PartRounding | None = None


class Share(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One benefit's weight in the split; the last benefit with any weight takes what rounding leaves."""

    benefit: BenefitId
    weight: Weight | WeightByClass = 1


class Rule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One contribution: an amount, when it is due, how it is rounded, who bears it, which benefits it feeds.

    `per` says whether the amount is made of each gig or of the period's totals; without it, as `rounding.per` does.
    Without an `amount`, what is due is what the payers' own amounts add up to.
    """

    # Stored in this order.
    amount: Amount | None = None
    rounding: Rounding
    benefits: Annotated[tuple[Share, ...], Meta(min_length=1, max_length=100)]
    per: Per | None = None
    payer: Payer | None = None
    payers: Annotated[tuple[Part, ...], Meta(max_length=3)] = ()
    when: When = When()
    cap: Limit = Limit()
    floor: Limit = Limit()

    @property
    def is_per_gig(self) -> bool:
        """Whether the amount is made of each gig."""
        return (self.per or self.rounding.per) == "gig"


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
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1, max_length=100)]
    scope: Scope = "platform"
    share_by: ShareBy | None = None
    applies_to: AppliesTo = AppliesTo()


#: What cannot change from one version of a program to the next.
FIXED_KEYS = ("currency", "period", "time_zone", "scope", "attribution_date")
