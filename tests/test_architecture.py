"""The shape of the package: who may import whom, what an import costs, that no name means two
things.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp
import pytest

from recipe_widgets.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "recipe_widgets"
BY_NAME = {"_moved.py"}  # old names of modules are data


@cache
def trees() -> dict[str, ast.Module]:
    """Every file of the package by its path in it, parsed."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def loaded_by(code: str) -> set[str]:
    """The names of all modules that a fresh Python has loaded after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('MODULES', *sys.modules)"],
        check=True, capture_output=True, text=True, cwd=ROOT)
    return set(done.stdout.partition("MODULES")[2].split())


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Groups of modules that import one another, by Tarjan's algorithm."""
    number: dict[str, int] = {}  # in the order of the walk
    lowest: dict[str, int] = {}  # the lowest number that can be reached from a module
    open_modules: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        open_modules.append(module)
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in open_modules:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            start = open_modules.index(module)
            group = open_modules[start:]
            del open_modules[start:]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph.modules):
        if module not in number:
            visit(module)
    return found


def test_circles_are_found_where_there_are_some() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")):
        graph.add_import(importer=importer, imported=imported)
    assert circles(graph) == [["a", "b", "c"]]


def test_no_file_imports_in_a_circle() -> None:
    """Imports for types count, and those inside functions."""
    graph = grimp.build_graph("recipe_widgets", cache_dir=None)
    assert len(graph.modules) > 100
    assert circles(graph) == []


def import_strings(tree: ast.Module) -> list[str]:
    """Calls of `import_module` and `__import__` with a text that names this package.

    A folder may load its own files, by `f"{__package__}.{file}"`: rules, checks and builders are
    found by being there.
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)
             and re.fullmatch(r"(importlib\.)?import_module|__import__", ast.unparse(node.func))]
    return [
        ast.unparse(call) for call in calls
        if len(call.args) > 1 or re.search("recipe_widgets|__name__", ast.unparse(call.args[0]))
    ]


def test_a_hidden_import_is_found() -> None:
    for line in ('import_module("recipe_widgets." + "plots")', 'import_module(f"{__name__}.x")',
                 '__import__("recipe_widgets.plots")',
                 'importlib.import_module("..plots", __package__)'):
        assert import_strings(ast.parse(line)) == [ast.unparse(ast.parse(line))]
    for line in ('import_module("torch.optim")', 'import_module(f"{__package__}.{file.name}")'):
        assert import_strings(ast.parse(line)) == []


def test_no_import_is_hidden_in_a_text() -> None:
    hidden = {name: import_strings(tree) for name, tree in trees().items() if name not in BY_NAME}
    assert {name: calls for name, calls in hidden.items() if calls} == {}


def test_no_public_class_has_the_name_of_another() -> None:
    places = defaultdict(set)
    for name, tree in trees().items():
        if name.startswith("course/exercises/"):
            continue  # a learner's class is called as the field calls it, such as Dropout
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_the_loop_loads_few_files() -> None:
    ours = {name for name in loaded_by("import recipe_widgets.training.loop")
            if name.partition(".")[0] == "recipe_widgets"}
    assert "recipe_widgets.training.loop" in ours
    assert len(ours) <= 25, sorted(ours)


def test_a_live_panel_loads_no_lesson() -> None:
    ours = loaded_by("from recipe_widgets import LivePanel")
    assert "recipe_widgets.panels" in ours
    assert not {name for name in ours if name.startswith("recipe_widgets.lessons")}


COMMAND_NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]


@pytest.mark.parametrize("words", [["--help"], ["--version"],
                                   *([name, "--help"] for name in COMMAND_NAMES)])
def test_help_loads_neither_torch_nor_numpy(words: list[str]) -> None:
    code = ("from recipe_widgets.cli import main\ntry:\n"
            f"    main({words!r})\nexcept SystemExit as stop:\n    assert stop.code == 0")
    heavy = {"torch", "numpy", "matplotlib", "optuna", "PIL", "ipywidgets"}
    assert heavy.isdisjoint(loaded_by(code))


def test_the_test_above_can_fail() -> None:
    assert {"torch", "numpy"} <= loaded_by("import recipe_widgets.training.loop")
