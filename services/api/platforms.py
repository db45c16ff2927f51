"""Platforms: registration and membership by the operator, liability, and each gig explained."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path

from domain import platform
from domain.platform import Platform
from domain.totals import Totals as RunningTotals
from projections import platform_liability
from projections.view import Key, Values
from services import operations
from services.api import shapes
from services.api.access import platform_not_found
from services.api.answers import READ, WRITTEN, Answer, answered_line, money, refusals
from services.api.guard import LOG, Asked, Caller, GuardedRoute, at_least, operation_id
from services.api.shapes import NAME, OPAQUE, Liabilities, Liability, LiabilityTotal, PlatformAt, Platforms
from services.explained_part import ExplainedLine, ExplainedPart
from services.explanation import explain
from services.operations import By, Done

router = APIRouter(route_class=GuardedRoute, tags=["platforms"], generate_unique_id_function=operation_id)

PlatformId = Annotated[str, Path(pattern=NAME, examples=["uber"])]
GigId = Annotated[str, Path(pattern=OPAQUE, examples=["trip-8817"])]


@router.get(
    "/v1/platforms",
    summary="All platforms",
    response_model=Platforms,
    responses=refusals(*READ),
    dependencies=[at_least(LOG)],
)
def platforms(ports: Asked) -> Answer:
    """Sorted by id, with their memberships."""
    position, states = ports.reads.states(platform.decider)
    listed = [shapes.Platform(**_fields(state)) for _, state in sorted(states.items())]
    return Answer(Platforms(position=position, platforms=listed))


@router.post(
    "/v1/platforms",
    summary="Register a platform",
    response_model=PlatformAt,
    status_code=201,
    responses={200: {"model": PlatformAt, "description": "It was registered like this before."}, **refusals(*WRITTEN)},
)
def register_platform(body: shapes.NewPlatform, ports: Asked, caller: Caller) -> Answer:
    """Registers the platform and makes its topic; safe to repeat. Another name under a known id is a 409."""
    by = By(caller.subject, ports.clock())
    with ports.one_at_a_time:
        done = operations.register(ports.log, ports.topics, ports.new_topic, body.platform_id, body.name, by)
    return _done(done)


@router.get(
    "/v1/platforms/{platform_id}",
    summary="A platform with its memberships",
    response_model=PlatformAt,
    responses=refusals(*READ),
    dependencies=[at_least(LOG)],
)
def platform_of(platform_id: PlatformId, ports: Asked) -> Answer:
    """As it stands; `suspended` is the reason while it is."""
    position, state = _registered(ports, platform_id)
    return Answer(PlatformAt(position=position, **_fields(state)))


@router.post(
    "/v1/platforms/{platform_id}/memberships",
    summary="Join a program",
    response_model=PlatformAt,
    status_code=201,
    responses={200: {"model": PlatformAt, "description": "It was a member like this before."}, **refusals(*WRITTEN)},
)
def join_program(platform_id: PlatformId, body: shapes.NewMembership, ports: Asked, caller: Caller) -> Answer:
    """Makes the platform a member from the first day of a period of the program on; safe to repeat."""
    by = By(caller.subject, ports.clock())
    return _done(operations.join(ports.log, platform_id, body.program_id, body.effective_from, by))


@router.get(
    "/v1/platforms/{platform_id}/liability",
    summary="What a platform owes",
    response_model=Liabilities,
    responses=refusals(*READ),
    dependencies=[at_least(platform_liability.view.name)],
)
def liability(platform_id: PlatformId, ports: Asked) -> Answer:
    """By program, period, payer and currency, sorted, with a total for each currency."""
    _registered(ports, platform_id)
    position, rows = ports.reads.rows(platform_liability.view, {"platform_id": platform_id})
    lines = [
        Liability(program_id=program_id, period=period, payer=payer, accrued=money(accrued, currency))
        for (_, program_id, period, payer, currency), (accrued,) in rows.items()
    ]
    return Answer(Liabilities(position=position, platform_id=platform_id, lines=lines, totals=_totals(rows)))


@router.get(
    "/v1/platforms/{platform_id}/gigs/{gig_id}",
    summary="A gig, explained",
    response_model=shapes.Gig,
    responses=refusals(*READ),
    dependencies=[at_least(LOG)],
)
def gig(platform_id: PlatformId, gig_id: GigId, ports: Asked, caller: Caller) -> Answer:
    """Its facts, and for each program the rule and version, the totals before and after, and every line in words.

    Of a pooled program a platform sees its own totals and lines, and its share.
    """
    worker_id = caller.subject if caller.role == "worker" else None
    found = explain(ports.reads, platform_id, gig_id, worker_id, to_platform=caller.role == "platform")
    return Answer(
        shapes.Gig(
            position=found.position,
            platform_id=found.platform_id,
            gig_id=found.gig_id,
            revision=found.revision,
            state=found.state,
            words=found.words,
            facts=msgspec.to_builtins(found.facts),
            programs=[_part(part) for part in found.parts],
        )
    )


def _registered(ports: Asked, platform_id: str) -> tuple[int, Platform]:
    """The platform and the log's position; raises `PlatformNotFound` as for a foreign one."""
    position, states = ports.reads.states(platform.decider, platform_id)
    if platform_id not in states:
        raise platform_not_found(platform_id)
    return position, states[platform_id]


def _done(done: Done[Platform]) -> Answer:
    return Answer(PlatformAt(position=done.position, **_fields(done.state)), 201 if done.changed else 200)


def _fields(state: Platform) -> dict[str, object]:
    """What the shapes of a platform have in common."""
    return {
        "platform_id": state.platform_id,
        "name": state.name,
        "suspended": state.suspended,
        "memberships": [
            shapes.Membership(
                program_id=each.program_id, effective_from=each.effective_from, effective_until=each.effective_until
            )
            for each in state.memberships
        ],
    }


def _totals(rows: Mapping[Key, Values]) -> list[LiabilityTotal]:
    totals: dict[str, int] = {}
    for (*_, currency), (accrued,) in rows.items():
        totals[currency] = totals.get(currency, 0) + accrued
    return [LiabilityTotal(accrued=money(accrued, currency)) for currency, accrued in sorted(totals.items())]


def _part(part: ExplainedPart) -> shapes.GigProgram:
    event, currency = part.event, part.event.gig.currency
    return shapes.GigProgram(
        program_id=event.program_id,
        program_version=event.program_version,
        counts_by_version=part.counts_by_version,
        title=part.title,
        period=event.period,
        kind=part.kind,
        revision=part.revision,
        reason=part.reason,
        position=part.position,
        recorded_at=part.recorded_at,
        facts=msgspec.to_builtins(event.gig),
        totals_before=_cells(part.before, currency),
        totals_after=_cells(event.totals, currency),
        lines=[_line(line, currency) for line in part.lines],
        words=part.words,
        arithmetic=list(part.arithmetic),
    )


def _cells(totals: RunningTotals, currency: str) -> list[shapes.Totals]:
    return [
        shapes.Totals(
            gigs=cell.gigs,
            base=money(cell.base_minor, currency),
            engaged_seconds=cell.engaged_seconds,
            rounded=_all_money(cell.rounded_minor, currency),
            exact_minor=list(cell.exact_minor),
            platform_id=cell.platform_id or None,
            vehicle_class=cell.vehicle_class or None,
            worker_class=cell.worker_class or None,
        )
        for cell in totals
    ]


def _all_money(amounts_minor: Iterable[int], currency: str) -> list[shapes.Money]:
    return [money(amount, currency) for amount in amounts_minor]


def _line(explained: ExplainedLine, currency: str) -> shapes.ExplainedLine:
    return shapes.ExplainedLine(
        **dict(answered_line(explained.line, currency)),
        entitled_before=money(explained.entitled_before_minor, currency),
        words=explained.words,
    )
