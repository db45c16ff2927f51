"""A small pooled program, and what it must come to by the plainest arithmetic.

A month's engaged hours on all platforms together: 100.00 from 10 hours on, 200.00 from 20 hours on, shared over the
platforms by engaged time, largest remainder. `PooledModel` shares no code with the exchange.
"""

from collections import Counter, defaultdict
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from domain.rule import ProgramVersion
from tests.support.gigs import TENTH, versions
from tests.support.plain_model import LastWords

_ZONE: Final = ZoneInfo("America/New_York")

HOURS: Final = """
id = "hours"
version = 1
title = "Hours on all platforms together"
source = "invented"
currency = "USD"
period = "month"
time_zone = "America/New_York"
attribution_date = "completed_at"
effective_from = 2023-01-01
scope = "pooled"
share_by = "engaged_time"

[applies_to]
jurisdictions = ["US-MA"]

[base]
components = ["fare"]

[[rules]]
rounding = { direction = "half_up", per = "period" }
benefits = [{ benefit = "stipend" }]

[rules.amount]
kind = "steps"
by = "hours"
steps = [{ at_least = "10", amount = "100.00" }, { at_least = "20", amount = "200.00" }]
"""


def pooled_program() -> tuple[ProgramVersion, ...]:
    """The program `hours`."""
    return versions(HOURS)


def plain_program() -> tuple[ProgramVersion, ...]:
    """The program `tenth`, of each platform by itself."""
    return versions(TENTH)


class PooledModel(LastWords):
    """The last word on each gig, and what is due for them in `hours`."""

    def seconds(self) -> dict[tuple[str, str], dict[str, int]]:
        """Engaged time of each worker and month, by platform."""
        sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for (platform_id, _), (gig, cancelled) in self.gigs.items():
            if not cancelled and gig.jurisdiction in (None, "US-MA"):
                month = f"{gig.completed_at.astimezone(_ZONE):%Y-%m}"
                sums[gig.worker_id, month][platform_id] += gig.engaged_seconds
        return {work: dict(of) for work, of in sums.items()}

    def due(self) -> dict[tuple[str, str], dict[str, int]]:
        """What is due for each worker and month, by platform; what is zero is left out."""
        found = {work: _shares(of) for work, of in self.seconds().items()}
        return {work: shares for work, shares in found.items() if shares}


def _shares(seconds: dict[str, int]) -> dict[str, int]:
    whole = sum(seconds.values())
    due = 200_00 if whole >= 20 * 3_600 else 100_00 if whole >= 10 * 3_600 else 0
    exact = {platform: Fraction(due * part, whole) for platform, part in sorted(seconds.items()) if due}
    shares = {platform: int(share) for platform, share in exact.items()}
    by_remainder = sorted(exact, key=lambda platform: (shares[platform] - exact[platform], platform))
    for platform in by_remainder[: due - sum(shares.values())]:
        shares[platform] += 1
    return {platform: share for platform, share in shares.items() if share}
