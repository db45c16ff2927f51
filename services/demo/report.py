"""What a demonstration found, in tables for somebody who has never heard of the exchange. Pure."""

from collections.abc import Iterable
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from domain.money import Money, written
from services.demo.findings import (
    Account,
    BlackCarFund,
    ComparedTrip,
    Debt,
    ExplainedGig,
    ExplainedProgram,
    Findings,
    RefusedMessage,
    ReplayCheck,
)
from services.demo.trips import name_of

#: Accounts that are shown one by one.
SHOWN_ACCOUNTS: Final = 3

OUTCOME_WORDS: Final = {
    "new": "counted for the first time",
    "revised": "a toll came later: only the difference was booked",
    "cancelled": "a trip entered by mistake: booked back to zero",
    "duplicate": "said before, word for word: nothing happened",
    "stale": "an older report that came late: nothing happened",
    "quarantined": "could not be taken: kept, with the reason (see below)",
}


def report(found: Findings) -> Group:
    """The whole report."""
    return Group(
        _introduction(found),
        *_section("What became of the messages", _outcomes(found.outcomes), *_unchanged(found)),
        *_section("Real surcharges, to the cent", *_black_car_fund(found.black_car_fund)),
        *_section("One account for each worker, fed by every platform", *_accounts(found.workers)),
        *_section("What the platforms owe so far", _debts(found.platforms)),
        *_section("One cent explained", *_explained(found.explained)),
        *_section("Refused, and why", *_refused(found.quarantine)),
        *_section("The replay check", _replay(found.replay)),
    )


def _section(title: str, *content: RenderableType) -> Iterable[RenderableType]:
    yield Text()
    yield Rule(Text(title, style="bold"), align="left", style="dim")
    yield from (Padding(each, (1, 0, 0, 1), expand=False) for each in content)


def _introduction(found: Findings) -> RenderableType:
    trips = sum(debt.trips for debt in found.platforms)
    return Text.assemble(
        ("Portable benefits exchange", "bold"),
        "\n\nPlatforms report finished gigs. Each gig makes its platform owe a small contribution to the worker's own "
        "account, and the account stays with the worker, whichever platform they work for next.\n\n"
        f"Just now {len(found.platforms)} platforms reported {trips:,} real trips in New York City, with a few of the "
        "mishaps that happen on any day. ",
        ("Trips and money are public records; Crosstown, Harbor and who drove which trip are invented.", "dim"),
    )


def _outcomes(outcomes: dict[str, int]) -> Table:
    table = _table(("messages", "right"), ("outcome", "left"), ("", "left"))
    for outcome, count in outcomes.items():
        table.add_row(f"{count:,}", outcome, Text(OUTCOME_WORDS[outcome], style="dim"))
    return table


def _unchanged(found: Findings) -> list[RenderableType]:
    """Said where everything had been taken in before."""
    if found.changed:
        return []
    return [_good("Everything was known already: no account and no debt has changed by a cent.")]


def _black_car_fund(found: BlackCarFund) -> list[RenderableType]:
    prose = Text(
        "Passengers of Uber and Lyft in New York bear a surcharge that insures their drivers against accidents at "
        "work: 3 % of fare, tolls and airport fee, from July 2023 on 2.75 %. The records say what was really booked "
        "for each trip; the exchange computed it anew."
    )
    if found.different:
        verdict = _bad(f"{len(found.different)} of {found.trips} trips differ from what was booked:")
        return [prose, verdict, _compared(found.different)]
    verdict = _good(f"{found.equal} of {found.trips} trips are equal to the cent, here the dearest under each rate:")
    return [prose, verdict, _compared(found.examples)]


def _compared(trips: Iterable[ComparedTrip]) -> Table:
    table = _table(
        ("trip", "left"),
        ("platform", "left"),
        ("day", "left"),
        ("charged", "right"),
        ("rate", "right"),
        ("computed", "right"),
        ("booked", "right"),
    )
    for trip in trips:
        style = "" if trip.accrued == trip.booked else "red"
        table.add_row(
            trip.gig_id,
            name_of(trip.platform_id),
            f"{trip.completed_on:%Y-%m-%d}",
            _amount(trip.base),
            trip.rate,
            _amount(trip.accrued),
            _amount(trip.booked),
            style=style,
        )
    return table


def _accounts(accounts: list[Account]) -> list[RenderableType]:
    table = _table(("worker", "left"), ("came from", "left"), ("is for", "left"))
    for account in accounts[:SHOWN_ACCOUNTS]:
        table.add_row(
            Text.assemble(account.worker_id, "\n", (f"{_amount(account.total)} USD", "bold")),
            _sources(account),
            _benefits(account),
            end_section=True,
        )
    rest = accounts[SHOWN_ACCOUNTS:]
    more = sum(account.total.amount_minor for account in rest)
    note = Text(
        f"and {len(rest)} more accounts with {written(more, 'USD')} USD. Crosstown and Harbor contribute once a week's "
        "fares with them reach 150.00, and then for all of that week's.",
        style="dim",
    )
    return [table, note]


def _sources(account: Account) -> Table:
    grid = _grid("left", "right", "right")
    for source in account.sources:
        trips = f"{source.trips} trip{'' if source.trips == 1 else 's'}"
        grid.add_row(name_of(source.platform_id), Text(trips, style="dim"), _amount(source.accrued))
    return grid


def _benefits(account: Account) -> Table:
    grid = _grid("left", "right")
    for part in account.benefits:
        grid.add_row(_words(part.benefit), _amount(part.pending))
    return grid


def _debts(debts: list[Debt]) -> Table:
    table = _table(
        ("platform", "left"),
        ("owes to program", "left"),
        ("borne by", "left"),
        ("trips", "right"),
        ("within", "right"),
        ("USD", "right"),
    )
    for debt in debts:
        periods = f"{debt.periods} {debt.period_kind}{'' if debt.periods == 1 else 's'}"
        name, trips = name_of(debt.platform_id), f"{debt.trips:,}"
        table.add_row(name, debt.program_id, debt.payer, trips, periods, _amount(debt.accrued))
    total = sum(debt.accrued.amount_minor for debt in debts)
    table.add_section()
    table.add_row("together", "", "", f"{sum(debt.trips for debt in debts):,}", "", written(total, "USD"), style="bold")
    return table


def _explained(gig: ExplainedGig) -> list[RenderableType]:
    facts = gig.facts
    paid = " · ".join(f"{_words(name)} {written(amount, facts.currency)}" for name, amount in facts.earnings.items())
    at = facts.completed_at
    prose = Text.assemble(
        f"Trip {gig.gig_id} of {facts.worker_id}, reported by {name_of(gig.platform_id)}: ",
        f"ended on {at.day} {at:%B %Y} at {at:%H:%M}, {_duration(facts.engaged_seconds)} · {paid}",
    )
    parts: list[RenderableType] = [prose]
    for program in gig.programs:
        rule = f"{program.title}, version {program.program_version}, {program.period}"
        parts.append(Text.assemble((rule, "bold"), "\n", "\n".join(program.arithmetic)))
        parts.append(_steps(program))
    return parts


def _steps(program: ExplainedProgram) -> Table:
    before, after = program.totals_before, program.totals_after
    table = _table(("", "left"), ("before", "right"), ("this trip", "right"), ("after", "right"))
    table.add_row("trips", str(before.gigs), f"{after.gigs - before.gigs:+}", str(after.gigs))
    seconds = after.engaged_seconds - before.engaged_seconds
    table.add_row(
        "engaged time", _duration(before.engaged_seconds), f"+{_duration(seconds)}", _duration(after.engaged_seconds)
    )
    table.add_row("earnings that count", *_movement(before.base, after.base))
    table.add_section()
    for line in program.lines:
        table.add_row(_words(line.benefit), *_movement(line.entitled_before, line.entitled))
    table.add_section()
    amounts = [(line.entitled_before.amount_minor, line.entitled.amount_minor) for line in program.lines]
    was, now = (Money(sum(column), before.base.currency) for column in zip(*amounts, strict=True))
    table.add_row("contribution", *_movement(was, now), style="bold")
    return table


def _movement(before: Money, after: Money) -> tuple[str, str, str]:
    change = after.amount_minor - before.amount_minor
    return _amount(before), f"{'+' if change >= 0 else ''}{written(change, after.currency)}", _amount(after)


def _refused(messages: list[RefusedMessage]) -> list[RenderableType]:
    table = _table(("from", "left"), ("reason", "left"), ("in the exchange's own words", "left"))
    for each in messages:
        table.add_row(name_of(each.platform_id), each.reason, each.detail)
    note = (
        "Nothing is dropped and nothing stops the others: each message is kept whole until somebody decides about it."
    )
    return [table, Text(note, style="dim")]


def _replay(found: ReplayCheck) -> Text:
    rows = sum(found.rows.values())
    if found.equal:
        return _good(
            f"views are equal to the log: {found.events:,} events, folded anew from the first one, gave the same "
            f"{rows:,} rows of {', '.join(_words(name) for name in found.rows)}."
        )
    return _bad(f"views differ from the log in {found.differences} rows: run `benefits replay` to see them.")


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left")
    return table


def _grid(*justify: str) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for each in justify:
        grid.add_column(justify="right" if each == "right" else "left")
    return grid


def _amount(money: Money) -> str:
    return written(money.amount_minor, money.currency)


def _duration(seconds: int) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _good(text: str) -> Text:
    return Text.assemble(("✓ ", "green"), text)


def _bad(text: str) -> Text:
    return Text.assemble(("✗ ", "red"), (text, "red"))
