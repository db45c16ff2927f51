"""What `demo-weekly` must come to, by the plainest arithmetic: no events, no streams, no order of arrival.

The highest revision of each gig counts; per platform, worker and week the fares add up; four percent of them are due
from 150.00 on, half a cent up; five parts go to retirement and three to paid leave, each floored, the rest to health.
It shares no code with the exchange.
"""

from collections import defaultdict
from typing import Final
from zoneinfo import ZoneInfo

from domain.gig import Gig

_ZONE: Final = ZoneInfo("America/New_York")

#: Platform, worker and week.
Work = tuple[str, str, str]


class LastWords:
    """The last word on each gig: its facts, and whether it is cancelled."""

    def __init__(self) -> None:
        self.gigs: dict[tuple[str, str], tuple[Gig, bool]] = {}

    def report(self, platform_id: str, gig: Gig, *, cancelled: bool = False) -> None:
        """Remember a report, unless a later revision is known."""
        key = (platform_id, gig.gig_id)
        if key not in self.gigs or gig.revision > self.gigs[key][0].revision:
            self.gigs[key] = gig, cancelled


class PlainModel(LastWords):
    """The last word on each gig, and what follows from it."""

    def standing(self) -> dict[tuple[str, str], tuple[int, bool]]:
        """Revision of each gig, and whether it is cancelled."""
        return {key: (gig.revision, cancelled) for key, (gig, cancelled) in self.gigs.items()}

    def fares(self) -> dict[Work, tuple[int, int]]:
        """Number of gigs and fares of each week that any count in."""
        sums: defaultdict[Work, list[int]] = defaultdict(lambda: [0, 0])
        for (platform_id, _), (gig, cancelled) in self.gigs.items():
            if not cancelled:
                year, week, _ = gig.completed_at.astimezone(_ZONE).isocalendar()
                of_week = sums[platform_id, gig.worker_id, f"{year}-W{week:02d}"]
                of_week[0] += 1
                of_week[1] += gig.earnings["fare"]
        return {work: (gigs, fare) for work, (gigs, fare) in sums.items()}

    def due(self) -> dict[Work, dict[str, int]]:
        """What is due for each week, by benefit; weeks without any are left out."""
        found = {work: _benefits(fare) for work, (_, fare) in self.fares().items()}
        return {work: benefits for work, benefits in found.items() if benefits}

    def balances(self) -> dict[tuple[str, str], int]:
        """What each worker has, by benefit."""
        sums: defaultdict[tuple[str, str], int] = defaultdict(int)
        for (_, worker_id, _), benefits in self.due().items():
            for benefit, amount in benefits.items():
                sums[worker_id, benefit] += amount
        return dict(sums)

    def liabilities(self) -> dict[tuple[str, str], int]:
        """What each platform owes for each week."""
        sums: defaultdict[tuple[str, str], int] = defaultdict(int)
        for (platform_id, _, week), benefits in self.due().items():
            sums[platform_id, week] += sum(benefits.values())
        return dict(sums)


def _benefits(fare_minor: int) -> dict[str, int]:
    due = (fare_minor * 4 + 50) // 100 if fare_minor >= 150_00 else 0
    retirement, paid_leave = due * 5 // 10, due * 3 // 10
    parts = {"retirement": retirement, "paid_leave": paid_leave, "health": due - retirement - paid_leave}
    return {benefit: amount for benefit, amount in parts.items() if amount}
