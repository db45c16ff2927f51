"""`benefits reassess`: late versions and memberships come to count for the gigs that were taken before."""

from pathlib import Path
from typing import Annotated

import typer

from domain.money import written
from domain.rejections import Malformed
from services import health
from services.cli.output import counting, print_json
from services.cli.reaching import AsJson, Data, opened
from services.cli.running import begin
from services.composition import Exchange
from services.effect import Effect, Moved


def add_to(app: typer.Typer) -> None:
    """Make the command known."""
    app.command()(reassess)


def reassess(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would come to.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on doing what becomes due, until told to stop.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Let versions that were published late, and memberships that were back-dated, count for gigs taken before.

    Every work period concerned is assessed anew from its own gigs, and the difference accrues; nothing that is written
    changes. It may be killed and repeated: what is done is not done again. Exits 1 where something could not be
    assessed and stays as it is.
    """
    if follow:
        if dry_run or as_json:
            raise Malformed("a service that follows the log says nothing: leave out --dry-run and --json")
        _follow(data)
        return
    with opened(data, "reassess") as exchange, counting("re-assessing workers") as told:
        job = exchange.reassess()
        effect = job.preview(told) if dry_run else job.all_due(told)
    if as_json:
        print_json(effect)
    else:
        tell(effect, "would be" if dry_run else "were")
    if effect.findings_count:
        raise typer.Exit(1)


def _follow(data: Path | None) -> None:
    settings, stop = begin(data)
    with Exchange(settings, "reassess") as exchange:
        exchange.start()
        with health.server(settings.host, settings.health_port, settings.listener):
            exchange.reassess().run(stop)


def tell(effect: Effect, verb: str) -> None:
    """Say what was moved, or would be, in lines."""
    for each in effect.findings:
        gig = f" gig {each.gig_id}" if each.gig_id else ""
        typer.echo(f"stays as it is: {each.stream}{gig}, {each.code}: {each.reason}")
    if effect.findings_count > len(effect.findings):
        typer.echo(f"… and {effect.findings_count - len(effect.findings):,} more")
    if not effect.workers:
        typer.echo("nothing to re-assess")
        return
    periods, workers, platforms, gigs = [
        f"{count:,} {noun if count == 1 else noun + 's'}"
        for count, noun in (
            (effect.work_periods, "work period"),
            (effect.workers, "worker"),
            (effect.platforms, "platform"),
            (effect.gigs, "gig"),
        )
    ]
    typer.echo(f"{verb} re-assessed: {periods} of {workers} on {platforms}")
    if effect.gigs:
        typer.echo(f"{verb} taken by other programs than before: {gigs}")
    for currency, moved in effect.money.items():
        typer.echo(_money(currency, moved))


def _money(currency: str, moved: Moved) -> str:
    plus, minus = written(moved.plus_minor, currency), written(moved.minus_minor, currency)
    return f"{currency} {written(moved.net_minor, currency)}: {plus} accrued, {minus} taken back"
