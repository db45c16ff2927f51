"""The shipped programs keep to their rules at the edges: brackets, thresholds, caps, classes, lengths of quarters."""

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from itertools import permutations
from typing import Final

import pytest

from domain.assessment import Entitled
from domain.assessors import Assessors
from domain.gig import Gig
from domain.period import days
from domain.totals import Totals, plus
from tests.support.gigs import configuration, gig, published, shipped
from tests.support.memory_exchange import MemoryExchange
from tests.support.published_cases import CASES, MEMBERS, PROGRAM_IDS, programs
from tests.support.published_gigs import (
    FIFTY,
    SPRING_2025,
    YOUNG,
    cleanings,
    dash,
    maryland,
    payout,
    service,
    task,
    weekly,
)

EXCHANGE: Final = configuration(programs(), MEMBERS)
PROGRAMS: Final = {program_id: Assessors(published(*shipped(program_id))) for program_id in PROGRAM_IDS}
Reported = tuple[str, Gig]


def entitled(program_id: str, period: str, gigs: Iterable[Reported]) -> tuple[Entitled, ...]:
    """What gigs of one period come to by the version in force."""
    assessor = PROGRAMS[program_id].in_force(period)
    totals: Totals = ()
    platform = ""
    for platform, facts in gigs:
        totals = plus(totals, assessor.measure(facts, platform))
    return assessor.entitlement(totals, period, platform)


def total(program_id: str, period: str, *gigs: Reported) -> int:
    """All of it."""
    return sum(each.amount_minor for each in entitled(program_id, period, gigs))


def by(key: str, program_id: str, period: str, *gigs: Reported) -> dict[str, int]:
    """What each payer bears, platform owes, or benefit gets; what is nothing is left out."""
    found: defaultdict[str, int] = defaultdict(int)
    for each in entitled(program_id, period, gigs):
        found[getattr(each, key)] += each.amount_minor
    return {name: amount for name, amount in found.items() if amount}


# CPF

CPF: Final = ("cpf-platform-workers", "2029-03")


def with_coin(net: int, worker_class: str = YOUNG) -> list[Reported]:
    """Tasks whose net earnings are exactly this, although a car alone cannot make them: 13 of it by motorcycle."""
    by_car, rest = divmod((net - 13) * 5, 2)
    assert rest == 0
    return [task(by_car, "car", worker_class), task(20, "motorcycle", worker_class)]


@pytest.mark.parametrize(
    ("tasks", "net", "worker", "operator"),
    [
        ([task(125_00, "car")], Fraction(50_00), 0, 0),
        # A tenth of a cent above the bracket's edge is above it: what a rate multiplies is never rounded.
        ([task(125_01, "car")], Fraction(50_004, 10), 0, 9_00),
        (with_coin(50_01), Fraction(50_01), 0, 9_00),
        ([task(1_250_00, "car")], Fraction(500_00), 0, 85_00),
        ([task(1_500_00, "car")], Fraction(600_00), 60_00, 102_00),
        ([task(1_875_00, "car")], Fraction(750_00), 150_00, 128_00),
        (with_coin(750_01), Fraction(750_01), 150_00, 128_00),
        ([task(10_000_000_00, "on_foot")], Fraction(8_000_000_00), 1_600_000_00, 1_360_000_00),
    ],
)
def test_cpf_brackets_begin_above_their_edges(tasks: list[Reported], net: Fraction, worker: int, operator: int) -> None:
    assessor = PROGRAMS[CPF[0]].in_force(CPF[1])
    totals: Totals = ()
    for platform, facts in tasks:
        totals = plus(totals, assessor.measure(facts, platform))
    assert assessor.base(totals) == net
    assert by("payer", *CPF, *tasks) == {
        payer: amount for payer, amount in [("worker", worker), ("platform", operator)] if amount
    }


@pytest.mark.parametrize(
    ("vehicle_class", "net"),
    [
        ("car", 400_00), ("van", 400_00), ("lorry", 400_00), ("truck", 400_00),
        ("motorcycle", 650_00), ("power_assisted_bicycle", 650_00), ("pmd", 650_00),
        ("bicycle", 800_00), ("on_foot", 800_00),
    ],
)  # fmt: skip
def test_cpf_deducts_expenses_by_vehicle(vehicle_class: str, net: int) -> None:
    assessor = PROGRAMS[CPF[0]].in_force(CPF[1])
    assert assessor.base((assessor.measure(task(1_000_00, vehicle_class)[1]),)) == net


@pytest.mark.parametrize(
    ("worker_class", "worker", "operator", "accounts"),
    [
        (YOUNG, 400_00, 340_00, (460_00, 120_00, 0, 160_00)),
        ("opted_in_above_35_to_45", 400_00, 340_00, (420_00, 140_00, 0, 180_00)),
        (FIFTY, 400_00, 340_00, (380_00, 160_00, 0, 200_00)),
        ("opted_in_above_50_to_55", 400_00, 340_00, (300_00, 230_00, 0, 210_00)),
        ("opted_in_above_55_to_60", 380_00, 330_00, (240_00, 0, 260_00, 210_00)),
        ("opted_in_above_60_to_65", 260_00, 260_00, (70_00, 0, 240_00, 210_00)),
        ("opted_in_above_65_to_70", 150_00, 180_00, (20_00, 0, 100_00, 210_00)),
        ("opted_in_above_70", 100_00, 150_00, (20_00, 0, 20_00, 210_00)),
        ("not_opted_in_35_and_below", 160_00, 0, (0, 0, 0, 160_00)),
        ("not_opted_in_above_35_to_45", 180_00, 0, (0, 0, 0, 180_00)),
        ("not_opted_in_above_45_to_50", 200_00, 0, (0, 0, 0, 200_00)),
        ("not_opted_in_above_50", 210_00, 0, (0, 0, 0, 210_00)),
    ],
)
def test_cpf_on_2_000_net_by_age_band(
    worker_class: str, worker: int, operator: int, accounts: tuple[int, int, int, int]
) -> None:
    month = task(5_000_00, "car", worker_class)
    payers = {"worker": worker, "platform": operator}
    names = ("ordinary_account", "special_account", "retirement_account", "medisave_account")
    assert by("payer", *CPF, month) == {payer: amount for payer, amount in payers.items() if amount}
    assert by("benefit", *CPF, month) == {name: amount for name, amount in zip(names, accounts, strict=True) if amount}


@pytest.mark.parametrize(("net", "expected"), [(500_00, 0), (600_00, 30_00), (750_00, 75_00), (2_000_00, 200_00)])
def test_cpf_of_a_worker_who_did_not_opt_in_grows_from_500_and_is_the_workers_alone(net: int, expected: int) -> None:
    month = task(net * 5 // 2, "car", "not_opted_in_above_45_to_50")
    assert by("payer", *CPF, month) == ({"worker": expected} if expected else {})


def test_cpf_of_two_classes_in_a_month_counts_each_by_its_own_rate_in_the_bracket_of_the_whole() -> None:
    # 500.00 and 300.00 net: neither is above 750.00, both together are. 300.00 at 37 % and 500.00 at 35.5 % are 288.50.
    months = [task(750_00, "car", "opted_in_above_50_to_55"), task(1_250_00, "car", "opted_in_above_55_to_60")]
    for tasks in permutations(months):
        assert by("payer", *CPF, *tasks) == {"worker": 155_00, "platform": 134_00}


def test_cpf_shares_add_up_for_every_base() -> None:
    for gross in range(1_300_00, 2_400_00, 37_77):
        net = Fraction(gross * 2, 5)
        worker = net / 5 if net > 750_00 else max(net - 500_00, Fraction(0)) * 3 / 5
        whole = (net * 17 / 100 + worker + 50) // 100 * 100
        borne = by("payer", *CPF, task(gross, "car"))
        assert borne.get("worker", 0) == worker // 100 * 100
        assert sum(borne.values()) == whole


# DoorDash and Stride


def test_the_delivery_that_reaches_the_thousand_accrues_for_the_whole_quarter() -> None:
    fares = [600_00, 399_99, 1, 250_50]
    deliveries = [dash(fare, "2024-05-15T12:00:00-04:00", "US-PA") for fare in fares]
    sums = [total("stride-pennsylvania", "2024-Q2", *deliveries[: at + 1]) for at in range(4)]
    assert sums == [0, 0, 40_00, 50_02]


@pytest.mark.parametrize(
    ("earned", "deliveries", "expected"),
    [(999_99, 101, 0), (1_000_00, 100, 0), (1_000_00, 101, 40_00), (5_000_00, 100, 0), (1_000_13, 102, 40_01)],
)
def test_maryland_asks_for_both_thresholds(earned: int, deliveries: int, expected: int) -> None:
    assert total("stride-maryland", "2025-06", *maryland(earned, deliveries)) == expected


# Washington


@pytest.mark.parametrize(
    ("fee", "seconds", "expected"),
    # 15 % of 10.00 take 45 minutes at 2.00 an hour; a second less is 1.49944…
    [(10_00, 2_700, 1_50), (10_00, 2_699, 1_50), (10_00, 2_680, 1_49), (10_00, 0, 0), (0, 3_600, 0), (3, 3_600, 0)],
)
def test_hb2812_pays_by_the_second_up_to_the_share_of_the_fee(fee: int, seconds: int, expected: int) -> None:
    assert total("washington-hb2812", "2018-03", service("errands", fee, seconds)) == expected


def test_each_service_is_limited_by_itself() -> None:
    two = service("odd-jobs", 20_00, 1_800), service("odd-jobs", 8_00, 3_600)
    assert total("washington-hb2109", "2018-03", *two) == 5_00


# Alia


def test_each_cleaning_is_five_dollars() -> None:
    assert by("payer", "alia", "2019-10", *cleanings(3)) == {"customer": 15_00}


# Hours a week over a quarter


def quarter(seconds: int, platform: str = "uber") -> Reported:
    """All engaged time of a quarter in one gig: what it falls in is said beside it."""
    return platform, gig(engaged_seconds=seconds, completed_at=SPRING_2025, service="ride")


@pytest.mark.parametrize("program_id", ["massachusetts-health-stipend", "prop-22-stipend"])
@pytest.mark.parametrize(("period", "length"), [("2025-Q1", 90), ("2025-Q2", 91), ("2025-Q3", 92), ("2028-Q1", 91)])
def test_hours_a_week_are_averaged_over_the_days_of_the_quarter(program_id: str, period: str, length: int) -> None:
    assert days(period) == length
    half = {"massachusetts-health-stipend": 537_00, "prop-22-stipend": 682_50}[program_id]
    for hours, below, reached in [(15, 0, half), (25, half, 2 * half)]:
        # As many whole seconds as there have to be: 7 times the seconds against hours times 3,600 times the days.
        least = -(-hours * 3_600 * length // 7)
        assert total(program_id, period, quarter(least - 1)) == below
        assert total(program_id, period, quarter(least)) == reached


def test_a_pooled_stipend_is_one_for_all_platforms_and_each_owes_by_its_hours() -> None:
    massachusetts = ("massachusetts-health-stipend", "2025-Q2")
    shares = weekly("uber", 7_50, SPRING_2025, "US-MA") + weekly("lyft", 7_49, SPRING_2025, "US-MA")
    assert by("platform_id", *massachusetts, *shares) == {}
    # One more minute on a third platform in one week: a hundredth of an hour short is 468 seconds in 13 weeks.
    third = quarter(468, "empower")
    assert total(*massachusetts, *shares, third) == 537_00
    # 351,000, 350,532 and 468 seconds of 702,000.
    assert by("platform_id", *massachusetts, *shares, third) == {"uber": 268_50, "lyft": 268_14, "empower": 36}


def test_prop_22_counts_each_platform_by_itself() -> None:
    exchange = MemoryExchange(EXCHANGE)
    (one,) = [case for case in CASES if case.number == 12 and case.says.startswith("15.00")]
    exchange.take(*one.reports)
    (stream,) = exchange.entitled()
    assert stream.startswith("work:uber:")


# Karnataka


@pytest.mark.parametrize(
    ("vehicle_class", "cap"), [("two_wheeler", 50), ("three_wheeler", 75), ("car", 1_00), ("heavy", 1_50)]
)
def test_karnataka_caps_each_gig_by_the_class_of_its_vehicle(vehicle_class: str, cap: int) -> None:
    below, above = payout(cap * 100 - 100, vehicle_class), payout(cap * 100 + 100, vehicle_class)
    (owed,) = entitled("karnataka-welfare-fee", "2026-Q1", [below, above])
    assert (owed.amount_minor, owed.uncapped_minor) == (2 * cap - 1, 2 * cap)


def test_karnataka_caps_of_classes_add_up_in_a_quarter() -> None:
    rides = [payout(400_00, vehicle_class) for vehicle_class in ("two_wheeler", "car", "heavy")]
    (owed,) = entitled("karnataka-welfare-fee", "2026-Q1", rides)
    assert (owed.amount_minor, owed.uncapped_minor) == (3_00, 12_00)
