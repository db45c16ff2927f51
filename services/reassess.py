"""The re-assessment job: what was published or joined late comes to count for the gigs that were taken before.

What there is to do is read off the log: the program and platform events after the position up to which everything is
done. What is done is read off the streams: killed anywhere and started again, the job ends with the same ledger, and
where nothing is left to do it writes nothing. The position moves on after a pass that left nothing behind.
"""

from collections.abc import Callable
from datetime import datetime
from threading import Event as Flag
from typing import Final

import msgspec
from msgspec import Struct

from domain import program
from domain.configuration import Configuration
from domain.late_change import Concern, concern, concern_of
from domain.program import PublishProgram
from domain.rejections import Conflict, Unavailable
from domain.rule import ProgramVersion
from services import heap
from services.backoff import Backoff
from services.effect import Effect, Tally
from services.logs import logger
from services.metrics import REASSESS
from services.ports import Clock
from services.reassessment import Pass, ReassessLog, ReassessReads, ReassessTransaction

#: The name under which the position is kept.
FOLLOWER: Final = "reassessment"
#: How often the service looks whether a program or a platform changed: one row is read.
LOOK_SECONDS: Final = 0.5

log = logger(__name__)

Told = Callable[[int], None]


def _untold(_: int) -> None:
    """Nobody wants to know."""


class Work(Struct, frozen=True):
    """What became due between two positions; `is_all` where nothing before it was left behind."""

    configuration: Configuration
    concern: Concern
    until: int
    is_all: bool


class Reassess:
    """The job. Two of them do no harm: each decides anew what the other has written to."""

    def __init__(self, exchange: ReassessLog, reads: ReassessReads, clock: Clock) -> None:
        self._log = exchange
        self._reads = reads
        self._clock = clock
        self._epoch = -1
        self._looked_to = 0

    def run(self, stop: Flag) -> None:
        """Do what becomes due, until told to stop."""
        heap.settle()
        backoff = Backoff(stop)
        while not stop.is_set():
            try:
                self.step(stop)
                REASSESS.ready.set(1)
                backoff.succeeded()
                stop.wait(LOOK_SECONDS)
            except (Conflict, Unavailable) as error:
                REASSESS.ready.set(0)
                log.warning("waiting", reason=error.code, detail=error.detail, seconds=backoff.delay)
                backoff.wait()

    def step(self, stop: Flag) -> Effect:
        """Do what became due since the last step; what that could not assess waits for the next start."""
        with self._log.transaction() as transaction:
            epoch = transaction.share_epoch()
            if epoch == self._epoch:
                return Effect()
            work = _work(transaction, epoch, self._looked_to)
        effect = self._carry_out(work, stop)
        if not stop.is_set():
            self._epoch, self._looked_to = epoch, work.until
            REASSESS.findings.set(effect.findings_count)
        return effect

    def all_due(self, told: Told = _untold) -> Effect:
        """Do everything that is due; `told` is called with the number of workers done so far."""
        return self._carry_out(self._all_work(), Flag(), told)

    def preview(self, told: Told = _untold) -> Effect:
        """What doing everything that is due would come to."""
        work = self._all_work()
        return _preview(Pass(self._log, self._reads, work.configuration, work.concern), told)

    def _all_work(self) -> Work:
        with self._log.transaction() as transaction:
            return _work(transaction, transaction.share_epoch(), 0)

    def _carry_out(self, work: Work, stop: Flag, told: Told = _untold) -> Effect:
        tally = Tally()
        going = Pass(self._log, self._reads, work.configuration, work.concern)
        for batch in going.batches():
            plans = going.carry_out(batch, self._clock)
            for plan in plans:
                tally.add(plan)
                for each in plan.findings:
                    log.warning("left as it is", stream=each.stream, gig=each.gig_id, reason=each.code, why=each.reason)
            REASSESS.events.inc(sum([len(plan.events) for plan in plans]))
            told(tally.effect.workers)
            if stop.is_set():
                return tally.effect
        self._done(work, tally.effect)
        return tally.effect

    def _done(self, work: Work, effect: Effect) -> None:
        if effect != Effect():
            log.info("re-assessed", **msgspec.to_builtins(effect) | {"findings": effect.findings_count})
        if work.is_all and not effect.findings_count:
            with self._log.transaction() as transaction:
                transaction.follow(FOLLOWER, work.until)


def preview(exchange: ReassessLog, reads: ReassessReads, version: ProgramVersion) -> Effect:
    """What publishing a version would move; raises what publishing it would raise.

    What is due already, and not done yet in the same work periods, is counted in.
    """
    now = exchange.configuration()
    before = now.programs.get(version.id, program.initial)
    after = program.decider.fold(program.decide(before, PublishProgram(version)), before)
    published = Configuration(now.programs | {version.id: after}, now.platforms, now.epoch)
    where = concern_of(version, before, published) if after != before else Concern()
    return _preview(Pass(exchange, reads, published, where))


def due_since(exchange: ReassessLog) -> datetime | None:
    """Since when something has been waiting that was published or joined late; None where nothing does."""
    with exchange.transaction() as transaction:
        epoch = transaction.share_epoch()
        waiting = transaction.changes_after(transaction.followed(FOLLOWER))
        configuration = transaction.configuration(epoch) if waiting else Configuration({}, {})
    return next((each.recorded_at for each in waiting if concern([each], configuration)), None)


def _work(transaction: ReassessTransaction, epoch: int, looked_to: int) -> Work:
    """What became due after a position, or after the one that is kept where that is later."""
    kept = transaction.followed(FOLLOWER)
    since = max(kept, looked_to)
    changes = transaction.changes_after(since)
    configuration = transaction.configuration(epoch)
    until = changes[-1].position if changes else since
    return Work(configuration, concern(changes, configuration), until, is_all=looked_to <= kept)


def _preview(going: Pass, told: Told = _untold) -> Effect:
    tally = Tally()
    for batch in going.batches():
        for plan in going.preview(batch):
            tally.add(plan)
        told(tally.effect.workers)
    return tally.effect
