"""Programs as they were written: everybody may read the rules by which contributions are computed."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path

from domain import program
from domain.configuration import joinable
from domain.program import Program
from services.api.answers import READ, Answer, refusals
from services.api.guard import LOG, Asked, GuardedRoute, at_least, operation_id
from services.api.shapes import NAME, ProgramAt, Programs
from services.api.shapes import Program as ProgramShape

router = APIRouter(route_class=GuardedRoute, tags=["programs"], generate_unique_id_function=operation_id)

ProgramId = Annotated[str, Path(pattern=NAME, examples=["black-car-fund"])]


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


def _versions(state: Program) -> list[dict[str, object]]:
    return [msgspec.to_builtins(version) for version in state.versions]
