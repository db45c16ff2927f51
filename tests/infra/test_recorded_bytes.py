"""The bytes of every stored event, as the log holds them for ever.

`recorded/<stored name>.json` is what an event of that name looks like in the log, `<stored name>+<what>.json` what it
looks like with fields that it got later. A file is only ever added: a shape that has to change gets the next name. What
is stored must stay readable, and must be written in the same way.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from domain.gig import Gig
from domain.intake import IntakeRecorded, IntakeStarted
from domain.platform import PlatformRegistered, PlatformReinstated, PlatformSuspended, ProgramJoined, ProgramLeft
from domain.program import ProgramPublished
from domain.recorded_gig import GigRecorded
from domain.rejections import InvariantBroken
from domain.rule import AppliesTo, Base, Percent, ProgramVersion, Rounding, Rule, Share, When
from domain.totals import Cell
from domain.work_period import ContributionAccrued, ContributionAdjusted, ContributionReversed, Line
from infra.event_log.mapper import decode, encode, name_of
from infra.event_log.names import STORED_NAMES

FOLDER: Final = Path(__file__).parent / "recorded"
AT: Final = datetime(2023, 7, 1, 2, 18, 25, 123_456, tzinfo=UTC)

WHOLE: Final = Gig(
    gig_id="trip-8817",
    revision=1,
    worker_id="w-104",
    completed_at=datetime.fromisoformat("2023-06-30T22:18:22-04:00"),
    engaged_seconds=1261,
    currency="USD",
    earnings={"fare": 16_90, "tip": 3_00, "toll": 0, "airport_fee": 2_50},
    started_at=datetime.fromisoformat("2023-06-30T21:57:21.5-04:00"),
    paid_at=datetime.fromisoformat("2023-07-03T00:00:00Z"),
    online_seconds=1500,
    distance_meters=7_810,
    vehicle_class="car",
    worker_class="default",
    jurisdiction="US-NY",
    service="ride",
)
PLAIN: Final = Gig(
    gig_id="trip-8817",
    revision=0,
    worker_id="w-104",
    completed_at=datetime.fromisoformat("2023-06-30T22:18:22-04:00"),
    engaged_seconds=1261,
    currency="USD",
    earnings={"fare": 14_90},
)
VERSION: Final = ProgramVersion(
    id="demo",
    version=2,
    title="A demonstration",
    source="invented",
    currency="USD",
    period="week",
    time_zone="America/New_York",
    attribution_date="completed_at",
    effective_from=date(2023, 6, 26),
    base=Base(("fare", "airport_fee")),
    rules=(
        Rule(
            amount=Percent("2.75 %"),
            rounding=Rounding("half_up", "gig"),
            benefits=(Share("workers_compensation"),),
            payer="customer",
        ),
        Rule(
            amount=Percent("4 %"),
            rounding=Rounding("floor", "period", "1.00"),
            benefits=(Share("retirement", 5), Share("health", 3)),
            when=When("150.00"),
        ),
    ),
    applies_to=AppliesTo(("US-NY",), ("ride", "delivery")),
)
PARTITION: Final = ("kafka-1", "gigs.uber", 0)

#: One example for each stored name, with every field that an event of it had at first, and one for later fields.
EXAMPLES: Final[dict[str, object]] = {
    "program.published.v1": ProgramPublished(VERSION),
    "platform.registered.v1": PlatformRegistered("uber", "Über"),
    "platform.program-joined.v1": ProgramJoined("demo", date(2023, 6, 26)),
    "platform.program-left.v1": ProgramLeft("demo", date(2023, 9, 25)),
    "platform.suspended.v1": PlatformSuspended("statements are overdue"),
    "platform.reinstated.v1": PlatformReinstated(),
    "work-period.contribution-accrued.v1": ContributionAccrued(
        "uber",
        "demo",
        2,
        "2023-W26",
        WHOLE,
        (Cell(3, 412_10, 3_783, (11_33,), "uber", "car", "default"),),
        (
            Line("workers_compensation", "customer", "uber", 53, 11_33),
            Line("retirement", "platform", "uber", -1, 10_00),
        ),
    ),
    "work-period.contribution-adjusted.v1": ContributionAdjusted(
        platform_id="uber",
        program_id="demo",
        program_version=2,
        period="2023-W26",
        gig=WHOLE,
        totals=(Cell(1, 19_40, 1_261, (53,)),),
        lines=(Line("workers_compensation", "customer", "uber", 12, 53),),
        replaced_revision=0,
    ),
    "work-period.contribution-adjusted.v1+replaced-version": ContributionAdjusted(
        platform_id="lyft",
        program_id="shared",
        program_version=3,
        period="2023-Q2",
        gig=PLAIN,
        totals=(
            Cell(1, 19_40, 1_261, (53, 60), "uber", "car", "default", ("1501/40", "3")),
            Cell(1, 14_90, 1_261, (), "lyft"),
        ),
        lines=(Line("health", "platform", "uber", -20, 50, 71), Line("health", "platform", "lyft", 12, 50, 71)),
        replaced_revision=0,
        replaced_version=2,
    ),
    "work-period.contribution-reversed.v1": ContributionReversed(
        platform_id="uber",
        program_id="demo",
        program_version=2,
        period="2023-W26",
        gig=PLAIN,
        totals=(),
        lines=(Line("workers_compensation", "customer", "uber", -41, 0),),
        revision=1,
        reason="cancelled",
        reported=WHOLE,
    ),
    "work-period.gig-recorded.v1": GigRecorded("uber", PLAIN, cancelled=True),
    "intake.started.v1": IntakeStarted(*PARTITION, "mDZ0b1xCQ5y6Yw", 0, "recreated"),
    "intake.recorded.v1": IntakeRecorded(*PARTITION, 100, 150, {"new": 48, "duplicate": 1, "quarantined": 1}, "ab12"),
}

every_name = pytest.mark.parametrize("name", STORED_NAMES)
every_example = pytest.mark.parametrize("example", EXAMPLES)


def _name(example: str) -> str:
    return example.partition("+")[0]


def _recorded(example: str) -> bytes:
    """The bytes on file, without the line break that ends the file."""
    path = FOLDER / f"{example}.json"
    if not path.exists():
        text = encode(EXAMPLES[example], AT, "operator-1").decode()
        pytest.fail(f"nothing is recorded of {example}; put this line into {path.name}:\n{text}")
    return path.read_bytes().removesuffix(b"\n")


def test_every_stored_name_has_an_example_of_its_own_kind() -> None:
    assert EXAMPLES.keys() >= STORED_NAMES.keys()
    assert {_name(example): type(event) for example, event in EXAMPLES.items()} == STORED_NAMES


def test_every_file_belongs_to_an_example_so_that_none_can_be_dropped() -> None:
    assert {path.name.removesuffix(".json") for path in FOLDER.iterdir()} == EXAMPLES.keys()


def test_no_two_names_stand_for_one_kind_of_event() -> None:
    assert len(set(STORED_NAMES.values())) == len(STORED_NAMES)


@every_example
def test_what_was_recorded_reads_as_the_event_it_was(example: str) -> None:
    stored = decode(_name(example), _recorded(example), "on file")
    assert (stored.event, stored.recorded_at, stored.actor) == (EXAMPLES[example], AT, "operator-1")


@every_example
def test_what_was_recorded_is_written_in_the_same_bytes_today(example: str) -> None:
    stored = decode(_name(example), _recorded(example), "on file")
    assert encode(stored.event, stored.recorded_at, stored.actor) == _recorded(example)
    assert encode(EXAMPLES[example], AT, "operator-1") == _recorded(example)
    assert name_of(stored.event) == _name(example)


@every_name
def test_what_platforms_report_has_no_actor_and_stores_none(name: str) -> None:
    stored = encode(EXAMPLES[name], AT)
    assert b'"actor"' not in stored
    assert decode(name, stored, "here").actor == ""


@pytest.mark.parametrize("state", [b"", b"{}", b"[]", b'{"recorded_at":"2023-07-01T00:00:00Z"}', b"\xff"])
@every_name
def test_bytes_that_are_no_such_event_stop_the_reader_and_say_where(name: str, state: bytes) -> None:
    with pytest.raises(InvariantBroken, match="position 7"):
        decode(name, state, "position 7")


def test_a_name_that_nobody_knows_stops_the_reader_and_says_where() -> None:
    with pytest.raises(InvariantBroken, match=r"position 7: .*'worker\.born\.v1'"):
        decode("worker.born.v1", b"{}", "position 7")
