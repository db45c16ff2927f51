"""Program files: TOML to program versions.

A file holds one version, or several under `[[versions]]`; the keys above `[[versions]]` then hold for each of them.
"""

import tomllib
from typing import Any

import msgspec

from domain import rule
from domain.rejections import Malformed
from domain.rule import ProgramVersion


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
    return tuple([version({**document, **each}) for each in versions])


def version(document: dict[str, Any]) -> ProgramVersion:
    """One program version from a mapping; raises `Malformed` naming the key at fault and what is allowed there."""
    try:
        program = msgspec.convert(document, ProgramVersion)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Malformed(reason, key=path.rstrip("`").lstrip(".")) from None
    rule.check(program)
    return program
