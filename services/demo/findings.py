"""What a demonstration found, as one value: printed as tables or as one object of JSON."""

from datetime import date

from msgspec import Struct

from domain.gig import Gig
from domain.money import Money


class ComparedTrip(Struct, frozen=True):
    """A trip's contribution as the exchange computed it, beside the surcharge that was really booked."""

    platform_id: str
    gig_id: str
    completed_on: date
    base: Money
    rate: str
    accrued: Money
    booked: Money


class BlackCarFund(Struct, frozen=True):
    """How many trips were compared, how many are equal to the cent, each that is not, and a few that are."""

    trips: int
    equal: int
    different: list[ComparedTrip]
    examples: list[ComparedTrip]


class Part(Struct, frozen=True):
    """What an account holds for one benefit."""

    benefit: str
    pending: Money


class Source(Struct, frozen=True):
    """What one platform brought into an account, by how many trips."""

    platform_id: str
    trips: int
    accrued: Money


class Account(Struct, frozen=True):
    """One worker's account: what it is for and where it came from, largest first."""

    worker_id: str
    total: Money
    benefits: list[Part]
    sources: list[Source]


class Debt(Struct, frozen=True):
    """What one platform owes to one program so far, and who bears it."""

    platform_id: str
    program_id: str
    title: str
    payer: str
    trips: int
    period_kind: str
    periods: int
    accrued: Money


class Sums(Struct, frozen=True):
    """The running totals of a work period."""

    gigs: int
    base: Money
    engaged_seconds: int


class ExplainedLine(Struct, frozen=True):
    """What one gig moved for one benefit, and the entitlement on both sides of it."""

    benefit: str
    payer: str
    amount: Money
    entitled_before: Money
    entitled: Money


class ExplainedProgram(Struct, frozen=True):
    """What one program made of a gig: the rule's arithmetic in words, totals and lines."""

    program_id: str
    program_version: int
    title: str
    period: str
    arithmetic: list[str]
    totals_before: Sums
    totals_after: Sums
    lines: list[ExplainedLine]


class ExplainedGig(Struct, frozen=True):
    """A gig with everything that follows from it; `facts` are as on the wire."""

    platform_id: str
    gig_id: str
    words: str
    facts: Gig
    programs: list[ExplainedProgram]


class RefusedMessage(Struct, frozen=True):
    """A message that was not taken, and why."""

    quarantine_id: int
    platform_id: str
    reason: str
    detail: str


class ReplayCheck(Struct, frozen=True):
    """Whether the views are what the log says, and how much was replayed to know it."""

    equal: bool
    position: int
    events: int
    rows: dict[str, int]
    differences: int


class Findings(Struct, frozen=True):
    """Everything a demonstration found. `changed` is false where all of it had been taken in before."""

    messages: int
    changed: bool
    black_car_fund: BlackCarFund
    workers: list[Account]
    platforms: list[Debt]
    explained: ExplainedGig
    quarantine: list[RefusedMessage]
    outcomes: dict[str, int]
    replay: ReplayCheck
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether each trip is equal to the cent and each view to the log."""
        return self.replay.equal and not self.black_car_fund.different
