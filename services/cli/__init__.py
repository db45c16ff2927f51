"""The command `benefits`.

Exit codes: 0 done · 1 done, and something was found (differences, refused lines) · 2 not done: the one line on stderr
says what to do · 130 interrupted. Tracebacks are shown only with `BENEFITS_LOG_LEVEL=debug`.
"""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    _open_what_was_closed()
    try:
        # Imported here, so that Ctrl-C during the import is one, too.
        from services.cli.application import run

        code = run()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _open_what_was_closed() -> None:
    """Whoever closed a standard stream has nothing to say, or does not listen; no file of ours may take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open as long as we run
