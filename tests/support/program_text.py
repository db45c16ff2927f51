"""Programs written as TOML, as a person might: the way back from a program to a file."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from domain.rule import ProgramVersion


def program_file(versions: Iterable[ProgramVersion]) -> str:
    """A program file that holds these versions; what is left at its default is not written."""
    each = [msgspec.to_builtins(version, builtin_types=[date]) for version in versions]
    return "".join([f"{key} = {_value(value)}\n" for key, value in (each[0] if len(each) == 1 else _all(each)).items()])


def _all(versions: list[dict[str, Any]]) -> dict[str, Any]:
    """What the first versions say first and all say alike stands above them."""
    first = versions[0]
    shared = [key for key in first if all(key in each and each[key] == first[key] for each in versions)]
    own = [{key: value for key, value in each.items() if key not in shared} for each in versions]
    return {key: first[key] for key in shared} | {"versions": own}


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join([f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()]) + " }"
        case list() | tuple():
            return "[" + ", ".join([_value(each) for each in value]) + "]"
        case date():
            return value.isoformat()
        case _:  # whole numbers, and text whose escapes are those of JSON
            return json.dumps(value, ensure_ascii=False)
