"""What an operator wants to know of the database server itself."""

from typing import Final

from msgspec import Struct

from infra.postgres.datastore import Datastore

VERSION_MIN: Final = 15

_FACTS: Final = """
    select current_setting('server_version_num')::int / 10000, current_setting('server_version'),
           current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on'
"""
_OPEN: Final = "select reason, count(*) from quarantine where state = 'open' group by reason order by reason"


class ServerFacts(Struct, frozen=True):
    """The server's version, and whether what it has confirmed survives a power cut."""

    major: int
    version: str
    fsync: bool
    full_page_writes: bool

    @property
    def is_durable(self) -> bool:
        """Whether what it has confirmed survives."""
        return self.fsync and self.full_page_writes


def facts(datastore: Datastore) -> ServerFacts:
    """Ask the server; raises `Unavailable`."""
    (row,) = datastore.read(_FACTS)
    return ServerFacts(*row)


def open_quarantine(datastore: Datastore) -> dict[str, int]:
    """How many messages wait in quarantine, by reason."""
    return {reason: int(count) for reason, count in datastore.read(_OPEN)}
