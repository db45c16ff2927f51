"""A re-assessment: what one worker's gigs and work periods come to under the programs as they are now.

One worker at a time, for nothing of one worker's stands in another's streams. Gigs that a program takes no more go out
of it first, then work periods get the version in force, then gigs that a program takes by now come in: so every gig is
measured by the versions that take it. What cannot be assessed stays as it is, with a finding that says why; the rest
goes on. Where everything is right nothing follows, so that re-assessing is safe to repeat.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from domain.configuration import Configuration
from domain.desk import EMPTY, Desk, GigKey, Head, head
from domain.gig import GigReport, digest
from domain.recorded import NewEvent
from domain.recorded_gig import GigRecorded
from domain.registry import EventRef, GigEvent, RegisteredGig, Standing, Step, retaken
from domain.rejections import InvariantBroken, Malformed
from domain.work_period import (
    Contribution,
    ContributionReversed,
    ReassessPeriod,
    ReverseGig,
    counted,
    is_about_all,
)

#: All events of streams, oldest first; an `InvariantBroken` in place of one that is corrupt.
Histories = Mapping[str, Sequence[object]]


class Finding(Struct, frozen=True, omit_defaults=True):
    """What stays as it is although it should not, and why: a gig, or (without `gig_id`) a whole work period."""

    stream: str
    code: str
    reason: str
    gig_id: str = ""


class Plan(Struct, frozen=True):
    """What follows for one worker: events, rows of the registry, and what could not be assessed."""

    events: tuple[NewEvent, ...] = ()
    registered: dict[GigKey, RegisteredGig] = {}
    findings: tuple[Finding, ...] = ()


class Suspect(Struct, frozen=True):
    """A gig that may count elsewhere than it should: what was reported last of it, and what is to be done.

    `refusal` is there where a program that takes the gig by now cannot assess it.
    """

    report: GigReport
    standings: tuple[Standing, ...]
    steps: tuple[Step, ...] = ()
    refusal: Malformed | None = None

    @property
    def key(self) -> GigKey:
        """The gig's key in the registry."""
        return self.report.platform_id, self.report.gig.gig_id

    def is_last_report(self, row: RegisteredGig | None) -> bool:
        """Whether the registry knows nothing newer of the gig: then it belongs to this worker."""
        return row is not None and not row.cancelled and row.digest == self.report.digest

    def finding(self, error: Malformed) -> Finding:
        """That the gig stays where it is."""
        return Finding(self.standings[-1].stream, error.code, str(error), self.report.gig.gig_id)


def is_outdated(configuration: Configuration, latest: object) -> bool:
    """Whether gigs count in a stream by another version than the one in force; `latest` is its latest event."""
    if not isinstance(latest, Contribution) or not latest.totals:
        return False
    in_force = configuration.assessors(latest.program_id).find(latest.period)
    return in_force is not None and in_force.version.version != latest.program_version


class Reassessment:
    """One worker's streams, and the gigs of these platforms in them that may count elsewhere than they should.

    To plan takes the registry's rows of the suspects: only they know whether a gig was corrected meanwhile and
    belongs to somebody else.
    """

    def __init__(self, configuration: Configuration, histories: Histories, platforms: Collection[str] = ()) -> None:
        self._configuration = configuration
        # Sorted: what follows has one order, however the streams were found.
        self._histories = {stream: events for stream, events in sorted(histories.items()) if events}
        self._heads: dict[str, Head] = {}
        self._corrupt: Finding | None = None
        self.suspects: dict[GigKey, Suspect] = {}
        for stream, events in self._histories.items():
            try:
                self._heads[stream] = _head(events)
            except InvariantBroken as error:
                self._corrupt = Finding(stream, error.code, str(error))
                return
        suspects = [self._suspect(standings) for standings in _standings(self._histories, platforms)]
        self.suspects = {each.key: each for each in suspects if each is not None}

    def plan(self, known: Mapping[GigKey, RegisteredGig]) -> Plan:
        """What follows; `known` are the registry's rows of the suspects. One that has none stays as it is."""
        if self._corrupt is not None:
            return Plan(findings=(self._corrupt,))
        current = [each for key, each in self.suspects.items() if each.is_last_report(known.get(key))]
        findings = [each.finding(each.refusal) for each in current if each.refusal is not None]
        wanted = [each for each in current if each.refusal is None]
        while True:
            attempt = _Attempt(self._configuration, self._histories, self._desk(wanted, known))
            try:
                refused = attempt.carry_out(wanted)
            except InvariantBroken as error:
                return Plan(findings=(Finding(attempt.stream, error.code, str(error)),))
            if not refused:
                return attempt.plan(findings)
            # A gig is moved whole or not at all: without those that cannot be, everything is decided anew.
            findings += [each.finding(error) for each, error in refused]
            out = {each.key for each, _ in refused}
            wanted = [each for each in wanted if each.key not in out]

    def _suspect(self, standings: Sequence[Standing]) -> Suspect | None:
        """The gig that stands there, unless it was cancelled, belongs to another worker or counts where it should."""
        latest = max([each.revision for each in standings])
        said = [each.event for each in standings if each.revision == latest]
        facts = next((event.gig for event in said if not isinstance(event, ContributionReversed)), None)
        if facts is None or any(_is_cancelled(event) for event in said):
            return None
        platform = self._configuration.platforms[said[0].platform_id]
        report = GigReport(platform.platform_id, facts, False, digest(facts, cancelled=False))
        try:
            takings = self._configuration.takings_of(platform, facts)
        except Malformed as refusal:
            return Suspect(report, tuple(standings), refusal=refusal)
        steps = retaken(report, takings, standings, self._configuration)
        return Suspect(report, tuple(standings), tuple(steps)) if steps else None

    def _desk(self, wanted: Sequence[Suspect], known: Mapping[GigKey, RegisteredGig]) -> Desk:
        empty = dict.fromkeys([step.stream for each in wanted for step in each.steps], EMPTY)
        return Desk(self._configuration, empty | self._heads, known, {})


class _Attempt:
    """One go at a worker's gigs and work periods, on a desk of its own."""

    def __init__(self, configuration: Configuration, histories: Histories, desk: Desk) -> None:
        self._configuration = configuration
        self._histories = histories
        self._desk = desk
        self._refs: defaultdict[GigKey, list[EventRef]] = defaultdict(list)
        self._unmoved: list[Finding] = []
        #: The one decided on last.
        self.stream = ""

    def carry_out(self, wanted: Sequence[Suspect]) -> list[tuple[Suspect, Malformed]]:
        """Decide everything in its order; returns the gigs that cannot be taken elsewhere, and why."""
        refused = self._take_steps(wanted, reversals=True)
        self._move_streams()
        refused += self._take_steps(wanted, reversals=False)
        for suspect in wanted:
            self._desk.reregister(suspect.report, self._refs[suspect.key])
        return refused

    def plan(self, findings: Sequence[Finding]) -> Plan:
        """What was decided."""
        return Plan(tuple(self._desk.new_events), self._desk.registered, (*findings, *self._unmoved))

    def _take_steps(self, wanted: Sequence[Suspect], *, reversals: bool) -> list[tuple[Suspect, Malformed]]:
        refused = []
        for suspect in wanted:
            try:
                for step in suspect.steps:
                    if isinstance(step.command, ReverseGig) == reversals:
                        self._refs[suspect.key] += self._decide(step)
            except Malformed as error:
                refused.append((suspect, error))
        return refused

    def _decide(self, step: Step) -> list[EventRef]:
        self.stream = step.stream
        return self._desk.carry_out(step)

    def _move_streams(self) -> None:
        """Let the version in force take each work period over, as far as it can assess the gigs that count."""
        written: defaultdict[str, list[object]] = defaultdict(list)
        for new in self._desk.new_events:
            written[new.stream].append(new.event)
        for stream, history in self._histories.items():
            events = [*history, *written[stream]]
            latest = events[-1]
            if is_outdated(self._configuration, latest):
                assert isinstance(latest, Contribution)
                program = self._configuration.assessors(latest.program_id)
                move = Step(stream, ReassessPeriod(counted(events), latest.period, program))
                try:
                    self._decide(move)
                except Malformed as error:
                    self._unmoved.append(Finding(stream, error.code, str(error)))


def _head(events: Sequence[object]) -> Head:
    """Where a stream stands; raises `InvariantBroken` where one of its events is corrupt."""
    for event in events:
        if isinstance(event, InvariantBroken):
            raise event
    return head(len(events), events[-1])


def _standings(histories: Histories, platforms: Collection[str]) -> list[list[Standing]]:
    """Of each gig of these platforms its own latest event in each stream."""
    found: dict[GigKey, dict[str, GigEvent]] = {}
    for stream, events in histories.items():
        for event in events if platforms else ():
            if isinstance(event, GigEvent) and event.platform_id in platforms and not is_about_all(event):
                found.setdefault((event.platform_id, event.gig.gig_id), {})[stream] = event
    return [[Standing(stream, event) for stream, event in of.items()] for of in found.values()]


def _is_cancelled(event: GigEvent) -> bool:
    return event.cancelled if isinstance(event, GigRecorded) else getattr(event, "reason", "") == "cancelled"
