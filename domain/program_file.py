"""Program files: TOML to program versions.

A file holds one version, or several under `[[versions]]`; the keys above `[[versions]]` then hold for each of them.
"""

import tomllib
from typing import Any

import msgspec

from domain import rule
from domain.rejections import Malformed, malformed
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
    found = []
    for index, each in enumerate(versions):
        try:
            found.append(version({**document, **each}))
        except Malformed as error:
            raise Malformed(error.reason, key=f"versions[{index}].{error.key}".rstrip(".")) from None
    return tuple(found)


def version(document: dict[str, Any]) -> ProgramVersion:
    """One program version from a mapping; raises `Malformed` naming the key at fault and what is allowed there."""
    _require_kinds(document)
    try:
        program = msgspec.convert(document, ProgramVersion)
    except msgspec.ValidationError as error:
        raise malformed(error) from None
    rule.check(program)
    return program


def _require_kinds(document: dict[str, Any]) -> None:
    """Each amount names its kind, also while there is only one: msgspec asks for it from two on."""
    rules = document.get("rules")
    for index, each in enumerate(rules if isinstance(rules, list) else []):
        amount = each.get("amount") if isinstance(each, dict) else None
        if isinstance(amount, dict) and "kind" not in amount:
            raise Malformed("expected a kind, such as 'percent'", key=f"rules[{index}].amount.kind")
