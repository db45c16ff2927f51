"""`benefits assess` as a stranger uses it: a file of gigs, and nothing else."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen

import pytest

from tests.services.cli.conftest import World
from tests.support.gig_files import line
from tests.support.gigs import TENTH, gig

TEXT = TENTH.replace("effective_from = 2023-01-01", 'effective_from = 2023-01-01\n[applies_to]\nservices = ["ride"]')
GIGS = (
    line(gig("a", fare=100_00))
    + line(gig("b", fare=50_00), "lyft")
    + line(gig("c"))
    + line(gig("c", revision=1), cancelled=True)
    + line(gig("d", service="delivery"))
    + line(gig("a", revision=1, fare=1_000_00))
    + line(gig("b", fare=50_00), "lyft")
    + line(gig("a", fare=100_00))
)
TOLD = "1 gig is taken by no program, 1 gig is cancelled, 1 line is a duplicate, 1 line is stale\n"
PLACE_KEYS = ["worker_id", "platform_id", "program", "version", "period", "benefit", "payer", "currency"]
PERIOD_KEYS = [*PLACE_KEYS, "amount_minor", "uncapped_amount_minor", "gigs", "base_minor", "engaged_seconds"]
GIG_KEYS = ["gig_id", "revision", *PLACE_KEYS, "amount_minor", "entitled_minor"]


@pytest.fixture
def files(world: World) -> World:
    """A world with a program, another version of it, and gigs."""
    (world.folder / "tenth.toml").write_text(TEXT)
    (world.folder / "later.toml").write_text(
        TEXT.replace("version = 1", "version = 2").replace("2023-01-01", "2023-06-01").replace("10 %", "20 %")
    )
    (world.folder / "gigs.jsonl").write_bytes(GIGS)
    return world


def rows(printed: str) -> list[dict[str, object]]:
    return [json.loads(each) for each in printed.splitlines()]


def test_what_a_period_comes_to_is_one_object_a_line_and_the_rest_is_one_line_on_stderr(files: World) -> None:
    ended = files.run("assess", "--program", "tenth.toml", "--gigs", "gigs.jsonl")
    assert (ended.returncode, ended.stderr) == (0, TOLD)
    assert ended.stdout.splitlines()[0] == (
        '{"worker_id":"w-1","platform_id":"lyft","program":"tenth","version":1,"period":"2023-06",'
        '"benefit":"retirement","payer":"platform","currency":"USD","amount_minor":500,"uncapped_amount_minor":500,'
        '"gigs":1,"base_minor":5000,"engaged_seconds":600}'
    )
    found = rows(ended.stdout)
    assert [list(row) for row in found] == [PERIOD_KEYS] * 2
    assert [(row["platform_id"], row["amount_minor"]) for row in found] == [("lyft", 5_00), ("uber", 100_00)]


def test_what_each_gig_moves_is_one_object_a_line_in_the_order_of_the_lines(files: World) -> None:
    ended = files.run("assess", "--program", "tenth.toml", "--gigs", "-", "--per-gig", given=GIGS.decode())
    assert (ended.returncode, ended.stderr) == (0, TOLD)
    found = rows(ended.stdout)
    assert [list(row) for row in found] == [GIG_KEYS] * 2
    assert [(row["gig_id"], row["revision"], row["amount_minor"]) for row in found] == [
        ("b", 0, 5_00),
        ("a", 1, 100_00),
    ]


def test_with_explain_each_gig_says_why(files: World) -> None:
    ended = files.run("assess", "--program", "tenth.toml", "--gigs", "gigs.jsonl", "--per-gig", "--explain")
    found = rows(ended.stdout)
    assert [list(row) for row in found] == [[*GIG_KEYS, "explanation"]] * 2
    assert all("10 % of 50.00" in " ".join(row["explanation"]) for row in found[:1])  # type: ignore[arg-type]


def test_several_programs_and_all_versions_in_several_files_are_assessed_together(files: World) -> None:
    names = ["tenth.toml", "later.toml", "demo-weekly", "tenth.toml"]
    options = [option for name in names for option in ("--program", name)]
    ended = files.run("assess", *options, "--gigs", "gigs.jsonl")
    found = {
        (row["platform_id"], row["program"], row["version"], row["benefit"]): row["amount_minor"]
        for row in rows(ended.stdout)
    }
    assert ended.returncode == 0
    assert found["uber", "tenth", 2, "retirement"] == 200_00
    assert found["uber", "demo-weekly", 1, "retirement"] == 20_20  # with the gig that `tenth` does not take
    assert [key for key in found if key[0] == "lyft"] == [
        ("lyft", "demo-weekly", 1, "health"),
        ("lyft", "demo-weekly", 1, "paid_leave"),
        ("lyft", "demo-weekly", 1, "retirement"),
        ("lyft", "tenth", 2, "retirement"),
    ]


def test_a_table_writes_money_as_people_do_and_ends_with_totals(files: World) -> None:
    ended = files.run("assess", "--program", "tenth.toml", "--gigs", "gigs.jsonl", "--format", "table")
    cells = [each.split() for each in ended.stdout.splitlines() if each.strip()]
    assert cells[3][:7] == ["w-1", "uber", "tenth", "1", "2023-06", "retirement", "platform"]
    assert cells[3][7:] == ["1", "1,000.00", "0:10:00", "100.00", "USD"]
    assert cells[-1] == ["tenth", "retirement", "platform", "105.00", "USD"]


def test_a_table_of_gigs_says_once_why(files: World) -> None:
    shown = files.done(
        "assess", "--program", "demo-weekly", "--gigs", "gigs.jsonl", "--per-gig", "--explain", "--format", "table"
    )
    cells = [each.split() for each in shown.splitlines() if each.strip()]
    assert cells[0][:2] == ["gig", "revision"]
    assert cells[-1][-4:] == ["demo-weekly", "all", "40.40", "USD"]
    assert len([each for each in cells if each[0] in "abd"]) == 9  # three gigs, three benefits
    assert shown.count("4 % of") == 3


def test_a_bad_line_is_reported_with_its_number_and_the_rest_is_assessed(files: World) -> None:
    (files.folder / "bad.jsonl").write_bytes(
        b"\xef\xbb\xbf" + GIGS + b"nonsense\r\n\r\n" + b"\xff\x00\n" + b'{"gig_id": 1}'
    )
    ended = files.run("assess", "--program", "tenth.toml", "--gigs", "bad.jsonl")
    assert ended.returncode == 1
    assert len(rows(ended.stdout)) == 2
    *bad, told = ended.stderr.splitlines()
    assert [each.split(":")[0] for each in bad] == ["line 9", "line 11", "line 12"]
    assert bad[2] == "line 12: Expected `str`, got `int` - at `$.gig_id`"
    assert told == TOLD.strip() + ", 3 lines were refused"


def test_of_no_gigs_nothing_is_said(files: World) -> None:
    for form in ("json", "table"):
        ended = files.run("assess", "--program", "tenth.toml", "--gigs", "-", "--format", form)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_reader_that_has_read_enough_is_no_failure(files: World, form: str) -> None:
    (files.folder / "many.jsonl").write_bytes(b"".join([line(gig(f"g-{number}")) for number in range(3_000)]))
    command = [sys.executable, "-m", "services.cli", "assess", "--program", "tenth.toml", "--gigs", "many.jsonl"]
    with Popen(
        [*command, "--per-gig", "--format", form], env=files.environment, cwd=files.folder, stdout=PIPE, stderr=PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


# What cannot be assessed

FAILURES: list[tuple[str, str]] = [
    ("--gigs gigs.jsonl", "Missing option '--program'"),
    ("--program tenth.toml", "Missing option '--gigs'"),
    ("--program tenth.toml --gigs gone.jsonl", "gone.jsonl: No such file or directory"),
    ("--program tenth.toml --gigs .", ".: Is a directory"),
    ("--program gone.toml --gigs gigs.jsonl", "gone.toml: No such file or directory"),
    (
        "--program tenths --gigs gigs.jsonl",
        "no program 'tenths' is shipped: expected a program file, or one of alia, black-",
    ),
    (
        "--program bad.toml --gigs gigs.jsonl",
        "bad.toml: rules[0].rounding.per: Invalid enum value 'week'; allowed: one of gig, period",
    ),
    ("--program tenth.toml --program other.toml --gigs gigs.jsonl", "other.toml: version 1 of tenth was published"),
    ("--program tenth.toml --program terms.toml --gigs gigs.jsonl", "terms.toml: currency of tenth is 'USD' in all"),
    ("--program tenth.toml --gigs gigs.jsonl --explain", "Invalid value for --explain: explains single gigs"),
    ("--program tenth.toml --gigs gigs.jsonl --format xml", "Invalid value for '--format'"),
    ("--program - --gigs -", "Invalid value for --gigs: programs or gigs can come from standard input, not both"),
]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Future[CompletedProcess[str]]]]:
    """All these commands at once, or starting Python so often would take half a minute."""
    world = World(tmp_path_factory.mktemp("failures"))
    _write_programs(world.folder)
    with ThreadPoolExecutor(4) as pool:
        yield [pool.submit(world.run, "assess", *options.split()) for options, _ in FAILURES]


def _write_programs(folder: Path) -> None:
    (folder / "gigs.jsonl").write_bytes(GIGS)
    (folder / "tenth.toml").write_text(TEXT)
    (folder / "bad.toml").write_text(TEXT.replace('per = "period"', 'per = "week"'))
    (folder / "other.toml").write_text(TEXT.replace("10 %", "20 %"))
    (folder / "terms.toml").write_text(TEXT.replace("version = 1", "version = 2").replace("USD", "CAD"))


@pytest.mark.parametrize("number", range(len(FAILURES)), ids=[options for options, _ in FAILURES])
def test_a_failure_is_one_line(ended: list[Future[CompletedProcess[str]]], number: int) -> None:
    command = ended[number].result()
    assert (command.returncode, command.stdout) == (2, "")
    (said,) = command.stderr.splitlines()
    assert said.startswith(f"benefits: {FAILURES[number][1]}")
