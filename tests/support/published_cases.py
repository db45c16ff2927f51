"""The published worked examples as data: what was worked, and what is owed for it to the cent.

Each is somebody's published number or plain arithmetic on a published rule; the numbers are those of the collection
that they come from. Every case has a worker of its own and every platform reports for programs that take different
gigs, so that all of them can go through one exchange at once.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from domain.gig import Gig, GigReport
from domain.money import written
from domain.rule import ProgramVersion
from services.demo import trips
from tests.support.gigs import report, shipped
from tests.support.published_gigs import (
    FIFTY,
    SPRING_2021,
    SPRING_2025,
    cleanings,
    dash,
    maryland,
    payout,
    service,
    task,
    wages,
    weekly,
)

#: A clock by which the latest case has happened.
NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)


class Owed(Struct, frozen=True):
    """What is expected of a platform in the period; of all benefits and all payers where none is named."""

    platform_id: str
    amount_minor: int
    payer: str | None = None
    benefit: str | None = None
    uncapped_minor: int | None = None


class PublishedCase(Struct, frozen=True):
    """One worker's gigs in one period, with the platforms that report them, and what they come to."""

    number: int
    says: str
    program_id: str
    gigs: tuple[tuple[str, Gig], ...]
    owed: tuple[Owed, ...]
    base_minor: int | None = None

    @property
    def name(self) -> str:
        """What the case is called in a list."""
        return f"case {self.number}: {self.says}"

    @property
    def worker_id(self) -> str:
        """The worker, whom no other case has."""
        return self.gigs[0][1].worker_id

    @property
    def reports(self) -> list[GigReport]:
        """What the platforms say."""
        return [report(facts, platform_id, now=NOW) for platform_id, facts in self.gigs]

    @property
    def lines(self) -> list[str]:
        """The gigs as a file holds them, one a line."""
        return [
            msgspec.json.encode(msgspec.to_builtins(facts) | {"platform_id": platform_id}).decode()
            for platform_id, facts in self.gigs
        ]


def _case(
    number: int,
    says: str,
    program_id: str,
    gigs: Iterable[tuple[str, Gig]],
    *owed: Owed,
    base_minor: int | None = None,
) -> PublishedCase:
    """A case whose worker and gigs are named after it."""
    worker = f"case-{number}-" + "".join([letter if letter.isalnum() else "-" for letter in says])
    own = [
        (platform_id, msgspec.structs.replace(facts, worker_id=worker, gig_id=f"{worker}-{at}"))
        for at, (platform_id, facts) in enumerate(gigs)
    ]
    return PublishedCase(number, says, program_id, tuple(own), owed, base_minor)


# Case 1: the Black Car Fund's surcharge that Uber and Lyft really booked


def _surcharges() -> list[PublishedCase]:
    records = trips.rows((files("services.demo") / "data" / "nyc_hvfhv_2023.csv").read_text("utf-8"))
    return [
        _case(
            1,
            trip.gig.gig_id,
            "black-car-fund",
            [(trip.platform_id, trip.gig)],
            Owed(trip.platform_id, trip.surcharge_minor or 0, payer="customer", benefit="workers_compensation"),
        )
        for trip in trips.black_car_trips(records, ["w-1"])
    ]


# Cases 2 to 5: CPF of platform workers, 2029


def _cpf(
    number: int, says: str, tasks: list[tuple[str, Gig]], total: int, worker: int, base_minor: int, *accounts: Owed
) -> PublishedCase:
    owed = [
        Owed("gojek", total),
        Owed("gojek", worker, payer="worker"),
        Owed("gojek", total - worker, payer="platform"),
        *accounts,
    ]
    return _case(number, says, "cpf-platform-workers", tasks, *owed, base_minor=base_minor)


def _cpf_cases() -> list[PublishedCase]:
    accounts = [
        Owed("gojek", 380_00, benefit="ordinary_account"),
        Owed("gojek", 160_00, benefit="special_account"),
        Owed("gojek", 200_00, benefit="medisave_account"),
    ]
    both = [task(500_00, "motorcycle"), task(500_00, "bicycle")]
    return [
        _cpf(2, "4,000.00 by motorcycle", [task(4_000_00, "motorcycle")], 962_00, 520_00, 2_600_00),
        # 17 % of 725.00 and 60 % of 225.00 are 258.25; the worker bears 135.00 of it.
        _cpf(3, "500.00 by motorcycle and 500.00 by bicycle", both, 258_00, 135_00, 725_00),
        _cpf(3, "1,000.00 by motorcycle", [task(1_000_00, "motorcycle")], 201_00, 90_00, 650_00),
        _cpf(3, "3,000.00 by car", [task(3_000_00, "car")], 444_00, 240_00, 1_200_00),
        _cpf(4, "2,000.00 at the age of 50", [task(5_000_00, "car", FIFTY)], 740_00, 400_00, 2_000_00, *accounts),
        # 37 % of 1,234.80 are 456.876, 20 % are 246.96.
        _cpf(5, "total rounded up", [task(3_087_00, "car")], 457_00, 246_00, 1_234_80),
        # 37 % of 1,233.60 are 456.432, 20 % are 246.72.
        _cpf(5, "total rounded down", [task(1_542_00, "bicycle")], 456_00, 246_00, 1_233_60),
        # 37 % of 1,350.00 are 499.50, a tie.
        _cpf(5, "total at half a dollar", [task(3_375_00, "car")], 500_00, 270_00, 1_350_00),
    ]


# Cases 6 and 14: DoorDash and Stride


def _stride_cases() -> list[PublishedCase]:
    quarters = [(999_99, 0), (1_000_00, 40_00), (1_250_50, 50_02)]
    months = [(999_99, 150, 0), (1_000_00, 100, 0), (1_000_00, 101, 40_00)]
    return [
        _case(
            6,
            f"{written(earned, 'USD')} in a quarter",
            "stride-pennsylvania",
            [
                dash(600_00, "2024-04-01T00:00:00-04:00", "US-PA"),
                dash(earned - 600_00, "2024-06-30T23:59:59-04:00", "US-PA"),
            ],
            Owed("doordash", owed, payer="platform"),
            base_minor=earned,
        )
        for earned, owed in quarters
    ] + [
        _case(
            14,
            f"{written(earned, 'USD')} in {deliveries} deliveries",
            "stride-maryland",
            maryland(earned, deliveries),
            Owed("doordash", owed, payer="platform"),
            base_minor=earned,
        )
        for earned, deliveries, owed in months
    ]


# Cases 7 and 13: Washington's bills


def _washington_cases() -> list[PublishedCase]:
    found = []
    for number, program_id, platform_id, fee, minutes, owed in [
        (7, "washington-hb2812", "errands", 20_00, 30, 1_00),
        (7, "washington-hb2812", "errands", 5_00, 60, 75),
        (13, "washington-hb2109", "odd-jobs", 20_00, 30, 3_00),
        (13, "washington-hb2109", "odd-jobs", 8_00, 60, 2_00),
    ]:
        gigs = [service(platform_id, fee, minutes * 60)]
        expected = Owed(platform_id, owed, payer="platform")
        found.append(_case(number, f"{written(fee, 'USD')} for {minutes} minutes", program_id, gigs, expected))
    return found


# Cases 9, 12 and 15: health stipends by engaged hours a week


def _stipends(
    number: int, program_id: str, first: datetime, jurisdiction: str, owed_by_hours: dict[int, int]
) -> list[PublishedCase]:
    return [
        _case(
            number,
            f"{written(hours, 'USD')} hours a week",
            program_id,
            weekly("uber", hours, first, jurisdiction),
            Owed("uber", owed, payer="platform"),
        )
        for hours, owed in owed_by_hours.items()
    ]


def _stipend_cases() -> list[PublishedCase]:
    """Hours are written in hundredths."""
    massachusetts = {14_99: 0, 15_00: 537_00, 24_99: 537_00, 25_00: 1_074_00}
    california = {14_99: 0, 15_00: 613_50, 25_00: 1_227_00}
    both = weekly("uber", 10_00, SPRING_2025, "US-MA") + weekly("lyft", 5_00, SPRING_2025, "US-MA")
    shares = Owed("uber", 358_00), Owed("lyft", 179_00)
    return [
        *_stipends(9, "massachusetts-health-stipend", SPRING_2025, "US-MA", massachusetts),
        *_stipends(12, "prop-22-stipend", SPRING_2021, "US-CA", california),
        _case(15, "10 and 5 hours a week", "massachusetts-health-stipend", both, *shares),
    ]


# Case 10: Karnataka


def _karnataka_cases() -> list[PublishedCase]:
    found = [
        _case(
            10,
            f"{written(fare, 'INR')} rupees",
            "karnataka-welfare-fee",
            [payout(fare)],
            Owed("namma", owed, payer="platform", uncapped_minor=uncapped),
        )
        for fare, owed, uncapped in [(40_00, 40, 40), (90_00, 90, 90), (400_00, 1_00, 4_00)]
    ]
    all_three = [payout(fare) for fare in (40_00, 90_00, 400_00)]
    both = Owed("namma", 2_30, uncapped_minor=5_30)
    return [*found, _case(10, "all three in a quarter", "karnataka-welfare-fee", all_three, both)]


# Case 11: SOKA-BAU


def _soka_cases() -> list[PublishedCase]:
    months = [
        ("2010-01-01T00:00:00", 143_00),
        ("2013-12-31T23:59:59", 143_00),
        ("2014-01-01T00:00:00", 153_00),
        ("2014-12-31T23:59:59", 153_00),
        ("2015-01-01T00:00:00", 151_00),
        ("2015-12-31T23:59:59", 151_00),
        ("2016-01-01T00:00:00", 145_00),
        ("2018-12-31T23:59:59", 145_00),
        ("2019-01-01T00:00:00", 154_00),
        ("2021-12-31T23:59:59", 154_00),
        ("2022-01-01T00:00:00", 152_00),
        ("2023-12-31T23:59:59", 152_00),
    ]
    return [
        _case(11, f"wages of {at}", "soka-bau", [wages(f"{at}+01:00")], Owed("bau", owed, payer="platform"))
        for at, owed in months
    ]


CASES: Final = (
    *_surcharges(),
    *_cpf_cases(),
    *_stride_cases(),
    *_washington_cases(),
    _case(8, "24 cleanings", "alia", cleanings(24), Owed("alia", 120_00, payer="customer")),
    *_stipend_cases(),
    *_karnataka_cases(),
    *_soka_cases(),
)
PROGRAM_IDS: Final = tuple(sorted({case.program_id for case in CASES}))
#: The programs that each platform reports for.
MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    platform_id: tuple(sorted({case.program_id for case in CASES if platform_id in dict(case.gigs)}))
    for platform_id in sorted({platform_id for case in CASES for platform_id, _ in case.gigs})
}


def programs() -> list[tuple[ProgramVersion, ...]]:
    """The versions of each program that has a case."""
    return [shipped(program_id) for program_id in PROGRAM_IDS]
