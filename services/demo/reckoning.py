"""From log and views to what a demonstration found: what each trip, worker and platform comes to. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from domain.assessment import Assessor
from domain.configuration import Configuration
from domain.intake import IntakeRecorded
from domain.message import Outcome, Quarantined
from domain.money import Money
from domain.period import local_date
from domain.recorded import Recorded
from domain.rejections import InvariantBroken
from domain.rule import Percent
from domain.totals import Totals
from domain.work_period import Contribution, ContributionAccrued
from projections import platform_liability, worker_balance, worker_source
from projections.view import Key, Values, View
from services.demo.findings import (
    Account,
    BlackCarFund,
    ComparedTrip,
    Debt,
    ExplainedGig,
    ExplainedLine,
    ExplainedProgram,
    Part,
    RefusedMessage,
    ReplayCheck,
    Source,
    Sums,
)
from services.demo.trips import CURRENCY, Trip
from services.explained_part import ExplainedPart
from services.explanation import Explanation
from services.operations import TOPIC_PREFIX
from services.replay import Replayed

BLACK_CAR_FUND: Final = "black-car-fund"

Rows = Mapping[str, Mapping[Key, Values]]


def compared(trips: Iterable[Trip], events: Iterable[Recorded], configuration: Configuration) -> BlackCarFund:
    """Each trip of which the booked surcharge is known, against what the log says was accrued for it."""
    accrued: defaultdict[tuple[str, str], int] = defaultdict(int)
    versions: dict[tuple[str, str], int] = {}
    for event in _contributions(events, BLACK_CAR_FUND):
        key = (event.platform_id, event.gig.gig_id)
        accrued[key] += sum(line.amount_minor for line in event.lines)
        versions[key] = event.program_version
    assessors = configuration.assessors(BLACK_CAR_FUND)
    found = []
    for trip in trips:
        key = (trip.platform_id, trip.gig.gig_id)
        if trip.surcharge_minor is not None:
            assessor = assessors.of_version(versions[key]) if key in versions else None
            found.append(_compared(trip, trip.surcharge_minor, accrued[key], assessor))
    different = [each for each in found if each.accrued != each.booked]
    return BlackCarFund(len(found), len(found) - len(different), different, _examples(found))


def _compared(trip: Trip, booked_minor: int, accrued_minor: int, assessor: Assessor | None) -> ComparedTrip:
    """`assessor` is None where the trip was not taken: then nothing accrued either."""
    gig = trip.gig
    base = assessor.measure(gig).base_minor if assessor else 0
    return ComparedTrip(
        trip.platform_id,
        gig.gig_id,
        local_date(gig.completed_at, "America/New_York"),
        _money(base),
        _rate(assessor) if assessor else "not taken",
        _money(accrued_minor),
        _money(booked_minor),
    )


def _rate(assessor: Assessor) -> str:
    amount = assessor.version.rules[0].amount
    if not isinstance(amount, Percent) or not isinstance(amount.rate, str):
        raise InvariantBroken(f"{BLACK_CAR_FUND} has no rate that could be compared")
    return amount.rate


def _examples(found: Sequence[ComparedTrip]) -> list[ComparedTrip]:
    """Under each rate and of each platform the one with the largest base."""
    chosen = {}
    for each in sorted(found, key=lambda trip: trip.base.amount_minor):
        chosen[each.rate, each.platform_id] = each
    return sorted(chosen.values(), key=lambda trip: (trip.completed_on, trip.gig_id))


def accounts(rows: Rows, events: Iterable[Recorded]) -> list[Account]:
    """All accounts in dollars, largest first, as the views hold them."""
    trips = _trips_by_source(events)
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    for (worker_id, benefit, _), (pending,) in _in_dollars(rows, worker_balance.view):
        parts[worker_id].append(Part(benefit, _money(pending)))
    accrued: Counter[tuple[str, str]] = Counter()
    for (worker_id, platform_id, _, _), (amount,) in _in_dollars(rows, worker_source.view):
        accrued[worker_id, platform_id] += amount
    sources: defaultdict[str, list[Source]] = defaultdict(list)
    for (worker_id, platform_id), count in trips.items():
        sources[worker_id].append(Source(platform_id, count, _money(accrued[worker_id, platform_id])))
    found = [_account(worker_id, parts[worker_id], sources[worker_id]) for worker_id in parts.keys() | sources.keys()]
    return sorted(found, key=lambda account: (-account.total.amount_minor, account.worker_id))


def _account(worker_id: str, parts: list[Part], sources: list[Source]) -> Account:
    total = sum(part.pending.amount_minor for part in parts)
    by_amount = sorted(parts, key=lambda part: (-part.pending.amount_minor, part.benefit))
    return Account(
        worker_id,
        _money(total),
        by_amount,
        sorted(sources, key=lambda source: (-source.accrued.amount_minor, source.platform_id)),
    )


def debts(rows: Rows, events: Iterable[Recorded], configuration: Configuration) -> list[Debt]:
    """What each platform owes to each program in dollars, largest first, as the views hold it."""
    trips: Counter[tuple[str, str]] = Counter()
    for (platform_id, _, program_id), count in _trips(events).items():
        trips[platform_id, program_id] += count
    accrued: Counter[tuple[str, str, str]] = Counter()
    periods: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for (platform_id, program_id, period, payer, _), (amount,) in _in_dollars(rows, platform_liability.view):
        accrued[platform_id, program_id, payer] += amount
        periods[platform_id, program_id, payer].add(period)
    found = []
    for (platform_id, program_id, payer), amount in accrued.items():
        terms = configuration.programs[program_id].versions[-1]
        within = len(periods[platform_id, program_id, payer])
        count = trips[platform_id, program_id]
        found.append(Debt(platform_id, program_id, terms.title, payer, count, terms.period, within, _money(amount)))
    return sorted(found, key=lambda debt: (-debt.accrued.amount_minor, debt.platform_id))


def worth_explaining(account: Account, events: Iterable[Recorded]) -> tuple[str, str]:
    """Platform and id of the gig by which the largest source of an account reached its threshold.

    Where none did, the one that moved most.
    """
    source = account.sources[0].platform_id
    accrued = [event for event in _contributions(events) if isinstance(event, ContributionAccrued)]
    own = [event for event in accrued if (event.platform_id, event.gig.worker_id) == (source, account.worker_id)]
    best = max(own or accrued, key=lambda event: sum(line.amount_minor for line in event.lines))
    return best.platform_id, best.gig.gig_id


def explained(found: Explanation) -> ExplainedGig:
    """An explanation, as it is printed."""
    programs = [_explained_program(part) for part in found.parts]
    return ExplainedGig(found.platform_id, found.gig_id, found.words, found.facts, programs)


def _explained_program(part: ExplainedPart) -> ExplainedProgram:
    event = part.event
    lines = [
        ExplainedLine(
            each.line.benefit,
            each.line.payer,
            _money(each.line.amount_minor),
            _money(each.entitled_before_minor),
            _money(each.line.entitled_minor),
        )
        for each in part.lines
    ]
    return ExplainedProgram(
        event.program_id,
        event.program_version,
        part.title,
        event.period,
        list(part.arithmetic),
        _sums(part.before),
        _sums(event.totals),
        lines,
    )


def _sums(totals: Totals) -> Sums:
    return Sums(
        sum(cell.gigs for cell in totals),
        _money(sum(cell.base_minor for cell in totals)),
        sum(cell.engaged_seconds for cell in totals),
    )


def outcomes(events: Iterable[Recorded]) -> dict[str, int]:
    """How many messages came to which outcome, in the order of the table that defines them."""
    counted: Counter[str] = Counter()
    for recorded in events:
        if isinstance(recorded.event, IntakeRecorded):
            counted.update(recorded.event.outcomes)
    return {outcome: counted[outcome] for outcome in get_args(Outcome)}


def refused(messages: Iterable[Quarantined]) -> list[RefusedMessage]:
    """The messages in quarantine, in words."""
    return [
        RefusedMessage(
            each.quarantine_id,
            each.refused.message.partition.topic.removeprefix(TOPIC_PREFIX),
            each.refused.reason,
            each.refused.detail,
        )
        for each in messages
    ]


def checked(found: Replayed) -> ReplayCheck:
    """What a replay came to."""
    return ReplayCheck(not found.differences, found.position, found.events, found.rows, len(found.differences))


def _contributions(events: Iterable[Recorded], program_id: str | None = None) -> list[Contribution]:
    found = [each.event for each in events if isinstance(each.event, Contribution)]
    return [event for event in found if program_id in {None, event.program_id}]


def _trips(events: Iterable[Recorded]) -> Counter[tuple[str, str, str]]:
    """How many gigs count, by platform, worker and program: each stream's latest event holds their numbers."""
    latest = {each.stream: each.event for each in events if isinstance(each.event, Contribution)}
    counted: Counter[tuple[str, str, str]] = Counter()
    for event in latest.values():
        for cell in event.totals:
            platform_id = cell.platform_id or event.platform_id
            counted[platform_id, event.gig.worker_id, event.program_id] += cell.gigs
    return counted


def _trips_by_source(events: Iterable[Recorded]) -> Counter[tuple[str, str]]:
    counted: Counter[tuple[str, str]] = Counter()
    for (platform_id, worker_id, _), count in _trips(events).items():
        counted[worker_id, platform_id] += count
    return counted


def _in_dollars(rows: Rows, view: View) -> list[tuple[Key, Values]]:
    """The rows of a view in the demonstration's currency, which is the last part of each key."""
    return [(key, values) for key, values in sorted(rows[view.name].items()) if key[-1] == CURRENCY]


def _money(amount_minor: int) -> Money:
    return Money(amount_minor, CURRENCY)
