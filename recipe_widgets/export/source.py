"""Functions and classes of this package as text for a script: what the script holds is what the
run did, so no formula stands in two places.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterable
from typing import Any

_OURS = "recipe_widgets."
_KEEPS = ("torch.", "staticmethod", "property")  # decorators that mean something in plain PyTorch
_UNUSED = ("state_dict", "load_state_dict", "__getstate__")  # methods: a script saves nothing


def sources(things: Iterable[Callable[..., Any]]) -> list[str]:
    """The texts of these functions and classes, and before each one those of the functions and
    constants of this package that it uses.
    """
    texts: dict[str, str] = {}
    for thing in things:
        _collect(inspect.unwrap(thing), texts)
    return list(texts.values())


def _collect(thing: Any, texts: dict[str, str]) -> None:
    if thing.__name__ in texts:  # also what uses itself, or each other
        return
    text = plain_source(thing)
    known = {**vars(inspect.getmodule(thing)), **_imported_inside(thing)}
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    # dependencies first, so that a reader of the script meets nothing unknown
    for name in sorted(names - {thing.__name__}):
        value = known.get(name)
        if isinstance(value, types.FunctionType | type) and value.__module__.startswith(_OURS):
            _collect(inspect.unwrap(value), texts)
        elif isinstance(value, int | float | str | tuple | frozenset):
            texts.setdefault(name, f"{name} = {constant(value)}")
    texts[thing.__name__] = text


def _imported_inside(thing: Any) -> dict[str, Any]:
    """What imports of this package within a function's body bring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    return {alias.name: getattr(importlib.import_module(str(node.module)), alias.name)
            for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            and str(node.module).startswith(_OURS) for alias in node.names}


def constant(value: Any) -> str:
    """A constant as Python text; layers by the name under which a script imports them."""
    if isinstance(value, tuple):
        return "(" + "".join(f"{constant(one)}, " for one in value).rstrip() + ")"
    if isinstance(value, frozenset):
        return "{" + ", ".join(constant(one) for one in sorted(value)) + "}"
    return f"nn.{value.__name__}" if isinstance(value, type) else repr(value)


def plain_source(thing: Callable[..., Any]) -> str:
    """The source without what only this package needs: annotations, checks of arguments, and
    docstrings of more than one line.
    """
    text = textwrap.dedent(inspect.getsource(thing))
    lines = text.splitlines(keepends=True)
    starts = [0]  # of each line, in characters
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(line: int, column: int) -> int:
        # ast counts bytes in a line, and formulas hold characters of more than one
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def span(node: ast.expr | ast.arg) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or 0, node.end_col_offset or 0
        return offset(node.lineno, node.col_offset), offset(end_line, end_column)

    # pieces to leave out, as spans of the text: so that comments and line breaks stay
    cuts: list[tuple[int, int]] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            cuts += _whole_lines(starts, [one for one in node.decorator_list
                                          if not ast.unparse(one).startswith(_KEEPS)])
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) \
                    and (first.end_lineno != first.lineno or len(node.body) == 1):
                cuts += _whole_lines(starts, [first])
        if isinstance(node, ast.ClassDef):
            dropped = [one for one in node.body if isinstance(one, ast.FunctionDef)
                       and one.name in _UNUSED]
            cuts += _whole_lines(starts, dropped)
        if isinstance(node, ast.FunctionDef):
            if node.returns is not None:  # from the blank before "->" to the colon
                arrow = text.rindex("->", 0, span(node.returns)[0])
                cuts.append((len(text[:arrow].rstrip()), span(node.returns)[1]))
            for argument in (*node.args.args, *node.args.kwonlyargs,
                             *filter(None, (node.args.vararg, node.args.kwarg))):
                if argument.annotation is not None:
                    name_end = span(argument)[0] + len(argument.arg)
                    cuts.append((name_end, span(argument.annotation)[1]))
        if isinstance(node, ast.AnnAssign):  # x: int = 3 becomes x = 3
            cuts.append((span(node.target)[1], span(node.annotation)[1]))
        # what they bring stands in the script itself
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(_OURS):
            cuts += _whole_lines(starts, [node])
    return _tidy(_without(text, cuts))


def _whole_lines(starts: list[int], nodes: list[Any]) -> list[tuple[int, int]]:
    """From the first line of each node, decorators too, to the end of its last one."""
    spans = []
    for node in nodes:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        spans.append((starts[first - 1], starts[node.end_lineno]))
    return spans


def _without(text: str, cuts: list[tuple[int, int]]) -> str:
    kept, at = [], 0
    for begin, end in sorted(cuts):
        if end > at:  # else it lies in a piece that is gone already
            kept.append(text[at:max(begin, at)])
            at = end
    return "".join([*kept, text[at:]])


def _tidy(text: str) -> str:
    text = re.sub(r"[ \t]*# (noqa|type: ignore)[^\n]*", "", text)
    # heads that annotations had spread over several lines
    text = re.sub(r"def (\w+)\(([^()]*)\):", lambda found: f"def {found[1]}("
                  + " ".join(found[2].split()).replace(" = ", "=") + "):", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")
