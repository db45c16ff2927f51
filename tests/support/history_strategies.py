"""Generated gigs and histories: what platforms report, to be tried with generated programs."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from msgspec.structs import replace

from domain.gig import Gig, GigReport
from tests.support.gigs import gig, report

VEHICLES: Final = ("bike", "car")
AGES: Final = ("old", "young")
PLATFORMS: Final = ("lyft", "uber")

#: Saturday of week 26, in the night from June to July of New York.
MIDNIGHT: Final = datetime.fromisoformat("2023-07-01T00:00:00-04:00")
times = st.builds(
    lambda days, seconds: MIDNIGHT + timedelta(days=days, seconds=seconds),
    st.sampled_from([-5, 0, 0, 0, 0, 1, 2]),
    st.sampled_from([-21_600, -1, 0, 1, 43_200]),
)
earnings = st.fixed_dictionaries(
    {"fare": st.sampled_from([0, 1, 3, 40_00, 40_01, 100_00]) | st.integers(0, 120_00)},
    optional={"incentive": st.integers(0, 50_00), "toll": st.integers(0, 9_99), "tip": st.integers(0, 9_99)},
)
seconds = st.sampled_from([0, 1, 900, 3_600]) | st.integers(0, 7_200)


def gigs(currency: str = "USD", ids: Iterable[str] = ("trip-1", "trip-2", "trip-3", "trip-4")) -> Any:
    """Gigs whose classes every generated program lists."""
    return st.builds(
        gig,
        st.sampled_from(list(ids)),
        revision=st.integers(0, 3),
        worker_id=st.sampled_from(["w-1", "w-1", "w-1", "w-2"]),
        completed_at=times,
        paid_at=times,
        engaged_seconds=seconds,
        currency=st.just(currency),
        earnings=earnings,
        vehicle_class=st.sampled_from(VEHICLES),
        worker_class=st.sampled_from(AGES),
        service=st.sampled_from([None, "ride", "ride", "delivery"]),
        jurisdiction=st.sampled_from([None, "US-NY", "US-NY", "US-NJ"]),
    )


@st.composite
def unassessable(draw: st.DrawFn, currency: str = "USD") -> Gig:
    """Gigs of another currency, or that name no class, one that nobody lists, or no day of payment."""
    odd: dict[str, Any] = draw(
        st.sampled_from([{"currency": "CAD"}, {"vehicle_class": None}, {"worker_class": "ancient"}, {"paid_at": None}])
    )
    return replace(draw(gigs(currency)), **odd)  # type: ignore[no-any-return]


@st.composite
def works(draw: st.DrawFn, currency: str = "USD", *, least: int = 0, most: int = 7) -> list[tuple[str, Gig]]:
    """Different gigs with the platforms that reported them, as they count in one period of one worker."""
    count = draw(st.integers(least, most))
    said = [draw(gigs(currency, [f"trip-{number}"])) for number in range(count)]
    return [(draw(st.sampled_from(PLATFORMS)), facts) for facts in said]


def histories(currency: str = "USD", most: int = 12) -> st.SearchStrategy[list[GigReport]]:
    """Reports with revisions, cancellations, moves between workers and periods, and some that cannot be assessed.

    No two of them are in conflict.
    """
    facts = st.one_of(*[gigs(currency)] * 7, unassessable(currency))
    reports = st.builds(
        lambda said, platform_id, cancelled: report(said, platform_id, cancelled=cancelled),
        facts,
        st.sampled_from(PLATFORMS),
        st.sampled_from([False, False, False, True]),
    )
    return st.lists(reports, min_size=1, max_size=most, unique_by=revision)


def revision(said: GigReport) -> tuple[str, str, int]:
    """What no two reports with different content share."""
    return said.platform_id, said.gig.gig_id, said.gig.revision


@st.composite
def arrivals(draw: st.DrawFn, said: list[GigReport]) -> list[GigReport]:
    """The same reports in another order, some of them repeated."""
    again = draw(st.lists(st.sampled_from(said), max_size=5))
    return draw(st.permutations(said + again))
