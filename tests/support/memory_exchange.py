"""An exchange in memory: the desk over dictionaries, as ingest does it over PostgreSQL, and what must hold of it."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from domain.configuration import Configuration
from domain.desk import EMPTY, Desk, GigKey, Prepared, head, prepare
from domain.gig import Gig, GigReport, digest
from domain.identifiers import worker_of
from domain.message import Outcome
from domain.reassessment import Finding, Reassessment
from domain.recorded import NewEvent
from domain.recorded_gig import GigRecorded
from domain.registry import EventRef, GigEvent, RegisteredGig, registered
from domain.rejections import Malformed, Rejected
from domain.totals import Totals
from domain.work_period import Contribution, ContributionReversed, decider, is_about_all

#: Benefit, payer and platform.
LineKey = tuple[str, str, str]


class MemoryExchange:
    """Streams and registry as dictionaries; `log` holds all events in the order of their positions."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.log: list[NewEvent] = []
        self.streams: defaultdict[str, list[GigEvent]] = defaultdict(list)
        self.registry: dict[GigKey, RegisteredGig] = {}
        self.quarantine: list[tuple[GigReport, str]] = []

    def take(self, *reports: GigReport) -> list[Outcome]:
        """Take reports as one batch and say what each was."""
        ready = [self._prepare(report) for report in reports]
        desk = self._desk([each for each in ready if each is not None])
        outcomes = [self._take(desk, report, prepared) for report, prepared in zip(reports, ready, strict=True)]
        self._append(desk.new_events)
        self.registry |= desk.registered
        return outcomes

    def _append(self, events: Iterable[NewEvent]) -> None:
        for new in events:
            assert isinstance(new.event, GigRecorded | Contribution)
            assert new.version == len(self.streams[new.stream]) + 1
            self.streams[new.stream].append(new.event)  # type: ignore[arg-type]
            self.log.append(new)

    def reassess(self, configuration: Configuration) -> list[Finding]:
        """Decide by this configuration from now on, and let the gigs taken before count by it, as the job does."""
        self.configuration = configuration
        found: list[Finding] = []
        for worker_id in sorted({worker_of(stream) or "" for stream in self.streams}):
            histories = {
                stream: self.streams[stream] for stream in sorted(self.streams) if worker_of(stream) == worker_id
            }
            reassessment = Reassessment(configuration, histories, configuration.platforms)
            plan = reassessment.plan({key: self.registry[key] for key in reassessment.suspects})
            self._append(plan.events)
            self.registry |= plan.registered
            found += plan.findings
        return found

    def _prepare(self, report: GigReport) -> Prepared | None:
        try:
            return prepare(self.configuration, report)
        except (Rejected, Malformed) as refusal:
            self.quarantine.append((report, refusal.code))
            return None

    def _desk(self, ready: list[Prepared]) -> Desk:
        """No more than ingest loads: streams that new gigs lead to, and those where corrected gigs stand."""
        known = {each.key: self.registry[each.key] for each in ready if each.key in self.registry}
        refs = {ref for row in known.values() for ref in row.events}
        streams = {step.stream for each in ready for step in each.steps} | {ref.stream for ref in refs}
        heads = {
            stream: head(len(self.streams[stream]), self.streams[stream][-1]) if stream in self.streams else EMPTY
            for stream in streams
        }
        events = {ref: self.streams[ref.stream][ref.version - 1] for ref in refs}
        return Desk(self.configuration, heads, known, events)

    def _take(self, desk: Desk, report: GigReport, prepared: Prepared | None) -> Outcome:
        if prepared is None:
            return "quarantined"
        try:
            return desk.take(prepared)
        except (Rejected, Malformed) as refusal:
            self.quarantine.append((report, refusal.code))
            return "quarantined"

    def take_in_batches(self, reports: Iterable[GigReport], size: int) -> None:
        """Take reports in batches of this size."""
        waiting = list(reports)
        for start in range(0, len(waiting), size):
            self.take(*waiting[start : start + size])

    def contributions(self) -> dict[str, list[Contribution]]:
        """The contribution events of each work period."""
        found: dict[str, list[Contribution]] = {
            stream: [event for event in events if isinstance(event, Contribution)]
            for stream, events in self.streams.items()
        }
        return {stream: events for stream, events in found.items() if events}

    def accrued(self) -> dict[str, dict[LineKey, int]]:
        """Of each work period the sum of all its lines; what is zero is left out, as are periods without any."""
        sums: dict[str, defaultdict[LineKey, int]] = {}
        for stream, events in self.contributions().items():
            of_stream = sums.setdefault(stream, defaultdict(int))
            for line in [line for event in events for line in event.lines]:
                of_stream[line.benefit, line.payer, line.platform_id] += line.amount_minor
        return _without_zeros(sums)

    def entitled(self) -> dict[str, dict[LineKey, int]]:
        """Of each work period what its latest event says the worker is entitled to."""
        return _without_zeros(
            {
                stream: {(line.benefit, line.payer, line.platform_id): line.entitled_minor for line in events[-1].lines}
                for stream, events in self.contributions().items()
            }
        )

    def totals(self) -> dict[str, Totals]:
        """The totals of each work period that gigs count in."""
        return {stream: events[-1].totals for stream, events in self.contributions().items() if events[-1].totals}

    def reported(self) -> dict[GigKey, tuple[int, bool, bytes]]:
        """What was last reported of each gig: revision, cancelled or not, digest."""
        return {key: (row.revision, row.cancelled, row.digest) for key, row in self.registry.items()}


def _without_zeros(
    amounts: "dict[str, dict[LineKey, int]] | dict[str, defaultdict[LineKey, int]]",
) -> dict[str, dict[LineKey, int]]:
    left = {stream: {key: amount for key, amount in of.items() if amount} for stream, of in amounts.items()}
    return {stream: of for stream, of in left.items() if of}


def registry_of(log: Iterable[NewEvent]) -> dict[GigKey, RegisteredGig]:
    """The gig registry folded from the log alone."""
    rows: dict[GigKey, RegisteredGig] = {}
    for new in log:
        event = new.event
        # What a new version moves is about all gigs of a work period and names one of them only as an example.
        if isinstance(event, GigRecorded | Contribution) and not is_about_all(event):
            key = (event.platform_id, event.gig.gig_id)
            cancelled, facts = _last_report(event)
            said = GigReport(event.platform_id, facts, cancelled, digest(facts, cancelled=cancelled))
            rows[key] = registered(said, rows.get(key), [EventRef(new.stream, new.version)])
    return rows


def _last_report(event: GigRecorded | Contribution) -> tuple[bool, Gig]:
    """What a report that led to an event said: a cancellation or not, and the facts.

    Of a move the old stream knows only the revision; the event in the new stream, right after it, holds the facts.
    """
    if isinstance(event, GigRecorded):
        return event.cancelled, event.gig
    if isinstance(event, ContributionReversed):
        facts = event.reported or replace(event.gig, revision=event.revision)
        return event.reason == "cancelled", facts
    return False, event.gig


def refold(events: Iterable[Contribution]) -> Totals:
    """The totals after a whole history, from its beginning."""
    return decider.fold(events).totals  # type: ignore[arg-type]
