"""`benefits replay`: are the stored views what the log says?"""

from typing import Annotated

import typer

from services import logs
from services.cli.output import Report, progress
from services.composition import Exchange
from services.replay import replay as replay_views
from services.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(replay)


def replay(as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False) -> None:
    """Rebuild every view from position 0 in memory and compare; exits 0 when equal, 1 with the first differences."""
    settings = Settings()
    logs.configure(settings.log_level)
    with Exchange(settings, "replay") as exchange:
        exchange.check_schema()
        with progress("replaying") as told:
            found = replay_views(exchange.log, exchange.views, told)
    Report(found, as_json).replayed()
