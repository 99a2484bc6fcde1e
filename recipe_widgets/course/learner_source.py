"""The text of what a learner wrote: its lines, which names it takes from outside, where it failed."""

from __future__ import annotations

import ast
import linecache
import symtable
import textwrap
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any

from recipe_widgets.core import RecipeError


@dataclass(frozen=True)
class Source:
    """file: where it was written (a cell has one of its own). first: line of its head, from 1."""

    text: str
    file: str
    first: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing but a docstring, `pass`, `...` or NotImplementedError is there."""
        body = ast.parse(self.text).body[0].body  # type: ignore[attr-defined]
        return all(_says_nothing(statement) for statement in body)

    def line(self, number: int) -> str:
        """Line `number` of its file, without its indent."""
        return linecache.getline(self.file, number).strip()


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Raise) and "NotImplemented" in ast.unparse(statement)


def source_of(given: Any) -> Source:
    """The text of a function or class, decorators included.

    Raises:
        RecipeError: it has none: built in, or made by other code.
    """
    code = _code_of(given)
    if code is not None:
        lines = linecache.getlines(code.co_filename)
        for node in ast.walk(_parsed("".join(lines))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name != given.__name__:
                continue
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if first <= code.co_firstlineno <= (node.end_lineno or 0):
                text = textwrap.dedent("".join(lines[first - 1 : node.end_lineno]))
                return Source(text.rstrip(), code.co_filename, first)
    raise RecipeError(getattr(given, "__name__", type(given).__name__), found="no source text",
                      expected="a function that you wrote with def")


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:  # a cell with magics in it
        kept = (line if not line.lstrip().startswith(("%", "!")) else "pass"
                for line in text.splitlines())
        try:
            return ast.parse("\n".join(kept))
        except SyntaxError:
            return ast.Module([], [])


def _code_of(given: Any) -> CodeType | None:
    """The code of a function behind its decorators, or of a class's first own method."""
    for _ in range(10):
        if not hasattr(given, "__wrapped__"):
            break
        given = given.__wrapped__
    if isinstance(given, type):
        methods = [getattr(one, "__code__", None) for one in vars(given).values()]
        return next((code for code in methods if code is not None), None)
    code = getattr(given, "__code__", None)
    return code if isinstance(code, CodeType) else None


def names_from_outside(text: str) -> set[str]:
    """Names that a piece of source uses and does not define: globals and builtins."""
    top = symtable.symtable(text, "<source>", "exec")
    defined = {one.get_name() for one in top.get_symbols() if one.is_assigned()
               or one.is_namespace()}
    found = {one.get_name() for one in top.get_symbols() if one.is_referenced()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {one.get_name() for one in table.get_symbols() if one.is_global()}
    return found - defined


def failing_line(trace: TracebackType | None, source: Source) -> int | None:
    """The deepest line of the learner's file in a traceback, as that file counts."""
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == source.file:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def quoted(source: Source, number: int | None) -> str:
    """Such as "line 7: `loss.backward()`"; empty where there is no line."""
    return f"line {number}: `{source.line(number)}`" if number else ""
