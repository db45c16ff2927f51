"""A worker's account: balance, where it came from, and every entry.

Every well-formed worker id has an account, claimed or not: money is never lost because a worker came late.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from domain.recorded import Recorded
from domain.recorded_gig import GigRecorded
from domain.rejections import InvariantBroken, Malformed
from domain.work_period import Contribution, ContributionAdjusted, ContributionReversed
from projections import worker_balance, worker_source
from services.api.answers import READ, Answer, answered_line, money, refusals
from services.api.guard import LARGEST_POSITION, LOG, Asked, GuardedRoute, at_least, operation_id
from services.api.shapes import OPAQUE, Balance, BenefitBalance, Entries, Entry, Source, Sources

router = APIRouter(route_class=GuardedRoute, tags=["workers"], generate_unique_id_function=operation_id)

WorkerId = Annotated[str, Path(pattern=OPAQUE, examples=["w-104"])]
Limit = Annotated[int, Query(ge=1, le=200, description="How many entries a page has.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]

_CURSOR_PREFIX: Final = "before:"


@router.get(
    "/v1/workers/{worker_id}/balance",
    summary="What a worker has, by benefit and phase of the money",
    response_model=Balance,
    responses=refusals(*READ),
    dependencies=[at_least(worker_balance.view.name)],
)
def worker_balance_of(worker_id: WorkerId, ports: Asked) -> Answer:
    """One element for each benefit and currency, sorted; an account that nothing has reached yet has none."""
    position, rows = ports.reads.rows(worker_balance.view, {"worker_id": worker_id})
    benefits = [_balance(benefit, currency, pending) for (_, benefit, currency), (pending,) in rows.items()]
    return Answer(Balance(position=position, worker_id=worker_id, claimed=False, benefits=benefits))


def _balance(benefit: str, currency: str, pending_minor: int) -> BenefitBalance:
    nothing = money(0, currency)
    return BenefitBalance(
        benefit=benefit,
        pending=money(pending_minor, currency),
        available=nothing,
        held=nothing,
        paid_out=nothing,
        to_be_netted=nothing,
    )


@router.get(
    "/v1/workers/{worker_id}/sources",
    summary="Which platforms a worker's benefits came from",
    response_model=Sources,
    responses=refusals(*READ),
    dependencies=[at_least(worker_source.view.name)],
)
def worker_sources(worker_id: WorkerId, ports: Asked) -> Answer:
    """One element for each platform, benefit and currency, sorted."""
    position, rows = ports.reads.rows(worker_source.view, {"worker_id": worker_id})
    sources = [
        Source(
            platform_id=platform_id,
            benefit=benefit,
            accrued=money(accrued, currency),
            pending=money(accrued, currency),
            credited=money(0, currency),
        )
        for (_, platform_id, benefit, currency), (accrued,) in rows.items()
    ]
    return Answer(Sources(position=position, worker_id=worker_id, sources=sources))


@router.get(
    "/v1/workers/{worker_id}/entries",
    summary="What happened on a worker's account, newest first",
    response_model=Entries,
    responses=refusals(*READ),
    dependencies=[at_least(LOG)],
)
def worker_entries(worker_id: WorkerId, ports: Asked, cursor: Cursor = None, limit: Limit = 50) -> Answer:
    """A page of entries; ask again with `next_cursor` until it is null."""
    before = LARGEST_POSITION if cursor is None else _position(cursor)
    position, events = ports.reads.entries(worker_id, before, limit + 1)
    page = events[:limit]
    next_cursor = _cursor(page[-1].position) if len(events) > limit else None
    entries = [_entry(each) for each in page]
    return Answer(Entries(position=position, worker_id=worker_id, entries=entries, next_cursor=next_cursor))


def _cursor(position: int) -> str:
    return urlsafe_b64encode(f"{_CURSOR_PREFIX}{position}".encode()).decode().rstrip("=")


def _position(cursor: str) -> int:
    """The position in a cursor; raises `Malformed`."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        position = int(text.removeprefix(_CURSOR_PREFIX))
    except (Base64Error, ValueError):
        position = -1
    # Whatever does not write back to itself was not made here.
    if not 0 <= position <= LARGEST_POSITION or _cursor(position) != cursor:
        raise Malformed("expected the `next_cursor` of an earlier answer", key="cursor")
    return position


def _entry(recorded: Recorded) -> Entry:
    match recorded.event:
        case ContributionReversed() as event:
            return _contribution(recorded, event, "contribution_reversed", event.revision, reason=event.reason)
        case ContributionAdjusted(replaced_version=int() as replaced) as event:
            kind, revision = "contribution_adjusted", event.gig.revision
            return _contribution(recorded, event, kind, revision, cause="program_version", replaced_version=replaced)
        case ContributionAdjusted() as event:
            return _contribution(
                recorded, event, "contribution_adjusted", event.gig.revision, replaced_revision=event.replaced_revision
            )
        case Contribution() as event:
            return _contribution(recorded, event, "contribution_accrued", event.gig.revision)
        case GigRecorded() as event:
            return _recorded_gig(recorded, event)
        case _:
            raise InvariantBroken(f"{recorded.stream} version {recorded.version} is nothing of a worker's account")


def _contribution(recorded: Recorded, event: Contribution, kind: str, revision: int, **further: Any) -> Entry:
    """An entry about a contribution; `further` says what only some kinds have."""
    return Entry(
        position=recorded.position,
        recorded_at=recorded.recorded_at,
        kind=kind,
        platform_id=event.platform_id,
        program_id=event.program_id,
        program_version=event.program_version,
        period=event.period,
        gig_id=event.gig.gig_id,
        revision=revision,
        completed_at=event.gig.completed_at,
        lines=[answered_line(line, event.gig.currency) for line in event.lines],
        **further,
    )


def _recorded_gig(recorded: Recorded, event: GigRecorded) -> Entry:
    return Entry(
        position=recorded.position,
        recorded_at=recorded.recorded_at,
        kind="gig_recorded",
        platform_id=event.platform_id,
        program_id=None,
        program_version=None,
        period=None,
        gig_id=event.gig.gig_id,
        revision=event.gig.revision,
        completed_at=event.gig.completed_at,
        lines=[],
        reason="cancelled" if event.cancelled else None,
    )
