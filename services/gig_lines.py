"""Gigs in a file: one a line, the wire's `data` with the platform that reports it and whether the gig is cancelled.

What a line is worth is what the exchange would say of the message: a later revision replaces an earlier one, wherever
it stands; a lower one is stale; the same one again is a duplicate, or a conflict where it says something else.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from domain.configuration import Configuration, Taking
from domain.gig import CLOCK_TOLERANCE, EARLIEST, Gig, GigReport, OutOfRange, check, digest
from domain.identifiers import RESERVED_NAMES, PlatformId
from domain.platform import Membership, Platform
from domain.registry import RegisteredGig, Verdict, verdict
from domain.rejections import Malformed, Rejected
from services.publish import LINE_BYTES_MAX, LineRefused, Refused

#: What is asked of a file may lie ahead ("what if"); a date this far ahead is a slip.
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_CLOCK: Final = LATEST - CLOCK_TOLERANCE
#: Some editors begin a file with it.
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class GigLine(Gig, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A gig as a line of a file says it."""

    platform_id: str
    cancelled: bool = False


class Taken(Struct, frozen=True, gc=False):
    """What was last said of a gig, and the programs that take it."""

    gig: GigLine
    takings: tuple[Taking, ...]


_decoder = msgspec.json.Decoder(GigLine)


class GigLines:
    """What lines say of gigs, for programs of which every platform was a member always.

    `outcomes` counts the lines that were `duplicate`, `stale` or `refused`.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.outcomes: Counter[str] = Counter()
        self._configuration = configuration
        self._platforms: dict[str, Platform] = {}
        # In the order of the lines that count.
        self._last: dict[tuple[str, str], Taken] = {}

    def read(
        self, opened: BinaryIO, refuse: Callable[[Refused], None], advance: Callable[[int], None] = lambda _: None
    ) -> None:
        """Take all lines of a file; `refuse` is told of those that cannot be taken, `advance` the bytes of each."""
        for number, line in enumerate(lines(opened), 1):
            advance(len(line))
            try:
                self._take(line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line)
            except (Malformed, Rejected) as error:
                self.outcomes["refused"] += 1
                refuse(Refused(number, error.detail))

    def _take(self, line: bytes) -> None:
        """Take one line; raises `Malformed` or `Rejected` where the exchange would put it in quarantine."""
        if line.isspace() or not line:
            return
        gig = decoded(line)
        taken = Taken(gig, self._takings(gig))
        key = (gig.platform_id, gig.gig_id)
        known = self._last.get(key)
        if known is not None:
            what = _verdict(known.gig, gig)
            if what != "revised":
                self.outcomes[what] += 1
                return
            del self._last[key]
        self._last[key] = taken

    def _takings(self, gig: GigLine) -> tuple[Taking, ...]:
        platform = self._platforms.get(gig.platform_id)
        if platform is None:
            platform = self._platforms[gig.platform_id] = self._member(gig.platform_id)
        return self._configuration.takings_of(platform, gig, is_assessed=not gig.cancelled)

    def _member(self, platform_id: str) -> Platform:
        """A platform that always was a member of all programs; raises `Malformed` where it cannot be one."""
        _check_platform(platform_id)
        memberships = [Membership(program_id, date.min) for program_id in self._configuration.programs]
        return Platform(platform_id, platform_id, tuple(memberships))

    @property
    def gigs(self) -> list[Taken]:
        """The gigs that count, in the order of the lines that say so."""
        return [each for each in self._last.values() if each.takings and not each.gig.cancelled]

    @property
    def untaken(self) -> int:
        """How many gigs no program takes."""
        return sum([not each.takings and not each.gig.cancelled for each in self._last.values()])

    @property
    def cancelled(self) -> int:
        """How many gigs are cancelled."""
        return sum([each.gig.cancelled for each in self._last.values()])


def lines(opened: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is longer than any message only the beginning."""
    while line := opened.readline(LINE_BYTES_MAX + 1):
        part = line
        while len(part) > LINE_BYTES_MAX and not part.endswith(b"\n"):
            part = opened.readline(LINE_BYTES_MAX + 1)
        yield line


def decoded(line: bytes) -> GigLine:
    """The gig in a line; raises `Malformed` saying which field and what is allowed."""
    if len(line) > LINE_BYTES_MAX:
        raise LineRefused(f"more bytes than a message may have ({LINE_BYTES_MAX:,})")
    try:
        gig = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineRefused(str(error)) from None
    for key, at in (("completed_at", gig.completed_at), ("started_at", gig.started_at), ("paid_at", gig.paid_at)):
        if at is not None and not EARLIEST <= at < LATEST:
            raise OutOfRange(f"{at.isoformat()} is not between 2000 and {LATEST.year}", key=key)
    check(gig, _CLOCK)
    return gig


def _check_platform(platform_id: str) -> None:
    if platform_id in RESERVED_NAMES:
        raise Malformed(f"{platform_id!r} is reserved", key="platform_id")
    try:
        msgspec.convert(platform_id, PlatformId)
    except msgspec.ValidationError:
        raise Malformed(f"expected 1 to 64 of a-z 0-9 _ -, got {platform_id!r:.200}", key="platform_id") from None


def _verdict(known: GigLine, gig: GigLine) -> Verdict:
    """What the registry would say of a report of a known gig; raises `ConflictingReport`."""
    row = RegisteredGig(known.revision, known.cancelled, digest(known, cancelled=known.cancelled), ())
    said = GigReport(gig.platform_id, gig, gig.cancelled, digest(gig, cancelled=gig.cancelled))
    return verdict(row, said)
