"""Functions and classes of this package as text for a script: what the script holds is what the
run did, so no formula stands in two places.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterable
from typing import Any

_OURS = "recipe_widgets."
_KEEPS = ("torch.", "staticmethod", "property")  # decorators that mean something in plain PyTorch
# methods that no script calls: it saves nothing, and trains as the run did
_UNUSED = ("state_dict", "load_state_dict", "__getstate__", "refresh_norms")


def sources(things: Iterable[Callable[..., Any]]) -> list[str]:
    """The texts of these functions and classes, and before each one those of the functions and
    constants of this package that it uses.
    """
    texts: dict[str, str] = {}
    for thing in things:
        _collect(inspect.unwrap(thing), texts)
    return list(texts.values())


def _collect(thing: Any, texts: dict[str, str]) -> None:
    if thing.__name__ in texts:
        return
    text = plain_source(thing)
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    for name in sorted(names - {thing.__name__}):
        value = vars(inspect.getmodule(thing)).get(name)
        if isinstance(value, types.FunctionType | type) and value.__module__.startswith(_OURS):
            _collect(inspect.unwrap(value), texts)
        elif isinstance(value, int | float | str | tuple | frozenset):
            texts.setdefault(name, f"{name} = {constant(value)}")
    texts[thing.__name__] = text


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
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(line: int, column: int) -> int:
        # ast counts bytes in a line, and formulas hold characters of more than one
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

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
            if node.returns is not None:
                end = offset(node.returns.end_lineno or 0, node.returns.end_col_offset or 0)
                begin = text.rindex("->", 0, offset(node.returns.lineno, node.returns.col_offset))
                cuts.append((len(text[:begin].rstrip()), end))
            for argument in (*node.args.args, *node.args.kwonlyargs,
                             *filter(None, (node.args.vararg, node.args.kwarg))):
                if argument.annotation is not None:
                    begin = offset(argument.lineno, argument.col_offset) + len(argument.arg)
                    end = argument.annotation
                    cuts.append((begin, offset(end.end_lineno or 0, end.end_col_offset or 0)))
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            end = node.annotation
            cuts.append((offset(node.target.end_lineno or 0, node.target.end_col_offset or 0),
                         offset(end.end_lineno or 0, end.end_col_offset or 0)))
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
