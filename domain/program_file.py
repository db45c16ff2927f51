"""Program files: TOML to program versions.

A file holds one version, or several under `[[versions]]`; the keys above `[[versions]]` then hold for each of them.
"""

import tomllib
from typing import Any

import msgspec

from domain.allowed import refusal
from domain.assessment import check
from domain.rejections import Malformed
from domain.rule import FIXED_KEYS, ProgramVersion


def read(text: str) -> tuple[ProgramVersion, ...]:
    """The versions in a program file, in the order of the file; raises `Malformed` naming the key at fault."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not a TOML file: {error}") from None
    versions = document.pop("versions", None)
    if versions is None:
        return (version(document),)
    if not isinstance(versions, list) or not versions or not all(isinstance(each, dict) for each in versions):
        raise Malformed("expected one or more [[versions]] tables", key="versions")
    found = []
    for index, each in enumerate(versions):
        try:
            found.append(version({**document, **each}))
        except Malformed as error:
            # A key above the versions is at fault for all of them, and is looked for where it stands.
            is_above = _head(error.key) in document.keys() - each.keys()
            key = error.key if is_above else f"versions[{index}].{error.key}".rstrip(".")
            raise Malformed(error.reason, key=key) from None
    _check_together(found)
    return tuple(found)


def version(document: dict[str, Any]) -> ProgramVersion:
    """One program version from a mapping; raises `Malformed` naming the key at fault and what is allowed there."""
    try:
        program = msgspec.convert(document, ProgramVersion)
    except msgspec.ValidationError as error:
        raise refusal(error, document, ProgramVersion) from None
    except RecursionError:
        raise Malformed("nested too deeply to be a program") from None
    check(program)
    return program


def _head(key: str) -> str:
    """The first name of a key: `rules` of `rules[0].amount`."""
    return key.partition(".")[0].partition("[")[0]


def _check_together(versions: list[ProgramVersion]) -> None:
    """Raise `Malformed` where versions cannot be those of one program."""
    first = versions[0]
    for index, each in enumerate(versions):
        for key in ("id", *FIXED_KEYS):
            if getattr(each, key) != getattr(first, key):
                raise Malformed(f"expected {getattr(first, key)} as in the others", key=f"versions[{index}].{key}")
        if each.version in [earlier.version for earlier in versions[:index]]:
            raise Malformed(f"expected each number once, got {each.version} again", key=f"versions[{index}].version")
