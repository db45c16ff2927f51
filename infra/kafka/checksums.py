"""Checksums of Kafka's records: compiled, or ten times slower and therefore refused."""

from types import ModuleType

import kafka.record.util

from domain.rejections import Unavailable


class ChecksumsTooSlow(Unavailable):
    """kafka-python computes checksums in Python."""

    code = "checksums_too_slow"


def compiled() -> ModuleType | None:
    """The C module that kafka-python takes checksums from, or None where it makes do with Python.

    kafka-python chooses once, when it is first imported: `crc32c` if that can be imported, its own loop if not.
    """
    chosen = kafka.record.util.crc32c_c
    if chosen is None or kafka.record.util._crc32c is not chosen:
        return None
    import crc32c

    return crc32c if chosen is crc32c.crc32c else None


def require_compiled() -> None:
    """Raise `ChecksumsTooSlow` unless checksums are compiled."""
    if compiled() is None:
        raise ChecksumsTooSlow(
            "kafka-python computes checksums in Python, at a tenth of the speed:"
            " pip install crc32c (it has to be the C module)"
        )
