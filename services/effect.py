"""What a re-assessment moved, or would move: counted the same way for both."""

from collections import defaultdict
from typing import Final

from msgspec import Struct

from domain.reassessment import Finding, Plan
from domain.work_period import Contribution

#: How many findings are told one by one; all are counted.
FINDINGS_TOLD_MAX: Final = 1_000


class Moved(Struct, frozen=True):
    """Money of one currency: what accrues more, what is taken back (neither is negative), and what is left of both."""

    net_minor: int = 0
    plus_minor: int = 0
    minus_minor: int = 0


class Effect(Struct, frozen=True):
    """How many work periods, workers, platforms and gigs got something written, and how much money that moved.

    `gigs` are those that other programs take than before. `findings` are the first of what stays as it is although it
    should not, `findings_count` how many there are.
    """

    work_periods: int = 0
    workers: int = 0
    platforms: int = 0
    gigs: int = 0
    money: dict[str, Moved] = {}
    findings: tuple[Finding, ...] = ()
    findings_count: int = 0


class Tally:
    """Adds plans up, one for each worker."""

    def __init__(self) -> None:
        self._work_periods = self._workers = self._gigs = self._findings_count = 0
        self._platforms: set[str] = set()
        self._money: dict[str, Moved] = {}
        self._findings: list[Finding] = []

    def add(self, plan: Plan) -> None:
        """Count what follows for one more worker."""
        self._workers += bool(plan.events)
        self._gigs += len(plan.registered)
        self._findings_count += len(plan.findings)
        self._findings += plan.findings[: FINDINGS_TOLD_MAX - len(self._findings)]
        contributions = [(new.stream, new.event) for new in plan.events if isinstance(new.event, Contribution)]
        self._work_periods += len({stream for stream, _ in contributions})
        self._platforms.update([event.platform_id for _, event in contributions])
        self._count_money(contributions)

    def _count_money(self, contributions: list[tuple[str, Contribution]]) -> None:
        """What goes up and down again within one work period is not moved."""
        nets: defaultdict[tuple[str, ...], int] = defaultdict(int)
        for stream, event in contributions:
            for line in event.lines:
                self._platforms.add(line.platform_id)
                nets[event.gig.currency, stream, line.benefit, line.payer, line.platform_id] += line.amount_minor
        for (currency, *_), net in nets.items():
            was = self._money.get(currency, Moved())
            self._money[currency] = Moved(
                was.net_minor + net, was.plus_minor + max(net, 0), was.minus_minor + max(-net, 0)
            )

    @property
    def effect(self) -> Effect:
        """What it all came to so far."""
        return Effect(
            self._work_periods,
            self._workers,
            len(self._platforms),
            self._gigs,
            dict(sorted(self._money.items())),
            tuple(self._findings),
            self._findings_count,
        )
