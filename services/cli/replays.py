"""`benefits replay`: are the stored views what the log says?"""

from typing import Annotated

import typer

from services.cli.output import Report, progress
from services.cli.reaching import Data, opened
from services.replay import replay as replay_views


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(replay)


def replay(
    as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False, data: Data = None
) -> None:
    """Rebuild every view from position 0 in memory and compare; exits 0 when equal, 1 with the first differences."""
    with opened(data, "replay") as exchange, progress("replaying") as told:
        found = replay_views(exchange.log, exchange.views, told)
    Report(found, as_json).replayed()
