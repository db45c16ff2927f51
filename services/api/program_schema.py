"""A program version as the OpenAPI document describes it: the very shapes that program files are read into."""

from inspect import cleandoc
from typing import Any, Final

import msgspec

from domain.rule import ProgramVersion
from services.api.shapes import NewVersion

_REFERENCE: Final = "#/components/schemas/{name}"


def describe(schemas: dict[str, Any]) -> None:
    """Put the shapes of a program among the document's schemas; `NewVersion` is one of them without need of an id."""
    _, shapes = msgspec.json.schema_components((ProgramVersion,), ref_template=_REFERENCE)
    described = {name: _in_dialect(shape) for name, shape in shapes.items()}
    body = described.pop(ProgramVersion.__name__)
    written = schemas[NewVersion.__name__]
    required = [name for name in body["required"] if name != "id"]
    schemas[NewVersion.__name__] = body | {
        "title": NewVersion.__name__,
        "description": written["description"],
        "examples": written["examples"],
        "required": required,
    }
    schemas.update(described)


def _in_dialect(node: Any) -> Any:
    """Patterns that end as JSON Schema's do, and descriptions without the indentation of our code."""
    if isinstance(node, dict):
        return {key: _in_dialect(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_in_dialect(each) for each in node]
    return cleandoc(node).replace(r"\Z", "$") if isinstance(node, str) else node
