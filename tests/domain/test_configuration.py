"""Which programs take a gig: by membership, version in force, currency and what the gig says of itself."""

from datetime import date, datetime
from typing import Any

import pytest

from domain.assessment import UnlistedClass
from domain.configuration import (
    Configuration,
    MissingPaidAt,
    ProgramNotFound,
    SuspendedPlatform,
    UnknownPlatform,
    joinable,
)
from domain.gig import Gig
from domain.platform import PlatformReinstated, PlatformSuspended, ProgramJoined, ProgramLeft, decider
from domain.program import Program
from domain.rule import AppliesTo
from tests.support.gigs import TENTH as TENTH_TEXT
from tests.support.gigs import configuration, gig, member, published, shipped, versions

TENTH = versions()
BLACK_CAR = shipped("black-car-fund")
WEEKLY = shipped("demo-weekly")
BY_PAYMENT = versions(id="by-payment", attribution_date="paid_at", applies_to=AppliesTo(services=("ride",)))
NEW_YORK = configuration(
    [TENTH, BLACK_CAR, WEEKLY, BY_PAYMENT],
    {"uber": ["black-car-fund", "demo-weekly"], "lyft": ["tenth"], "cash": ["by-payment"], "idle": []},
)


def taken_by(platform_id: str, facts: Gig, within: Configuration = NEW_YORK) -> list[tuple[str, str, str]]:
    """Program, scope and period of each program that takes a gig."""
    return [(each.program_id, each.scope, each.period) for each in within.takings(platform_id, facts)]


def at(text: str, **fields: Any) -> Gig:
    return gig(completed_at=datetime.fromisoformat(text), **fields)


# Membership


def test_each_program_of_which_the_platform_is_a_member_takes_a_gig() -> None:
    assert taken_by("uber", gig()) == [
        ("black-car-fund", "uber", "2023-06"),
        ("demo-weekly", "uber", "2023-W26"),
    ]
    assert taken_by("lyft", gig()) == [("tenth", "lyft", "2023-06")]


def test_a_member_of_nothing_has_its_gigs_taken_by_nothing() -> None:
    assert taken_by("idle", gig()) == []


def test_membership_counts_on_the_attribution_date_in_the_time_zone_of_the_program() -> None:
    july = Configuration({"tenth": published(*TENTH)}, {"lyft": member("lyft", *TENTH, since=date(2023, 7, 1))})
    assert taken_by("lyft", at("2023-07-01T03:59:59Z"), july) == []
    assert taken_by("lyft", at("2023-07-01T04:00:00Z"), july) == [("tenth", "lyft", "2023-07")]


def test_a_former_member_has_its_earlier_gigs_taken_still() -> None:
    left = decider.evolve(member("lyft", *TENTH), ProgramLeft("tenth", date(2023, 7, 1)))
    now = Configuration({"tenth": published(*TENTH)}, {"lyft": left})
    assert taken_by("lyft", at("2023-06-30T23:59:59-04:00"), now) == [("tenth", "lyft", "2023-06")]
    assert taken_by("lyft", at("2023-07-01T00:00:00-04:00"), now) == []


def test_who_left_and_joined_again_has_a_gig_taken_once() -> None:
    state = decider.fold(
        [ProgramLeft("tenth", date(2023, 6, 1)), ProgramJoined("tenth", date(2023, 6, 1))], member("lyft", *TENTH)
    )
    now = Configuration({"tenth": published(*TENTH)}, {"lyft": state})
    assert taken_by("lyft", gig(), now) == [("tenth", "lyft", "2023-06")]


# Version in force


def test_before_its_first_version_a_program_takes_nothing_even_from_a_member() -> None:
    early = Configuration({"tenth": published(*TENTH)}, {"lyft": member("lyft", *TENTH, since=date(2022, 1, 1))})
    assert taken_by("lyft", at("2022-12-31T12:00:00-05:00"), early) == []
    assert taken_by("lyft", at("2023-01-01T12:00:00-05:00"), early) == [("tenth", "lyft", "2023-01")]


# Currency and `applies_to`


def test_a_gig_in_another_currency_is_not_taken() -> None:
    assert taken_by("lyft", gig(currency="CAD")) == []


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, True),
        ({"jurisdiction": "US-NY"}, True),
        ({"service": "ride"}, True),
        ({"jurisdiction": "US-NY", "service": "ride", "vehicle_class": "car"}, True),
        ({"jurisdiction": "US-NJ"}, False),
        ({"service": "delivery"}, False),
        ({"jurisdiction": "US-NY", "service": "delivery"}, False),
        ({"jurisdiction": "US-NJ", "service": "ride"}, False),
    ],
)
def test_no_field_that_a_gig_carries_may_lie_outside_what_a_program_applies_to(
    fields: dict[str, Any], taken: bool
) -> None:
    programs = [program_id for program_id, _, _ in taken_by("uber", gig(**fields))]
    assert ("black-car-fund" in programs) is taken
    assert "demo-weekly" in programs


# Classes


CLASSES = '{ by_vehicle_class = { car = "10 %", bike = "5 %" } }'
BY_CLASS = versions(TENTH_TEXT.replace('"10 %"', CLASSES), id="by-class", applies_to=AppliesTo(services=("ride",)))
TWO = configuration([TENTH, BY_CLASS], {"lyft": ["tenth", "by-class"]})


def test_a_gig_of_a_listed_class_is_taken() -> None:
    taken = taken_by("lyft", gig(vehicle_class="bike"), TWO)
    assert taken == [("tenth", "lyft", "2023-06"), ("by-class", "lyft", "2023-06")]


@pytest.mark.parametrize("vehicle_class", [None, "truck"])
def test_a_gig_that_one_of_its_programs_cannot_assess_is_refused_whole(vehicle_class: str | None) -> None:
    with pytest.raises(UnlistedClass) as refusal:
        TWO.takings("lyft", gig(vehicle_class=vehicle_class))
    assert refusal.value.key == "vehicle_class"


def test_a_program_that_would_not_take_the_gig_anyway_does_not_ask_for_its_class() -> None:
    assert taken_by("lyft", gig(service="delivery"), TWO) == [("tenth", "lyft", "2023-06")]


def test_classes_are_those_of_the_version_in_force() -> None:
    (later,) = versions(id="by-class", version=2, effective_from=date(2023, 7, 1))
    both = configuration([(*BY_CLASS, later)], {"lyft": ["by-class"]})
    july = at("2023-07-01T12:00:00-04:00", vehicle_class="truck")
    assert taken_by("lyft", july, both) == [("by-class", "lyft", "2023-07")]
    with pytest.raises(UnlistedClass):
        both.takings("lyft", gig(vehicle_class="truck"))


def test_a_cancellation_need_not_say_what_an_assessment_asks_for() -> None:
    ended = gig(vehicle_class="truck")
    assert [taking.program_id for taking in TWO.takings("lyft", ended, cancelled=True)] == ["tenth", "by-class"]


# Pooled over platforms


POOLED = versions(id="stipend", scope="pooled")
SHARED = configuration([TENTH, POOLED], {"uber": ["stipend"], "lyft": ["stipend", "tenth"], "gett": ["tenth"]})


def test_a_pooled_program_counts_the_gigs_of_all_platforms_in_one_scope() -> None:
    assert taken_by("uber", gig(), SHARED) == [("stipend", "pooled", "2023-06")]
    assert taken_by("lyft", gig(), SHARED) == [("stipend", "pooled", "2023-06"), ("tenth", "lyft", "2023-06")]


def test_a_platform_pools_where_it_is_or_was_in_a_pooled_program() -> None:
    assert [SHARED.is_pooling(each) for each in ("uber", "lyft", "gett", "doordash")] == [True, True, False, False]
    left = decider.evolve(SHARED.platforms["uber"], ProgramLeft("stipend", date(2023, 7, 1)))
    assert Configuration(SHARED.programs, {"uber": left}).is_pooling("uber")


# The day of payment


def test_a_program_that_counts_by_payment_takes_a_gig_in_the_period_it_was_paid_in() -> None:
    paid = gig(paid_at=datetime.fromisoformat("2023-07-05T09:00:00-04:00"))
    assert taken_by("cash", paid) == [("by-payment", "cash", "2023-07")]


def test_a_gig_that_names_no_day_of_payment_cannot_be_assessed_and_is_refused_whole() -> None:
    with pytest.raises(MissingPaidAt) as refusal:
        NEW_YORK.takings("cash", gig())
    assert refusal.value.key == "paid_at"


def test_a_program_that_would_not_take_the_gig_anyway_does_not_ask_for_the_day_of_payment() -> None:
    assert taken_by("cash", gig(service="delivery")) == []
    assert taken_by("cash", gig(currency="CAD")) == []


# Who reports


def test_a_platform_that_nobody_registered_is_refused() -> None:
    with pytest.raises(UnknownPlatform):
        NEW_YORK.takings("doordash", gig())


def test_a_suspended_platform_is_refused_whenever_its_gigs_were_completed() -> None:
    suspended = decider.evolve(member("lyft", *TENTH), PlatformSuspended("statements are overdue"))
    now = Configuration({"tenth": published(*TENTH)}, {"lyft": suspended})
    with pytest.raises(SuspendedPlatform, match="statements are overdue"):
        now.takings("lyft", gig())
    reinstated = decider.evolve(suspended, PlatformReinstated())
    assert taken_by("lyft", gig(), Configuration(now.programs, {"lyft": reinstated})) != []


def test_a_gig_of_a_suspended_platform_that_is_looked_at_again_is_taken_as_ever() -> None:
    suspended = decider.evolve(member("lyft", *TENTH), PlatformSuspended("statements are overdue"))
    (taking,) = NEW_YORK.takings_of(suspended, gig())
    assert (taking.program_id, taking.period) == ("tenth", "2023-06")


# Programs that can be joined


def test_the_terms_of_a_program_are_those_of_its_first_version() -> None:
    assert joinable(published(*BLACK_CAR), "black-car-fund") == BLACK_CAR[0]


def test_a_program_that_was_never_published_cannot_be_joined() -> None:
    with pytest.raises(ProgramNotFound, match="'alia'"):
        joinable(Program(), "alia")
