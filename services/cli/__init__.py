"""The command `benefits`.

Exit codes: 0 done · 1 done, and something was found (differences, refused lines) · 2 not done: the one line on stderr
says what to do · 130 interrupted. Tracebacks are shown only with `BENEFITS_LOG_LEVEL=debug`.
"""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        # Imported here, so that Ctrl-C during the import is one, too.
        from services.cli.application import run

        code = run()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
