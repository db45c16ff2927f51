"""The commands together, and what their errors look like."""

import os
import sys

import pydantic
import typer
from typer.exceptions import TyperException

from domain.rejections import ExchangeError
from services.cli import (
    assessing,
    demo,
    doctoring,
    minting,
    platforms,
    programs,
    publishing,
    quarantine,
    reassessing,
    replays,
    running,
    upping,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
for commands in (
    demo,
    upping,
    publishing,
    assessing,
    platforms,
    programs,
    reassessing,
    quarantine,
    replays,
    minting,
    doctoring,
    running,
):
    commands.add_to(app)


@app.callback()
def benefits() -> None:
    """Portable benefits exchange: accounts that belong to the worker and travel from platform to platform."""


def run() -> int:
    """Run the command line; returns its exit code."""
    try:
        code = app(standalone_mode=False)
    except typer.Exit as leaving:
        code = leaving.exit_code
    except TyperException as error:
        code = _misused(error)
    except (KeyboardInterrupt, EOFError, typer.Abort):
        code = 130
    except Exception as error:
        if os.environ.get("BENEFITS_LOG_LEVEL") == "debug":
            raise
        code = _fail(_words(error))
    return code or 0


def _misused(error: TyperException) -> int:
    """A command that does not exist, or not with these options; no command at all shows the help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        # Making the error has printed the help.
        return 2
    hint = f"; see `{context.command_path} --help`" if context is not None else ""
    return _fail(f"{error.format_message().rstrip('.')}{hint}")


def _words(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        first = error.errors()[0]
        return f"setting BENEFITS_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}"
    return str(error) if isinstance(error, ExchangeError) else f"{type(error).__name__}: {error}"


def _fail(words: str) -> int:
    """Say what is the matter in one line."""
    sys.stderr.write(f"benefits: {' '.join(words.split())}\n")
    return 2
