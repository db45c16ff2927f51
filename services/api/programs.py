"""Programs as they were written: everybody may read the rules by which contributions are computed.

Operators publish versions of them; what is published never changes.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query

from domain import program, program_file
from domain.configuration import joinable
from domain.program import Program
from domain.rejections import Malformed
from domain.rule import ProgramVersion
from services import effect, operations, reassess
from services.api.answers import READ, WRITTEN, Answer, money, refusals
from services.api.guard import LOG, Asked, Caller, GuardedRoute, at_least, operation_id
from services.api.shapes import NAME, Effect, Moved, NewVersion, ProgramAt, Programs, VersionAt
from services.api.shapes import Program as ProgramShape
from services.operations import By

router = APIRouter(route_class=GuardedRoute, tags=["programs"], generate_unique_id_function=operation_id)

ProgramId = Annotated[str, Path(pattern=NAME, examples=["black-car-fund"])]
DryRun = Annotated[bool, Query(description="Only say what publishing would move; nothing is stored.")]


@router.get(
    "/v1/programs",
    summary="All programs with all their versions",
    response_model=Programs,
    responses=refusals(*READ),
    dependencies=[at_least(LOG)],
)
def programs(ports: Asked) -> Answer:
    """Sorted by id; versions as they were written, in the order of publication."""
    position, states = ports.reads.states(program.decider)
    listed = [
        ProgramShape(program_id=program_id, versions=_versions(state)) for program_id, state in sorted(states.items())
    ]
    return Answer(Programs(position=position, programs=listed))


@router.get(
    "/v1/programs/{program_id}",
    summary="A program with all its versions",
    response_model=ProgramAt,
    responses=refusals(*READ),
    dependencies=[at_least(LOG)],
)
def program_of(program_id: ProgramId, ports: Asked) -> Answer:
    """Versions as they were written, in the order of publication."""
    position, states = ports.reads.states(program.decider, program_id)
    state = states.get(program_id, program.initial)
    joinable(state, program_id)
    return Answer(ProgramAt(position=position, program_id=program_id, versions=_versions(state)))


@router.post(
    "/v1/programs/{program_id}/versions",
    summary="Publish a version of a program",
    response_model=VersionAt,
    status_code=201,
    responses={
        200: {"model": VersionAt, "description": "It was published like this before, or this is a dry run."},
        **refusals(*WRITTEN),
    },
)
def publish_version(
    program_id: ProgramId, body: NewVersion, ports: Asked, caller: Caller, dry_run: DryRun = False
) -> Answer:
    """Publishes the version, for good; safe to repeat, and a 409 where its number stands for another content.

    Where gigs count already in periods from `effective_from` on, they are re-assessed: a dry run says what that moves.
    """
    version = _version(program_id, body.root)
    if dry_run:
        return _would_publish(ports, version)
    done = operations.publish(ports.log, version, By(caller.subject, ports.clock()))
    written = msgspec.to_builtins(version)
    answer = VersionAt(position=done.position, program_id=program_id, version=written, published=True)
    return Answer(answer, 201 if done.changed else 200)


def _version(program_id: str, document: dict[str, Any]) -> ProgramVersion:
    """The version in a body; raises `Malformed` naming the key at fault and what is allowed there."""
    if document.get("id", program_id) != program_id:
        raise Malformed(f"expected {program_id}, as in the path", key="id")
    return program_file.version({**document, "id": program_id})


def _would_publish(ports: Asked, version: ProgramVersion) -> Answer:
    """What publishing a version would move; raises `Rejected` where it cannot be published."""
    position = ports.log.head()
    is_new = bool(operations.unpublished(ports.log, [version]))
    found = reassess.preview(ports.log, ports.reads, version)
    said = Effect(
        workers=found.workers,
        platforms=found.platforms,
        work_periods=found.work_periods,
        gigs=found.gigs,
        money=[_moved(moved, currency) for currency, moved in found.money.items()],
        unassessable=found.findings_count,
    )
    written = msgspec.to_builtins(version)
    return Answer(
        VersionAt(position=position, program_id=version.id, version=written, published=not is_new, effect=said)
    )


def _moved(moved: effect.Moved, currency: str) -> Moved:
    return Moved(
        net=money(moved.net_minor, currency),
        plus=money(moved.plus_minor, currency),
        minus=money(moved.minus_minor, currency),
    )


def _versions(state: Program) -> list[dict[str, object]]:
    return [msgspec.to_builtins(version) for version in state.versions]
