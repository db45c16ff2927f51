"""Every error has a stable code: this table may grow, and nothing in it may change."""

import importlib
import pkgutil
from collections.abc import Iterator

import domain
from domain import rejections
from domain.rejections import ExchangeError, Malformed, NotFound, Rejected

CODES = {
    "ExchangeError": "error",
    "Rejected": "rejected",
    "NotFound": "not_found",
    "Malformed": "malformed",
    "Conflict": "concurrent_write",
    "Unavailable": "unavailable",
    "InvariantBroken": "invariant_broken",
    # gig
    "UnknownCurrency": "unknown_currency",
    "OutOfRange": "out_of_range",
    # assessment
    "UnlistedClass": "unlisted_class",
    "AmountTooLarge": "amount_too_large",
    # configuration
    "UnknownPlatform": "unknown_platform",
    "SuspendedPlatform": "suspended_platform",
    "MissingPaidAt": "missing_paid_at",
    "ProgramNotFound": "program_not_found",
    # registry
    "ConflictingReport": "conflict",
    # program
    "ProgramVersionExists": "program_version_exists",
    "ProgramTermsFixed": "program_terms_fixed",
    # platform
    "PlatformNotFound": "platform_not_found",
    "PlatformExists": "platform_exists",
    "AlreadyMember": "already_member",
    "NotMember": "not_member",
    "NotPeriodStart": "not_period_start",
    "PeriodHasAccruals": "period_has_accruals",
    # intake
    "OffsetsTaken": "offsets_taken",
}


def _tree(root: type[ExchangeError]) -> Iterator[type[ExchangeError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def _errors() -> list[type[ExchangeError]]:
    """Every class of the tree that the domain defines."""
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    return [error for error in _tree(ExchangeError) if error.__module__.partition(".")[0] == "domain"]


def test_every_code_of_the_tree_is_in_the_table() -> None:
    assert {error.__name__: error.code for error in _errors()} == CODES


def test_no_two_errors_share_a_code() -> None:
    assert len(set(CODES.values())) == len(CODES)


def test_every_error_states_a_code_of_its_own() -> None:
    assert [error.__name__ for error in _errors() if "code" not in vars(error)] == []


def test_every_error_says_in_a_sentence_what_it_states() -> None:
    assert [error.__name__ for error in _errors() if not (error.__doc__ or "").rstrip().endswith(".")] == []


def test_the_docstring_draws_the_main_classes() -> None:
    main = [error.__name__ for error in _errors() if error.__module__ == rejections.__name__]
    assert [name for name in main if name not in (rejections.__doc__ or "")] == []


def test_a_malformed_input_names_the_part_at_fault() -> None:
    error = Malformed("expected an integer", key="rules[0].weight")
    assert (error.key, error.detail, str(error)) == ("rules[0].weight",) + ("rules[0].weight: expected an integer",) * 2


def test_what_was_not_found_is_a_refusal_like_any_other() -> None:
    assert isinstance(NotFound("no such platform"), Rejected)
    assert NotFound("no such platform").detail == "no such platform"
