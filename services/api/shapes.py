"""The shapes of requests and answers: what is sent and what the OpenAPI document says are one and the same."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, StringConstraints

from domain.identifiers import NAME_PATTERN, OPAQUE_PATTERN

#: The domain's patterns, ended as pydantic's and JSON Schema's dialects do.
NAME: Final = NAME_PATTERN.replace(r"\Z", "$")
OPAQUE: Final = OPAQUE_PATTERN.replace(r"\Z", "$")

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _iso_date(value: object) -> date:
    """Only `YYYY-MM-DD`: no timestamps, no times of day."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("expected a date such as 2023-01-01")
    return date.fromisoformat(value)


Name = Annotated[str, StringConstraints(strict=True, pattern=NAME)]
Day = Annotated[date, BeforeValidator(_iso_date)]


class Shape(BaseModel):
    """Everything on the wire: exactly these keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Requests


class NewPlatform(Shape):
    """A platform to register."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"platform_id": "uber", "name": "Uber"}]})

    platform_id: Name
    name: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class NewMembership(Shape):
    """A program to join, from the first day of one of its periods on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"program_id": "black-car-fund", "effective_from": "2023-01-01"}]}
    )

    program_id: Name
    effective_from: Day


class NewVersion(RootModel[dict[str, Any]]):
    """A version of a program, with the keys of a program file; `id` may be left out, for the path names it."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "title": "Two per cent and a floor",
                    "source": "an example",
                    "currency": "USD",
                    "period": "month",
                    "time_zone": "America/New_York",
                    "attribution_date": "completed_at",
                    "effective_from": "2030-01-01",
                    "base": {"components": ["fare", "incentive"]},
                    "rules": [
                        {
                            "amount": {"kind": "percent", "rate": "2 %"},
                            "when": {"base_at_least": "500.00"},
                            "floor": {"per_period": "15.00"},
                            "rounding": {"direction": "half_up", "per": "period"},
                            "payer": "platform",
                            "benefits": [{"benefit": "retirement", "weight": 3}, {"benefit": "health", "weight": 1}],
                        }
                    ],
                }
            ]
        },
    )


# Money and time


class Money(Shape):
    """An amount in integer minor units with its currency (ISO 4217): 1234 USD is 12.34 dollars."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount_minor": 1234, "currency": "USD"}]})

    amount_minor: int
    currency: str


class Positioned(Shape):
    """An answer, and the position in the log that it stands at."""

    position: Annotated[int, Field(examples=[4711])]


# Workers


class BenefitBalance(Shape):
    """What a worker has for one benefit in one currency, by phase: pending → available → held → paid out."""

    benefit: str
    pending: Money
    available: Money
    held: Money
    paid_out: Money
    to_be_netted: Money


class Balance(Positioned):
    """A worker's balance."""

    worker_id: str
    claimed: bool
    benefits: list[BenefitBalance]


class Source(Shape):
    """What one platform's gigs brought for one benefit."""

    platform_id: str
    benefit: str
    accrued: Money
    pending: Money
    credited: Money


class Sources(Positioned):
    """Where a worker's benefits came from."""

    worker_id: str
    sources: list[Source]


class Line(Shape):
    """What a gig moved for one benefit, who bears it, and what the worker is entitled to in the period after it.

    `platform_id` owes it: in a pooled program a gig may move what another platform owes. `uncapped` is what the
    entitlement would be without caps, null where that is the same.
    """

    benefit: str
    payer: str
    platform_id: str
    amount: Money
    entitled: Money
    uncapped: Money | None = None


class Entry(Shape):
    """One thing that happened on a worker's account; program and period are null where no program took the gig.

    `cause` is what a platform reported of the gig, or a version of the program: then all gigs of the period count by
    `program_version` from now on instead of `replaced_version`, and the gig named is one of them.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "position": 4711,
                    "recorded_at": "2024-08-01T09:00:00Z",
                    "kind": "contribution_adjusted",
                    "cause": "program_version",
                    "platform_id": "uber",
                    "program_id": "stride-pennsylvania",
                    "program_version": 2,
                    "period": "2024-Q2",
                    "gig_id": "trip-8817",
                    "revision": 0,
                    "completed_at": "2024-06-28T22:18:22-04:00",
                    "lines": [
                        {
                            "benefit": "portable_account",
                            "payer": "platform",
                            "platform_id": "uber",
                            "amount": {"amount_minor": 1250, "currency": "USD"},
                            "entitled": {"amount_minor": 6000, "currency": "USD"},
                            "uncapped": {"amount_minor": 6252, "currency": "USD"},
                        }
                    ],
                    "reason": None,
                    "replaced_revision": None,
                    "replaced_version": 1,
                }
            ]
        }
    )

    position: int
    recorded_at: datetime
    kind: Literal["contribution_accrued", "contribution_adjusted", "contribution_reversed", "gig_recorded"]
    cause: Literal["gig", "program_version"] = "gig"
    platform_id: str
    program_id: str | None
    program_version: int | None
    period: str | None
    gig_id: str
    revision: int
    completed_at: datetime
    lines: list[Line]
    reason: Literal["cancelled", "moved"] | None = None
    replaced_revision: int | None = None
    replaced_version: int | None = None


class Entries(Positioned):
    """A page of a worker's entries, newest first; `next_cursor` is null on the last."""

    worker_id: str
    entries: list[Entry]
    next_cursor: str | None


# Platforms


class Membership(Shape):
    """Member of a program from the first day (inclusive) until the last (exclusive; null: open)."""

    program_id: str
    effective_from: date
    effective_until: date | None


class Platform(Shape):
    """A platform; `suspended` is the reason while it is."""

    platform_id: str
    name: str
    suspended: str | None
    memberships: list[Membership]


class PlatformAt(Positioned, Platform):
    """A platform as it stands at a position."""


class Platforms(Positioned):
    """All platforms."""

    platforms: list[Platform]


class Liability(Shape):
    """What a platform owes to one program for one period, by who bears it."""

    program_id: str
    period: str
    payer: str
    accrued: Money


class LiabilityTotal(Shape):
    """What a platform owes in one currency."""

    accrued: Money


class Liabilities(Positioned):
    """What a platform owes."""

    platform_id: str
    lines: list[Liability]
    totals: list[LiabilityTotal]


# Gigs


class Totals(Shape):
    """Running totals over the gigs of one class, and in a pooled program of one platform.

    `rounded` has the sums of the rules that round each gig, `exact_minor` those of rules that add up exact amounts, as
    ratios in minor units; where gigs are capped, a second sum is what they would come to without caps.
    """

    gigs: int
    base: Money
    engaged_seconds: int
    rounded: list[Money]
    exact_minor: list[str]
    platform_id: str | None
    vehicle_class: str | None
    worker_class: str | None


class ExplainedLine(Line):
    """A line with the entitlement before it and its arithmetic in words."""

    entitled_before: Money
    words: str


class GigProgram(Shape):
    """What one program made of a gig.

    `counts_by_version` is not `program_version` where all gigs of the period were assessed again since. In a pooled
    program a platform sees the totals and lines of its own.
    """

    program_id: str
    program_version: int
    counts_by_version: int
    title: str
    period: str
    kind: Literal["accrued", "adjusted", "reversed"]
    revision: int
    reason: Literal["cancelled", "moved"] | None
    position: int
    recorded_at: datetime
    facts: dict[str, Any]
    totals_before: list[Totals]
    totals_after: list[Totals]
    lines: list[ExplainedLine]
    words: str
    arithmetic: list[str]


class Gig(Positioned):
    """A gig explained; `facts` are those reported last, as on the wire (amounts in minor units of `currency`)."""

    platform_id: str
    gig_id: str
    revision: int
    state: Literal["counted", "cancelled", "recorded", "moved"]
    words: str
    facts: dict[str, Any]
    programs: list[GigProgram]


# Programs


class Program(Shape):
    """A program with all versions as they were written, oldest publication first."""

    program_id: str
    versions: list[dict[str, Any]]


class ProgramAt(Positioned, Program):
    """A program as it stands at a position."""


class Programs(Positioned):
    """All programs."""

    programs: list[Program]


class Moved(Shape):
    """Money of one currency: what accrues more, what is taken back (neither is negative), and what is left of both."""

    net: Money
    plus: Money
    minus: Money


class Effect(Shape):
    """What publishing a version would move where gigs were taken already.

    `gigs` are those that other programs would take than now; `unassessable` is how many would stay as they are because
    the version cannot assess them.
    """

    workers: int
    platforms: int
    work_periods: int
    gigs: int
    money: list[Moved]
    unassessable: int


class VersionAt(Positioned):
    """A version as it was written; `published`: whether the log has it; `effect` answers a dry run."""

    program_id: str
    version: dict[str, Any]
    published: bool
    effect: Effect | None = None


# Service


class Check(Shape):
    """One thing that readiness depends on."""

    check: str
    ok: bool
    detail: str


class Readiness(Shape):
    """Whether requests can be answered."""

    ready: bool
    checks: list[Check]


class Alive(Shape):
    """The process runs."""

    alive: Literal[True] = True


class Fault(Shape):
    """One part of a request that is not as expected."""

    key: str
    detail: str


class Problem(Shape):
    """A refusal (RFC 9457); programs rely on `code`, people read `detail`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: list[Fault] | None = None
