r"""Records as platforms may really write them: a header's name that is no UTF-8 stops nobody.

kafka-python decodes header names strictly, and the broker does not look at them: one such message would stop its
partition for ever, and anybody who may write to a topic could send it. Here a name that is no UTF-8 is read with its
bytes spelled out (`\xff`), and the message goes the way of every other.
"""

from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch


class _SpelledOut(bytearray):
    """Bytes whose slices decode whatever they hold."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _SpelledOut(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")


class LenientRecordBatch(DefaultRecordBatch):  # type: ignore[misc]
    """kafka-python's batch; a record that does not decode is read once more, leniently."""

    _buffer: bytearray

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            strict = self._buffer
            self._buffer = _SpelledOut(strict)
            try:
                return super()._read_msg()
            finally:
                self._buffer = strict


def read_leniently() -> None:
    """Let every consumer of this process read records leniently."""
    memory_records.DefaultRecordBatch = LenientRecordBatch
