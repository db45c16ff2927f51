"""Each file of `malformed_programs` is malformed in one way; its first line says what it is refused with."""

from pathlib import Path

import pytest

from domain import program_file
from domain.rejections import Malformed
from tests.support.gigs import TENTH
from tests.support.malformed_programs import FILES, expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_a_malformed_program_is_refused_with_its_key_and_what_is_allowed_there(path: Path) -> None:
    with pytest.raises(Malformed) as refusal:
        program_file.read(path.read_text("utf-8"))
    key, words = expected(path)
    assert refusal.value.key == key
    assert words in refusal.value.reason


def test_the_folder_is_large_enough_to_mean_something() -> None:
    assert len({path.read_text("utf-8").partition("\n")[2] for path in FILES}) == len(FILES) >= 70


# What is better made here than kept in a file


def _refused(text: str) -> Malformed:
    with pytest.raises(Malformed) as refusal:
        program_file.read(text)
    return refusal.value


@pytest.mark.parametrize("depth", [9, 100, 400, 800, 3_000])
def test_amounts_within_amounts_without_end_are_refused(depth: int) -> None:
    head, rules = TENTH.split("[[rules]]")
    tables = [f'[rules.amount]\nkind = "sum"\n\n[[rules.amount{".of" * 1}]]\nkind = "sum"\n']
    tables += [f'[[rules.amount{".of" * each}]]\nkind = "sum"\n' for each in range(2, min(depth, 800) + 1)]
    lines = [line for line in rules.splitlines() if not line.startswith("amount")]
    assert _refused(f"{head}[[rules]]\n" + "\n".join([*lines, *tables])).reason
    assert _refused(TENTH.replace('"10 %"', "[" * depth + "]" * depth)).reason
    assert _refused(TENTH + ".".join("a" * depth) + " = 1\n").key == "rules[0].a"


def test_a_long_key_is_cut() -> None:
    assert len(_refused(TENTH.replace("[base]", f"[base]\n{'x' * 5_000} = 1")).key) <= 201


def test_a_number_that_is_too_long_to_be_read_is_refused() -> None:
    assert _refused(TENTH.replace("version = 1", f"version = {'9' * 5_000}")).key == ""
    assert _refused(TENTH.replace("version = 1", f"version = 0x{'f' * 5_000}")).key == "version"
    assert _refused(TENTH.replace('"10 %"', f'"{"9" * 5_000} %"')).key == "rules[0].amount.rate"


@pytest.mark.parametrize("value", ["1979-05-27T07:32:00Z", "07:32:00", "inf", "nan", "true", "[]", "{}", "1", "1.5"])
@pytest.mark.parametrize("key", ["id", "title", "currency", "period", "time_zone"])
def test_only_text_is_text(key: str, value: str) -> None:
    lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in TENTH.splitlines()]
    assert _refused("\n".join(lines)).key == key
