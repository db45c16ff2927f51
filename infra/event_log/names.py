"""The catalogue of stored names: what an event is called in the log, whatever its Python class is called.

Append only. A name never changes its meaning; a shape that has to change gets the next `.vN`. The bytes of each are
kept in `tests/infra/recorded`.
"""

from typing import Final

from domain.intake import IntakeRecorded, IntakeStarted
from domain.platform import PlatformRegistered, PlatformReinstated, PlatformSuspended, ProgramJoined, ProgramLeft
from domain.program import ProgramPublished
from domain.recorded_gig import GigRecorded
from domain.work_period import ContributionAccrued, ContributionAdjusted, ContributionReversed

STORED_NAMES: Final[dict[str, type]] = {
    "program.published.v1": ProgramPublished,
    "platform.registered.v1": PlatformRegistered,
    "platform.program-joined.v1": ProgramJoined,
    "platform.program-left.v1": ProgramLeft,
    "platform.suspended.v1": PlatformSuspended,
    "platform.reinstated.v1": PlatformReinstated,
    "work-period.contribution-accrued.v1": ContributionAccrued,
    "work-period.contribution-adjusted.v1": ContributionAdjusted,
    "work-period.contribution-reversed.v1": ContributionReversed,
    "work-period.gig-recorded.v1": GigRecorded,
    "intake.started.v1": IntakeStarted,
    "intake.recorded.v1": IntakeRecorded,
}
