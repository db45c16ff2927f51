"""Stories as text: gigs in, and under each what it came to and what it moved, as an accountant writes it.

    join acme demo-weekly

    2023-06-05 12:00  acme trip-1 w-1  fare 200.00
        new
        receivable/acme/demo-weekly | pending/w-1/retirement  4.00

    balances
        w-1 retirement  4.00
        acme owes demo-weekly 2023-W23  4.00

`publish FILE` publishes the versions in a program file beside the story, and `reassess` lets what came late count: a
version, or a `join` after gigs were reported.

A posting is written `debit | credit  amount`. Times are New York's; `r1` behind a gig's id is its revision, `cancelled`
at the end cancels it, `in US-NY` says where it was driven. What is indented is what the exchange is to answer: a test
asks it again and compares the whole text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from domain.gig import Gig
from domain.postings import postings

_GIG = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d)  (?P<platform>\S+) (?P<gig>\S+)(?: r(?P<revision>\d+))? (?P<worker>\S+)"
    r"  (?P<earnings>[a-z_]+ \d+\.\d\d(?:, [a-z_]+ \d+\.\d\d)*)(?: in (?P<where>\S+))?(?P<cancelled> cancelled)?"
)
_JOIN = re.compile(r"join (\S+) (\S+)")
_PUBLISH = re.compile(r"publish (\S+\.toml)")
_ZONE = ZoneInfo("America/New_York")


class Teller(Protocol):
    """An exchange that a story is told to."""

    def join(self, platform_id: str, program_id: str) -> None:
        """Make a platform a member of a program since it first took effect."""

    def publish(self, file: str) -> None:
        """Publish the versions in a program file."""

    def reassess(self) -> list[object]:
        """Let what came late count, and say the events that follow."""

    def take(self, platform_id: str, gig: Gig, *, cancelled: bool) -> tuple[str, list[object]]:
        """What a report came to (`quarantined: <reason>` where it was refused), and the events it led to."""


def told(story: str, exchange: Teller) -> str:
    """The story with what this exchange answers."""
    lines: list[str] = []
    events: list[object] = []
    for line in story.splitlines():
        if line.startswith(" "):
            continue
        lines.append(line)
        if found := _JOIN.fullmatch(line):
            exchange.join(*found.groups())
        elif found := _PUBLISH.fullmatch(line):
            exchange.publish(found[1])
        elif line == "reassess":
            new = exchange.reassess()
            events += new
            lines += _indented(_moved(new) or ["nothing"])
        elif found := _GIG.fullmatch(line):
            outcome, new = exchange.take(found["platform"], _gig(found), cancelled=found["cancelled"] is not None)
            events += new
            lines += _indented([outcome, *_moved(new)])
        elif line == "balances":
            lines += _indented(_balances(events))
    return "\n".join(lines) + "\n"


def _gig(found: re.Match[str]) -> Gig:
    earned = [part.split(" ") for part in found["earnings"].split(", ")]
    return Gig(
        gig_id=found["gig"],
        revision=int(found["revision"] or 0),
        worker_id=found["worker"],
        completed_at=datetime.fromisoformat(found["at"]).replace(tzinfo=_ZONE),
        engaged_seconds=1_200,
        currency="USD",
        earnings={component: int(Decimal(amount) * 100) for component, amount in earned},
        jurisdiction=found["where"],
        service="ride" if found["where"] else None,
    )


def _moved(events: Iterable[object]) -> list[str]:
    """The postings in pairs; the sign of what they move decides the sides."""
    lines = []
    for event in events:
        moved = postings(event)
        for debit, credit in zip(moved[::2], moved[1::2], strict=True):
            sides = (debit.path, credit.path) if debit.amount_minor > 0 else (credit.path, debit.path)
            lines.append(f"{' | '.join(sides)}  {_money(abs(debit.amount_minor))}")
    return lines


def _balances(events: Iterable[object]) -> list[str]:
    """What workers have and platforms owe after all events; what is zero is shown too."""
    has: defaultdict[tuple[str, str], int] = defaultdict(int)
    owes: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for each in [posting for event in events for posting in postings(event)]:
        if each.account == "pending":
            has[each.worker_id, each.benefit] -= each.amount_minor
        else:
            owes[each.platform_id, each.program_id, each.period] += each.amount_minor
    assert sum(has.values()) == sum(owes.values())
    return [
        *(f"{worker} {benefit}  {_money(amount)}" for (worker, benefit), amount in sorted(has.items())),
        *(
            f"{who} owes {program} {period}  {_money(amount)}"
            for (who, program, period), amount in sorted(owes.items())
        ),
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _money(amount_minor: int) -> str:
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"
