"""The code base checks itself: the rules of layout and style that neither ruff nor import-linter can state."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.repository import PACKAGES, ROOT, committed, committed_python

TOP_LEVEL = {
    *PACKAGES,
    "tests",
    "pyproject.toml",
    "requirements.txt",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
}
PURE = ("domain", "projections")
FUNCTION_LINES_MAX = 70

# Nouns of this trade that happen to be modules elsewhere; inside a package, absolute imports keep them apart.
SHARED_NOUNS = {"platform", "kafka"}
EMPTY_NOUNS = re.compile(r"manager|helper|util|handler|dto|misc|common", re.IGNORECASE)

# Put together here, or this file would find itself.
REGISTRIES = [
    ".".join(labels)
    for labels in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("registry", "npmjs", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    ]
]
MACHINE_PATH = re.compile(r"(?<![\w.$})~*-])/(?:work|root)(?=[/\s\"'`)]|$)", re.MULTILINE)


def _trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    return ((path, ast.parse((ROOT / path).read_text("utf-8"))) for path in committed_python(*folders))


def _nodes(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    """Every syntax node with where it stands, as `file:line`."""
    for path, tree in _trees(*folders):
        for node in ast.walk(tree):
            yield f"{path}:{getattr(node, 'lineno', 0)}", node


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    return []


def _texts() -> Iterator[tuple[Path, str]]:
    for path in committed():
        try:
            yield path, (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue


def test_the_top_level_holds_only_what_the_layout_names() -> None:
    entries = {path.parts[0] for path in committed()}
    assert {entry for entry in entries if not entry.startswith(".")} <= TOP_LEVEL


def test_tests_have_no_init_files_or_pytest_would_import_them_under_the_names_of_our_packages() -> None:
    assert [path for path in committed_python("tests") if path.name == "__init__.py"] == []


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in committed_python(*PACKAGES)}
    assert [folder for folder in folders if folder / "__init__.py" not in committed()] == []


def test_functions_fit_on_a_screen() -> None:
    too_long = [
        f"{place} {node.name}: {length} lines"
        for place, node in _nodes(*PACKAGES, "tests")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_the_pure_packages_import_only_themselves_the_standard_library_and_msgspec() -> None:
    allowed = sys.stdlib_module_names | {"msgspec"}
    strangers = [
        f"{place} {name}"
        for package, own in [("domain", {"domain"}), ("projections", {"projections", "domain"})]
        for place, node in _nodes(package)
        for name in _imported(node)
        if name.partition(".")[0] not in allowed | own
    ]
    assert strangers == []


def test_the_pure_packages_have_no_float() -> None:
    floats = [
        place
        for place, node in _nodes(*PURE)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]
    assert floats == []


def test_the_pure_packages_divide_only_where_the_operands_are_exact_ratios() -> None:
    """Two integers under `/` make a float; a module that divides therefore says that it works with `Fraction`."""
    divisions = [
        f"{path}:{node.lineno}"
        for path, tree in _trees(*PURE)
        if not any("fractions" in _imported(node) for node in ast.walk(tree))
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
    ]
    assert divisions == []


def test_the_pure_packages_read_no_clock_and_do_no_io() -> None:
    clocks = {"now", "utcnow", "today", "fromtimestamp"}
    doors = {"open", "print", "input", "exec", "eval", "__import__"}
    calls = [
        f"{place} {ast.unparse(node.func)}"
        for place, node in _nodes(*PURE)
        if isinstance(node, ast.Call)
        if (isinstance(node.func, ast.Attribute) and node.func.attr in clocks)
        or (isinstance(node.func, ast.Name) and node.func.id in doors)
    ]
    assert calls == []


def test_files_are_named_after_what_they_hold() -> None:
    assert [path for path in committed_python(*PACKAGES) if EMPTY_NOUNS.search(path.stem)] == []


def test_no_module_is_named_like_a_dependency_or_the_standard_library() -> None:
    taken = (sys.stdlib_module_names | packages_distributions().keys()) - {*PACKAGES, *SHARED_NOUNS}
    names = {part for path in committed_python(*PACKAGES) for part in path.with_suffix("").parts}
    assert sorted((names - {"__init__", "__main__"}) & taken) == []
    assert sys.stdlib_module_names.isdisjoint({*PACKAGES, "tests"})


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert [path for path, text in _texts() if host in text] == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    paths = [
        f"{path}:{text.count(chr(10), 0, found.start()) + 1}"
        for path, text in _texts()
        for found in MACHINE_PATH.finditer(text)
    ]
    assert paths == []
