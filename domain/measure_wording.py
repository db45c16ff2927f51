"""What was measured, in words: `34.20 (fare 31.20 + toll 3.00)`, `160.22 so far in the week (110.22 before)`."""

from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct

from domain.amount import HOUR_SECONDS, Basis, Reach
from domain.assessment import Assessor
from domain.gig import Gig
from domain.money import plain, written
from domain.period import days
from domain.rule import Measured, Value
from domain.totals import Cell, Totals


class Mention(Struct, frozen=True):
    """How a sentence names something measured: in full where it comes up first, then by its number."""

    full: str
    short: str


class Measures(Struct, frozen=True):
    """How sentences name what was measured: of one gig, or of all that count in a period."""

    currency: str
    base: Mention
    gigs: Mention
    hours: Mention
    weekly_hours: Mention

    def of(self, by: Measured) -> Mention:
        """How a measure is named."""
        mention: Mention = getattr(self, by)
        return mention

    def once(self, text: str) -> str:
        """The text with each measure in full only where it comes up first."""
        for mention in (self.base, self.gigs, self.hours, self.weekly_hours):
            before, full, after = text.partition(mention.full)
            text = before + full + after.replace(mention.full, mention.short)
        return text

    def again(self, text: str) -> str:
        """The text with each measure by its number: it has come up before."""
        for mention in (self.base, self.gigs, self.hours, self.weekly_hours):
            text = text.replace(mention.full, mention.short)
        return text

    def money(self, amount_minor: int | Fraction) -> str:
        """Minor units as people write them."""
        return written(amount_minor, self.currency)


def of_gig(assessor: Assessor, gig: Gig, cell: Cell) -> Measures:
    """The measures of one gig, each with what it is made of."""
    currency = assessor.version.currency
    base = written(assessor.base((cell,)), currency)
    made_of = _earned(assessor, gig)
    engaged = duration(cell.engaged_seconds)
    return Measures(
        currency,
        Mention(f"{base} ({made_of})" if made_of else base, base),
        Mention("1 gig", "1 gig"),
        Mention(engaged, engaged),
        Mention(engaged, engaged),  # never asked for: hours a week are averaged over a period
    )


def _earned(assessor: Assessor, gig: Gig) -> str:
    """The parts of a gig's earnings that count, and the deduction: `fare 31.20 + toll 3.00, less 35 % (car)`."""
    currency, deduction = assessor.version.currency, assessor.version.base.deduction
    parts = [
        f"{name.replace('_', ' ')} {written(gig.earnings[name], currency)}"
        for name in assessor.components
        if gig.earnings.get(name)
    ]
    if not parts or deduction is None:
        return " + ".join(parts)
    text, code = chosen(deduction, Basis(0, 0, 0, 0, gig.vehicle_class or "", gig.worker_class or ""))
    return f"{' + '.join(parts)}, less {text}{in_brackets(code)}"


def of_period(assessor: Assessor, gig: Gig, period: str, before: Totals, after: Totals) -> Measures:
    """The measures of a period, each with what it was before the gig where that is something else."""
    now, was = (_Sums.of(assessor, totals, period) for totals in (after, before))
    kind, currency = assessor.version.period, assessor.version.currency
    everywhere = " over all platforms" if assessor.is_pooled else ""
    earned = _earned(assessor, gig) if assessor.version.base.deduction is not None else ""
    own = f"this gig {written(assessor.base((assessor.measure(gig),)), currency)}: {earned}" if earned else ""

    def so_far(words: str, words_before: str, *further: str) -> Mention:
        change = [f"{words_before} before"] if words_before != words else []
        said = "; ".join([*change, *filter(None, further)])
        return Mention(f"{words} so far in the {kind}{everywhere}{in_brackets(said)}", words)

    def weekly() -> Mention:
        words, words_before = (f"{plain(each.weekly_hours)} hours a week" for each in (now, was))
        change = f"; {words_before} before" if words_before != words else ""
        made_of = f"{duration(now.engaged_seconds)} in {days(period)} days{change}"
        return Mention(f"{words}{everywhere}, averaged over the {kind} ({made_of})", words)

    return Measures(
        currency,
        so_far(written(now.base_minor, currency), written(was.base_minor, currency), own),
        so_far(gigs_words(now.gigs), f"{was.gigs:,}"),
        so_far(duration(now.engaged_seconds), duration(was.engaged_seconds)),
        weekly(),
    )


class _Sums(Struct, frozen=True):
    """What totals add up to."""

    base_minor: Fraction
    gigs: int
    engaged_seconds: int
    weekly_hours: Fraction

    @staticmethod
    def of(assessor: Assessor, totals: Totals, period: str) -> "_Sums":
        """The sums over all cells."""
        seconds = sum([cell.engaged_seconds for cell in totals])
        weekly = Fraction(seconds * 7, HOUR_SECONDS * days(period))
        return _Sums(assessor.base(totals), sum([cell.gigs for cell in totals]), seconds, weekly)


# Words


def reach_words(reach: Reach, currency: str) -> str:
    """What must be reached: `1,000.00`, `more than 100 gigs`, `15 hours a week`."""
    words = f"{reach_number(reach, currency)} {unit(reach.by, is_one=reach.least == 1)}".rstrip()
    return f"more than {words}" if reach.is_strict else words


def reach_number(reach: Reach, currency: str) -> str:
    """How much must be reached."""
    return written(reach.least, currency) if reach.by == "base" else plain(reach.least)


def unit(by: Measured, *, is_one: bool) -> str:
    """What is counted; nothing after money."""
    match by:
        case "base":
            return ""
        case "gigs":
            return "gig" if is_one else "gigs"
        case "hours":
            return "hour" if is_one else "hours"
        case "weekly_hours":
            return "hour a week" if is_one else "hours a week"


def gigs_words(count: int) -> str:
    """`1 gig`, `24 gigs`."""
    return f"{count:,} {unit('gigs', is_one=count == 1)}"


def duration(seconds: int) -> str:
    """`30 min`, `1 h 5 min 3 s`."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    parts = [f"{number:,} {unit}" for number, unit in ((hour, "h"), (minute, "min"), (second, "s")) if number]
    return " ".join(parts) or "0 min"


def chosen(value: Value, basis: Basis) -> tuple[str, str]:
    """What is written for a basis, and the class by which it was chosen, if any."""
    if isinstance(value, str):
        return value, ""
    if value.by_vehicle_class:
        return value.by_vehicle_class[basis.vehicle_class], basis.vehicle_class
    return value.by_worker_class[basis.worker_class], basis.worker_class


def in_brackets(words: str) -> str:
    """Words in brackets after others, or nothing."""
    return f" ({words})" if words else ""


def listed(words: Iterable[str], joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} {joint} {last}" if first else last
