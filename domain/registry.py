"""The gig registry: for each gig of each platform what was last reported and where it stands in the log.

It is a fold of the log, and what makes reporting safe to repeat: the same revision with the same content changes
nothing, a lower one is stale, a higher one corrects, the same one with other content is a conflict.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from domain.configuration import Configuration, Taking
from domain.gig import Gig, GigReport
from domain.identifiers import NO_PROGRAM, work_stream
from domain.period import period_of
from domain.recorded_gig import GigRecorded, RecordGig
from domain.rejections import InvariantBroken, Rejected
from domain.work_period import AccrueGig, AdjustGig, ContributionReversed, ReassessPeriod, ReverseGig
from domain.work_period import Event as ContributionEvent

Verdict = Literal["new", "revised", "duplicate", "stale"]
Reason = Literal["cancelled", "moved"]
GigCommand = AccrueGig | AdjustGig | ReverseGig | RecordGig
GigEvent = ContributionEvent | GigRecorded


class ConflictingReport(Rejected):
    """The same revision of a gig was reported before, with other content."""

    code = "conflict"


class EventRef(Struct, frozen=True, gc=False, array_like=True):
    """Where an event stands: its stream and its version in it."""

    stream: str
    version: int


class RegisteredGig(Struct, frozen=True, gc=False):
    """A row of the registry; `events` names the gig's latest event of each program that ever took it."""

    revision: int
    cancelled: bool
    digest: bytes
    events: tuple[EventRef, ...]


class Step(Struct, frozen=True, gc=False):
    """A command for one stream."""

    stream: str
    command: GigCommand | ReassessPeriod


class Standing(Struct, frozen=True, gc=False):
    """Where a gig stands now: its latest event of one program, and the stream that holds it."""

    stream: str
    event: GigEvent

    @property
    def revision(self) -> int:
        """The revision of the report that led to the event."""
        return self.event.revision if isinstance(self.event, ContributionReversed) else self.event.gig.revision

    @property
    def counted(self) -> Gig | None:
        """The facts that count in that stream, if any do."""
        return None if isinstance(self.event, ContributionReversed | GigRecorded) else self.event.gig


def verdict(known: RegisteredGig | None, report: GigReport) -> Verdict:
    """What a report is to the registry; raises `ConflictingReport`."""
    if known is None:
        return "new"
    revision = report.gig.revision
    if revision != known.revision:
        return "revised" if revision > known.revision else "stale"
    if report.digest != known.digest:
        raise ConflictingReport(f"revision {revision} of gig {report.gig.gig_id} was reported with other content")
    return "duplicate"


def steps(
    report: GigReport, takings: Sequence[Taking], standings: Sequence[Standing], configuration: Configuration
) -> list[Step]:
    """The commands that a new or revised report leads to, at least one, reversals first.

    `standings` is where the gig stands by what was reported before; empty for a new gig.
    """
    if report.cancelled:
        return _cancel(report, takings, standings, configuration)
    if not standings:
        return [_accrual(report, taking) for taking in takings] or [_record(report)]
    streams = {_stream(report, taking) for taking in takings}
    reversals = [
        _reversal(report, standing, "moved", configuration)
        for standing in standings
        if standing.counted is not None and standing.stream not in streams
    ]
    counted = {standing.stream: standing.counted for standing in standings}
    counts = [_count(report, taking, counted.get(_stream(report, taking))) for taking in takings]
    return [*reversals, *(counts or [_record(report)])]


def retaken(
    report: GigReport, takings: Sequence[Taking], standings: Sequence[Standing], configuration: Configuration
) -> list[Step]:
    """The commands by which a gig comes to count where `takings` say, reversals first; none where it does already.

    `report` is what was reported last, and no cancellation. A gig that a program takes stays in the period in which
    that program counts it: a later time-zone database moves nothing.
    """
    taking = {each.program_id for each in takings}
    counting = {_program_of(each.stream): each for each in standings if each.counted is not None}
    reversals = [
        _reversal(report, standing, "moved", configuration)
        for program_id, standing in counting.items()
        if program_id not in taking
    ]
    accruals = [_accrual(report, each) for each in takings if each.program_id not in counting]
    is_recorded = any(
        isinstance(each.event, GigRecorded) and each.revision == report.gig.revision for each in standings
    )
    is_left_over = not takings and (bool(reversals) or not is_recorded)
    return [*reversals, *accruals, *([_record(report)] if is_left_over else [])]


def _cancel(
    report: GigReport, takings: Sequence[Taking], standings: Sequence[Standing], configuration: Configuration
) -> list[Step]:
    """Reverse wherever the gig counts; where it counts nowhere, remember the revision where it was reported last.

    One that was never reported is remembered where it would have counted.
    """
    if standings:
        latest = max(standing.revision for standing in standings)
        stands = [each for each in standings if each.counted is not None]
        stands = stands or [each for each in standings if each.revision == latest]
        recorded = [each for each in stands if isinstance(each.event, GigRecorded)]
        if recorded:
            record = RecordGig(report.platform_id, report.gig, cancelled=True)
            return [Step(standing.stream, record) for standing in recorded]
        return [_reversal(report, standing, "cancelled", configuration) for standing in stands]
    return [_unseen_reversal(report, taking) for taking in takings] or [_record(report)]


def _stream(report: GigReport, taking: Taking) -> str:
    return work_stream(taking.scope, report.gig.worker_id, taking.program_id, taking.period)


def _accrual(report: GigReport, taking: Taking) -> Step:
    return Step(_stream(report, taking), AccrueGig(report.platform_id, report.gig, taking.period, taking.program))


def _count(report: GigReport, taking: Taking, counted: Gig | None) -> Step:
    if counted is None:
        return _accrual(report, taking)
    adjust = AdjustGig(report.platform_id, report.gig, counted, taking.period, taking.program)
    return Step(_stream(report, taking), adjust)


def _reversal(report: GigReport, standing: Standing, reason: Reason, configuration: Configuration) -> Step:
    event = standing.event
    if isinstance(event, GigRecorded):
        raise InvariantBroken(f"{standing.stream} holds no contribution to reverse")
    is_news = reason == "cancelled" and replace(event.gig, revision=report.gig.revision) != report.gig
    reverse = ReverseGig(
        report.platform_id,
        event.gig,
        report.gig.revision,
        standing.counted,
        reason,
        event.period,
        configuration.assessors(event.program_id),
        report.gig if is_news else None,
    )
    return Step(standing.stream, reverse)


def _unseen_reversal(report: GigReport, taking: Taking) -> Step:
    gig = report.gig
    reverse = ReverseGig(report.platform_id, gig, gig.revision, None, "cancelled", taking.period, taking.program)
    return Step(_stream(report, taking), reverse)


def _record(report: GigReport) -> Step:
    month = period_of(report.gig.completed_at.astimezone(UTC).date(), "month")
    stream = work_stream(report.platform_id, report.gig.worker_id, NO_PROGRAM, month)
    return Step(stream, RecordGig(report.platform_id, report.gig, report.cancelled))


def registered(report: GigReport, known: RegisteredGig | None, written: Sequence[EventRef]) -> RegisteredGig:
    """The row after a report whose events are `written`: one reference for each program, the latest."""
    latest = {_program_of(ref.stream): ref for ref in (known.events if known else ())}
    latest.update({_program_of(ref.stream): ref for ref in written})
    return RegisteredGig(report.gig.revision, report.cancelled, report.digest, tuple(latest.values()))


def _program_of(stream: str) -> str:
    return stream.split(":", 4)[3]
