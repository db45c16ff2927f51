"""Everything the exchange can say no with.

    ExchangeError
    ├── Rejected            the domain said no: nothing was written                      404, 409
    │   ├── NotFound        what the command names does not exist                        404
    │   └── (one class per fact, beside the aggregate that states it)
    ├── Malformed           the input cannot be understood                               422, quarantine
    ├── Conflict            somebody else wrote first: read again and retry, bounded     409
    ├── Unavailable         a database, a broker or a view is not ready: retry, bounded  503, 504
    └── InvariantBroken     a bug or a corrupt history: stop                             500, quarantine `defect`

Each class has a stable `code`; the HTTP API shows it and a test lists them all.
"""

import re
from typing import ClassVar

from msgspec import ValidationError


class ExchangeError(Exception):
    """The root of the tree; `code` is stable and may be relied upon by programs."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Rejected(ExchangeError):
    """The domain said no, and why."""

    code = "rejected"


class NotFound(Rejected):
    """What the command or the question names does not exist."""

    code = "not_found"


class Malformed(ExchangeError):
    """The input cannot be understood; `key` names the part at fault where there is one."""

    code = "malformed"

    def __init__(self, detail: str, *, key: str = "") -> None:
        super().__init__(f"{key}: {detail}" if key else detail)
        self.key = key
        self.reason = detail


#: The field that is missing or unknown is named in msgspec's reason, the object it belongs to in its path.
_FIELD = re.compile(r"(?:missing required|unknown) field `(.+?)`")
#: Where a name in a table is at fault, the path is that of the table.
_OF_A_TABLE = re.compile(r" - at `key` in `\$")


def malformed(error: ValidationError) -> Malformed:
    """What msgspec found wrong with a value, with the full key of the part at fault."""
    reason, _, path = _OF_A_TABLE.sub(" - at `$", str(error)).partition(" - at `$")
    field = _FIELD.search(reason)
    return Malformed(reason, key=".".join(filter(None, [path.rstrip("`").lstrip("."), field and field[1]])))


class Conflict(ExchangeError):
    """Somebody else wrote to the same stream first.

    The code `conflict` belongs to a gig that was reported twice with different content.
    """

    code = "concurrent_write"


class Unavailable(ExchangeError):
    """Something this needs is not ready; trying again later may succeed."""

    code = "unavailable"


class InvariantBroken(ExchangeError):
    """A history that cannot have happened: a bug or corruption, never an ordinary refusal."""

    code = "invariant_broken"
