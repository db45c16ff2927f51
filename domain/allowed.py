"""What is allowed at a key of a written program, in words, read off the shapes themselves.

`Malformed` from here says what msgspec found, then what is allowed in its place: whoever writes a program need not
look for the list of keys or of kinds.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import inspect

from domain.gig import CODE_PATTERN, COMPONENT_PATTERN
from domain.identifiers import NAME_PATTERN
from domain.rejections import Malformed, malformed

_STEP: Final = re.compile(r"\[(\.\.\.|[0-9]+)\]|\.?([^.\[\]]+)")
_ALPHABETS: Final = {
    NAME_PATTERN: "1 to 64 of a-z 0-9 _ -",
    CODE_PATTERN: "1 to 64 of A-Z a-z 0-9 . _ -",
    COMPONENT_PATTERN: "1 to 64 of a-z 0-9 _ that begin with a letter",
}
#: Longer keys and reasons are cut: their beginning says enough.
CHARACTERS_MAX: Final = 200


def refusal(error: msgspec.ValidationError, document: object, shape: type) -> Malformed:
    """What msgspec found wrong with `document`, the full key of the part at fault, and what is allowed there."""
    found = malformed(error)
    key, kind = _located(found.key, document, inspect.type_info(shape))
    return Malformed(f"{_cut(found.reason)}; allowed: {_words(kind)}", key=_cut(key))


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS_MAX else f"{text[:CHARACTERS_MAX]}…"


def _located(key: str, value: Any, kind: inspect.Type) -> tuple[str, inspect.Type]:
    """The key with the names of entries that msgspec leaves open, and the kind of value that stands there.

    A key that no object knows ends the way: the kind is then that of the object.
    """
    said = ""
    for step in _STEP.finditer(key):
        number, name = step[1], step[2]
        kind, value = _chosen(kind, value)
        if isinstance(kind, inspect.DictType):
            name = name or _odd(value, kind.value_type)
            kind, value = kind.value_type, value.get(name)
        elif isinstance(kind, inspect.VarTupleType):
            kind, value = kind.item_type, value[int(number)]
        elif (of := _field(kind, name)) is not None:
            kind, value = of, value.get(name)
        else:
            return key, kind
        said += f"[{number}]" if name is None else f".{name}"
    return said.removeprefix("."), kind


def _chosen(kind: inspect.Type, value: Any) -> tuple[inspect.Type, Any]:
    """Of a union the object that the value is meant to be."""
    if isinstance(kind, inspect.UnionType) and isinstance(value, dict):
        objects = [each for each in kind.types if isinstance(each, inspect.StructType)]
        tagged = [each for each in objects if each.tag_field and value.get(each.tag_field) == each.tag]
        if tagged or len(objects) == 1:
            return (tagged or objects)[0], value
    return kind, value


def _odd(value: dict[str, Any], kind: inspect.Type) -> str:
    """The first entry of a table whose value is not of this kind."""
    return next((name for name, each in value.items() if not _is(each, kind)), next(iter(value)))


def _is(value: object, kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.IntType):
        return type(value) is int and (kind.ge or 0) <= value <= (value if kind.le is None else kind.le)
    return isinstance(value, str)


def _field(kind: inspect.Type, name: str | None) -> inspect.Type | None:
    if isinstance(kind, inspect.UnionType):
        tags = [each.tag for each in kind.types if isinstance(each, inspect.StructType) and each.tag_field == name]
        return inspect.LiteralType(tuple(tags)) if tags else None
    if not isinstance(kind, inspect.StructType):
        return None
    return next((field.type for field in kind.fields if field.encode_name == name), None)


def _words(kind: inspect.Type) -> str:
    """A kind of value as people say it."""
    match kind:
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.StrType(pattern=str()):
            return _ALPHABETS.get(kind.pattern or "", f"text that matches {kind.pattern}")
        case inspect.StrType(max_length=int()):
            return f"text of {kind.min_length or 0} to {kind.max_length} characters"
        case inspect.StrType():
            return "text in quotes"
        case inspect.IntType():
            return f"a whole number, {kind.ge or 0} or more" + (f", {kind.le} at most" if kind.le is not None else "")
        case inspect.DateType():
            return "a date such as 2023-01-01"
        case inspect.DictType():
            return f"a table whose keys are {_words(kind.key_type)}, and whose values are {_words(kind.value_type)}"
        case inspect.VarTupleType():
            return f"a list of {_words(kind.item_type)}"
        case inspect.StructType():
            keys = ([kind.tag_field] if kind.tag_field else []) + [field.encode_name for field in kind.fields]
            return f"a table with {', '.join(keys)}"
        case inspect.UnionType():
            return _any_of(kind)
        case _:
            return "nothing"


def _any_of(kind: inspect.UnionType) -> str:
    objects = [each for each in kind.types if isinstance(each, inspect.StructType)]
    others = [_words(each) for each in kind.types if not isinstance(each, inspect.StructType | inspect.NoneType)]
    tags = [str(each.tag) for each in objects if each.tag_field]
    tables = [f"a table whose kind is {', '.join(tags)}"] if tags else [_words(each) for each in objects]
    return " or ".join([*others, *tables])
