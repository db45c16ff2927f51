"""`benefits program check` and `publish`: from a file to an exchange, each version for good."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from domain.rejections import Malformed
from services.cli import program_files
from services.cli.application import app
from tests.services.cli.conftest import World
from tests.support.gigs import PROGRAMS, TENTH, gig
from tests.support.malformed_programs import FILES, expected
from tests.support.scene import Scene

Said = Callable[..., str]
FUTURE: Final = TENTH.replace("effective_from = 2023-01-01", "effective_from = 2999-01-01")
TWO: Final = """
id = "two"
title = "A tenth, then a fifth"
source = "invented"
currency = "USD"
period = "month"
time_zone = "America/New_York"
attribution_date = "completed_at"
base = { components = ["fare"] }

[[versions]]
version = 1
effective_from = 2023-01-01

[[versions.rules]]
amount = { kind = "percent", rate = "10 %" }
rounding = { direction = "half_up", per = "period" }
benefits = [{ benefit = "retirement" }]

[[versions]]
version = 2
effective_from = 2023-07-01

[[versions.rules]]
amount = { kind = "percent", rate = "20 %" }
rounding = { direction = "half_up", per = "period" }
benefits = [{ benefit = "retirement" }]
"""


def check(file: Path | str) -> None:
    """Run the command in this process."""
    app(["program", "check", str(file)], standalone_mode=False)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """A program file with this content."""

    def write(content: str | bytes) -> Path:
        file = tmp_path / "program.toml"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


# Checking


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.toml")), ids=lambda path: str(path.stem))
def test_every_shipped_program_is_told_in_sentences_with_examples(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(path)
    said = capsys.readouterr()
    for version in program_files.read(str(path)):
        assert f"{version.id}, version {version.version}\n" in said.out
    assert said.out.count("for example, in ") == len(program_files.read(str(path)))
    assert all(line.startswith(f"warning: {path}: effective_from: ") for line in said.err.splitlines())


def test_examples_stand_in_columns(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    check(written((PROGRAMS / "stride-maryland.toml").read_bytes()))
    assert (
        """\
  for example, in 2025-01, in USD:
      base  gigs  platform
    999.99   101      0.00
  1,000.00   101     40.00
  1,234.56   101     49.38
  1,234.56   100      0.00
"""
        in capsys.readouterr().out
    )


def test_what_is_surprising_is_a_warning(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(TENTH.replace('["fare"]', '["fare", "fuel_surcharge"]'))
    check(file)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"warning: {file}: base.components: 'fuel_surcharge' is no usual part of earnings")
    assert second.startswith(f"warning: {file}: effective_from: 2023-01-01 has passed")


def test_a_usual_program_of_the_future_surprises_nobody(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    check(written(FUTURE))
    assert capsys.readouterr().err == ""


def test_a_mark_of_the_byte_order_is_no_part_of_a_program(written: Any) -> None:
    check(written(b"\xef\xbb\xbf" + FUTURE.encode()))
    check(written(FUTURE.replace("\n", "\r\n")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
@pytest.mark.parametrize("command", ["check", "publish"])
def test_a_malformed_program_is_refused_with_file_key_and_reason(path: Path, command: str) -> None:
    with pytest.raises(Malformed) as refusal:
        app(["program", command, str(path)], standalone_mode=False)
    key, words = expected(path)
    assert str(refusal.value).startswith(f"{path}: {key}: " if key else f"{path}: ")
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "id: Object missing required field `id`"),
        (b"\xff\xfe" + FUTURE.encode("utf-16-le"), "not a text in UTF-8: byte 1 is none of it"),
        (FUTURE.encode() + b"# caf\xe9", f"not a text in UTF-8: byte {len(FUTURE) + 6} is none of it"),
        (b"\x00" * 100, "not a TOML file"),
        (b"#" * 10_000_000, "expected a program file of 1024 KiB at most"),
        (b"id = " + b"[" * 100_000, "not a TOML file"),
        (b"id = " + b"{a=" * 100_000, "not a TOML file"),
    ],
    ids=["empty", "UTF-16", "Latin-1", "zeros", "10 MB", "deep lists", "deep tables"],
)
def test_a_file_that_is_no_program_is_refused(written: Any, content: bytes, words: str) -> None:
    file = written(content)
    with pytest.raises(Malformed) as refusal:
        check(file)
    assert str(refusal.value).startswith(f"{file}: {words}")


def test_a_failure_is_one_line_and_a_program_may_come_through_a_pipe(world: World, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(TENTH.replace('"10 %"', '"10"'))
    for arguments, line in (
        (("check", "bad.toml"), "bad.toml: rules[0].amount.rate: expected a rate such as \"2.75 %\", got '10'"),
        (("publish", "bad.toml"), "bad.toml: rules[0].amount.rate: expected a rate such as \"2.75 %\", got '10'"),
        (("check", "gone.toml"), "gone.toml: No such file or directory"),
        (("check", "."), ".: Is a directory"),
        (("publish", "gone.toml", "--dry-run"), "gone.toml: No such file or directory"),
    ):
        ended = world.run("program", *arguments)
        assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"benefits: {line}\n")
    assert "tenth, version 1" in world.done("program", "check", "-", given=FUTURE)


# Publishing


@pytest.fixture
def scene(database: str, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(database, tmp_path / "keys")
    yield scene
    scene.close()


@pytest.fixture
def run(world: World, scene: Scene, database: str, tmp_path: Path) -> Callable[..., Any]:
    """`benefits program publish` of this content; expects a code, and returns what was said."""

    def run(content: str, *options: str, code: int = 0) -> str:
        (tmp_path / "program.toml").write_text(content)
        settings = {"database": database, "schema_name": scene.datastore.schema, "kafka": "127.0.0.1:1"}
        ended = world.run("program", "publish", "program.toml", "--by", "ada", *options, **settings)
        assert ended.returncode == code, ended.stderr
        return ended.stderr if code else ended.stdout

    return run


def test_all_versions_of_a_file_are_published_once(run: Said, scene: Scene) -> None:
    assert run(TWO).splitlines() == [
        "published two version 1, in force from 2023-01-01",
        "published two version 2, in force from 2023-07-01",
    ]
    assert [each.actor for each in scene.log.stream("program:two")] == ["ada", "ada"]
    epoch, head = scene.log.configuration().epoch, scene.log.head()
    assert run(TWO).splitlines() == ["already published: two version 1", "already published: two version 2"]
    assert (scene.log.configuration().epoch, scene.log.head()) == (epoch, head)


def test_of_a_file_with_one_version_too_many_none_is_published(run: Said, scene: Scene) -> None:
    second = TWO[: TWO.index("[[versions]]")] + TWO[TWO.rindex("[[versions]]") :]
    run(second)
    changed = TWO.replace('"20 %"', '"25 %"')
    assert run(changed, code=2) == "benefits: version 2 of two was published with other content\n"
    assert len(scene.log.stream("program:two")) == 1


def test_what_is_fixed_for_a_program_is_refused(run: Said, scene: Scene) -> None:
    run(TENTH)
    other = TENTH.replace("version = 1", "version = 2").replace('"USD"', '"CAD"')
    assert run(other, code=2) == "benefits: currency of tenth is 'USD' in all versions\n"
    assert len(scene.log.stream("program:tenth")) == 1


def test_a_late_version_says_what_it_moves_and_a_dry_run_publishes_nothing(run: Said, scene: Scene) -> None:
    first = TWO[: TWO.rindex("[[versions]]")]
    run(first)
    scene.register("uber", two=date(2023, 1, 1))
    scene.gigs.report("uber", gig(fare=100_00, completed_at=datetime.fromisoformat("2023-07-06T12:00:00-04:00")))
    scene.ingest()
    head = scene.log.head()
    (_, told) = map(json.loads, run(TWO, "--dry-run", "--json").splitlines())
    assert scene.log.head() == head
    assert (told["version"], told["published"]) == (2, True)
    effect = told["effect"]
    assert (effect["workers"], effect["platforms"], effect["work_periods"]) == (1, 1, 1)
    assert effect["money"] == {"USD": {"net_minor": 10_00, "plus_minor": 10_00, "minus_minor": 0}}
    assert "would publish two version 2, in force from 2023-07-01" in run(TWO, "--dry-run")
    assert "gigs count in its periods already: their work periods are re-assessed" in run(TWO)
    again = run(TWO, "--dry-run").splitlines()
    assert again == ["already published: two version 1", "already published: two version 2"]
