"""Program files as commands are given them: read whole, within bounds, and refused with the file's name."""

import sys
from pathlib import Path
from typing import Final

from domain import program_file
from domain.rejections import Malformed, NotFound
from domain.rule import ProgramVersion

#: A program of a hundred rules has a tenth of this.
BYTES_MAX: Final = 1024 * 1024
STANDARD_INPUT: Final = "-"


class NoSuchProgramFile(NotFound):
    """The program file cannot be read."""

    code = "no_such_program_file"


def read(file: str) -> tuple[ProgramVersion, ...]:
    """The versions in a program file (`-`: standard input); raises `NoSuchProgramFile`.

    Raises `Malformed` with the file, the key at fault and what is allowed there.
    """
    try:
        return program_file.read(_text(file))
    except Malformed as error:
        raise Malformed(error.detail, key=file) from None


def _text(file: str) -> str:
    """What stands in a file; a mark at its beginning that some editors make is no part of it."""
    content = _content(file)
    if len(content) > BYTES_MAX:
        raise Malformed(f"expected a program file of {BYTES_MAX // 1024} KiB at most")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"not a text in UTF-8: byte {error.start + 1} is none of it") from None


def _content(file: str) -> bytes:
    """The file's first bytes: one more than is allowed, so that a larger one is noticed."""
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read(BYTES_MAX + 1)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise NoSuchProgramFile(f"{file}: {reason or error}") from None
