"""The folder of malformed programs: each file with what it is refused with.

The first line of a file is `# key: words of the reason`, or only words where no key is at fault.
"""

import re
from pathlib import Path
from typing import Final

from tests.support.repository import ROOT

FILES: Final = sorted((ROOT / "tests" / "domain" / "malformed_programs").glob("*.toml"))
_EXPECTED: Final = re.compile(r"# (?:([a-z][\w.\[\]]*): )?(.+)")


def expected(path: Path) -> tuple[str, str]:
    """The key and the words that a file is refused with."""
    found = _EXPECTED.fullmatch(path.read_text("utf-8").partition("\n")[0])
    assert found, path
    return found[1] or "", found[2]
