"""What an operator wants to know when something seems wrong: one finding a check, each with what to do about it."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal

from msgspec import Struct

from domain import program
from domain.rejections import ExchangeError
from projections.catalogue import VIEWS
from services.composition import DATABASE_VERSION_MIN, Exchange, compiled_checksums, now, shipped_programs
from services.readiness import VIEWS_BEHIND_MAX
from services.reassess import due_since

State = Literal["ok", "finding", "unknown"]

#: Libraries whose insides we rely on: lowest version, and the first that we do not know.
LIBRARIES: Final = {
    "eventsourcing": ((9, 5), (9, 6)),
    "kafka-python": ((3, 0, 9), (3, 1)),
    "psycopg": ((3, 2), (4,)),
}


class Finding(Struct, frozen=True, omit_defaults=True):
    """What a check came to: fine, something to do, or could not be looked at."""

    check: str
    state: State
    detail: str
    todo: str = ""


class Check(Struct, frozen=True):
    """A check, and the checks that have to be possible before it."""

    name: str
    look: Callable[[Exchange], Finding]
    needs: tuple[str, ...] = ()


def examine(exchange: Exchange) -> Iterator[Finding]:
    """All findings, one by one; a check whose ground is missing is not tried."""
    impossible: set[str] = set()
    for check in CHECKS:
        missing = [name for name in check.needs if name in impossible]
        finding = _unknown(check, f"not looked at without: {missing[0]}") if missing else _look(check, exchange)
        if finding.state == "unknown":
            impossible.add(check.name)
        yield finding


def _look(check: Check, exchange: Exchange) -> Finding:
    try:
        return check.look(exchange)
    except ExchangeError as error:
        return _unknown(check, str(error))


def _unknown(check: Check, detail: str) -> Finding:
    return Finding(check.name, "unknown", " ".join(detail.split()))


def _python(_: Exchange) -> Finding:
    return Finding("python", "ok", ".".join(map(str, sys.version_info[:3])))


def _libraries(_: Exchange) -> Finding:
    versions = {name: _version(name) for name in LIBRARIES}
    detail = ", ".join(f"{name} {found or 'missing'}" for name, found in versions.items())
    wrong = [name for name, (least, beyond) in LIBRARIES.items() if not least <= _numbers(versions[name]) < beyond]
    if not wrong:
        return Finding("libraries", "ok", detail)
    return Finding(
        "libraries", "finding", detail, f"install the locked version of {', '.join(wrong)} (requirements.txt)"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _checksums(_: Exchange) -> Finding:
    found = compiled_checksums()
    if found is not None:
        return Finding("checksums", "ok", f"kafka-python uses the C module {found} {_version(found)}")
    return Finding("checksums", "finding", "kafka-python computes checksums in Python", "pip install crc32c")


def _database(exchange: Exchange) -> Finding:
    facts = exchange.database_facts()
    if facts.major >= DATABASE_VERSION_MIN:
        return Finding("database", "ok", f"PostgreSQL {facts.version}")
    todo = f"upgrade it to PostgreSQL {DATABASE_VERSION_MIN} or newer"
    return Finding("database", "finding", f"PostgreSQL {facts.version}", todo)


def _durability(exchange: Exchange) -> Finding:
    facts = exchange.database_facts()
    detail = f"fsync {_on(facts.fsync)}, full_page_writes {_on(facts.full_page_writes)}"
    if facts.is_durable:
        return Finding("durability", "ok", detail)
    return Finding(
        "durability", "finding", detail, "switch both on in postgresql.conf: a power cut loses money otherwise"
    )


def _on(setting: bool) -> str:
    return "on" if setting else "off"


def _schema(exchange: Exchange) -> Finding:
    exchange.check_schema()
    return Finding("schema", "ok", f"{exchange.settings.schema_name}: the one this version knows")


def _programs(exchange: Exchange) -> Finding:
    published = exchange.log.configuration().programs
    shipped = shipped_programs()
    differing = [
        f"{each.id} version {each.version}"
        for each in shipped
        if published.get(each.id, program.initial).version(each.version) != each
    ]
    if not differing:
        return Finding("programs", "ok", f"all {len(shipped)} shipped versions are published as they are shipped")
    detail = f"shipped otherwise than published: {', '.join(differing)}"
    return Finding("programs", "finding", detail, "the log counts; to change a rule, publish it as a new version")


def _views(exchange: Exchange) -> Finding:
    head = exchange.log.head()
    positions = {view.name: exchange.reads.position(view) for view in VIEWS}
    least = min(positions.values())
    detail = f"at position {least:,} of {head:,}"
    unseen = exchange.log.after(least, 1)
    if unseen and (behind := now() - unseen[0].recorded_at) > VIEWS_BEHIND_MAX:
        detail += f", {behind.total_seconds():.0f} s behind"
        return Finding("views", "finding", detail, "start `benefits project`, or look at its log")
    return Finding("views", "ok", detail)


def _reassessment(exchange: Exchange) -> Finding:
    since = due_since(exchange.log)
    if since is None or now() - since <= VIEWS_BEHIND_MAX:
        return Finding("reassessment", "ok", "every version and membership counts for the gigs taken before it")
    detail = f"since {since:%Y-%m-%d %H:%M} gigs may have to count otherwise: something was published or joined late"
    return Finding("reassessment", "finding", detail, "run `benefits reassess`: it says what could not be assessed")


def _quarantine(exchange: Exchange) -> Finding:
    waiting = exchange.open_quarantine()
    if not waiting:
        return Finding("quarantine", "ok", "empty")
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in waiting.items())
    todo = "see `benefits quarantine list`, then redrive or discard"
    return Finding("quarantine", "finding", f"{sum(waiting.values()):,} open: {reasons}", todo)


def _broker(exchange: Exchange) -> Finding:
    return Finding("broker", "ok", f"{exchange.settings.kafka}, cluster {exchange.topics.cluster_id()}")


def _topics(exchange: Exchange) -> Finding:
    wanted = exchange.topic_names()
    missing = sorted(set(wanted) - exchange.topics.topic_ids(wanted).keys())
    if not missing:
        return Finding("topics", "ok", f"all {len(wanted)} platforms have theirs")
    todo = "repeat `benefits platform register` for each, which makes it"
    return Finding("topics", "finding", f"missing: {', '.join(missing)}", todo)


def _offsets(exchange: Exchange) -> Finding:
    """Where intake goes on, against what the broker still holds."""
    ranges = exchange.topics.ranges(exchange.topic_names())
    taken = dict(exchange.reads.offsets())
    at = {partition: taken.get(partition, 0) for partition in ranges}
    lost = {partition: held for partition, held in ranges.items() if not held.begin <= at[partition] <= held.end}
    if lost:
        partition, held = min(lost.items())
        where = f"{partition}={held.begin if at[partition] < held.begin else held.end}"
        detail = f"{partition}: offset {at[partition]} is not among those on the broker ({held.begin} to {held.end})"
        more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        todo = f"stop ingest, look for what was lost, then `benefits ingest --accept-gap {where}`"
        return Finding("offsets", "finding", detail + more, todo)
    behind = sum(held.end - at[partition] for partition, held in ranges.items())
    return Finding("offsets", "ok", f"{behind:,} messages not taken yet on {len(ranges)} partitions")


CHECKS: Final = (
    Check("python", _python),
    Check("libraries", _libraries),
    Check("checksums", _checksums),
    Check("database", _database),
    Check("durability", _durability, needs=("database",)),
    Check("schema", _schema, needs=("database",)),
    Check("programs", _programs, needs=("database", "schema")),
    Check("views", _views, needs=("database", "schema")),
    Check("reassessment", _reassessment, needs=("database", "schema")),
    Check("quarantine", _quarantine, needs=("database", "schema")),
    Check("broker", _broker),
    Check("topics", _topics, needs=("database", "schema", "broker")),
    Check("offsets", _offsets, needs=("database", "schema", "broker")),
)
