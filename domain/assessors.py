"""The versions of one program, made ready to compute, and which of them is in force."""

from domain.assessment import Assessor
from domain.program import Program
from domain.rejections import InvariantBroken


class Assessors:
    """All versions of one program, made ready to compute."""

    __slots__ = ("_by_number", "_by_period", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        self._by_number = {version.version: Assessor(version) for version in program.versions}
        self._by_period: dict[str, Assessor | None] = {}

    def of_version(self, number: int) -> Assessor:
        """The assessor of a version that some event names; raises `InvariantBroken` where it was never published."""
        try:
            return self._by_number[number]
        except KeyError:
            raise InvariantBroken(f"version {number} of a program was never published") from None

    def find(self, period: str) -> Assessor | None:
        """The assessor of the version in force for a period, or None before the first."""
        if period not in self._by_period:
            version = self.program.in_force(period)
            self._by_period[period] = self._by_number[version.version] if version else None
        return self._by_period[period]

    def in_force(self, period: str) -> Assessor:
        """The assessor of the version in force for a period; raises `InvariantBroken` before the first."""
        if (assessor := self.find(period)) is None:
            raise InvariantBroken(f"no version of the program is in force in {period}")
        return assessor
