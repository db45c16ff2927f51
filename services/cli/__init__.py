"""The command `benefits`.

Exit codes: 0 done · 1 done, and something was found (differences, refused lines) · 2 not done: the one line on stderr
says what to do. Tracebacks are shown only with `BENEFITS_LOG_LEVEL=debug`.
"""

import sys

import pydantic
import typer
from click.exceptions import ClickException, Exit

from domain.rejections import ExchangeError
from services.cli import platforms, programs, quarantine, replays, running
from services.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
for commands in (running, platforms, programs, quarantine, replays):
    commands.add_to(app)


@app.callback()
def benefits() -> None:
    """Portable benefits exchange: accounts that belong to the worker and travel from platform to platform."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = app(standalone_mode=False)
    except Exit as leaving:
        code = leaving.exit_code
    except ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, EOFError, typer.Abort):
        code = 130
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        code = _fail(f"setting BENEFITS_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}")
    except Exception as error:
        if _is_debugging():
            raise
        known = isinstance(error, ExchangeError)
        code = _fail(str(error) if known else f"{type(error).__name__}: {error}")
    sys.exit(code or 0)


def _fail(line: str) -> int:
    """Say what is the matter in one line."""
    sys.stderr.write(f"benefits: {line.splitlines()[0]}\n")
    return 2


def _is_debugging() -> bool:
    try:
        return Settings().log_level == "debug"
    except pydantic.ValidationError:
        return False
