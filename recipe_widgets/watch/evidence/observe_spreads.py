"""Variances and standard deviations that a script hands over, and what it calls them."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch
from torch import distributions
from torch.nn import functional as F

from recipe_widgets.rules.spread_argument import SpreadArgument
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import (
    SourceLocation,
    caller_expression,
    caller_location,
)
from recipe_widgets.watch.instrument.torch_call_monitor import CallHandler, TorchCall

_STD = re.compile(r"std|stdev|sigma|stddev")
_VAR = re.compile(r"var|variance|sigma2|sigmasq|sigma_?sq\w*|sigma_?squared|std2|var\d")
# methods that leave the meaning of a number as it is
_SHAPES = {
    "clamp",
    "clamp_min",
    "clamp_max",
    "unsqueeze",
    "squeeze",
    "view",
    "reshape",
    "expand",
    "expand_as",
    "to",
    "detach",
    "float",
    "contiguous",
    "view_as",
    "flatten",
}
_AFTER_EXP = {"log_std": "std", "log_var": "var"}


class SpreadArguments(Observer):
    """found: (line, call) -> (words of the argument, what is wanted, what they say)."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.found: dict[tuple[SourceLocation | None, str], tuple[str, str, str]] = {}
        self._seen: set[SourceLocation | None] = set()

    def torch_calls(self) -> dict[Any, CallHandler]:
        return {F.gaussian_nll_loss: self._likelihood, torch.normal: self._normal}

    def _likelihood(self, call: TorchCall) -> None:
        self._read("gaussian_nll_loss", 2, "var", "var")

    def _normal(self, call: TorchCall) -> None:
        self._read("torch.normal", 1, "std", "std")

    def distribution_made(self, distribution: Any) -> None:
        if type(distribution) is distributions.Normal:
            self._read("Normal", 1, "scale", "std")

    def _read(self, name: str, position: int, keyword: str, wanted: str) -> None:
        line = caller_location()
        if line in self._seen:
            return
        self._seen.add(line)
        call = caller_expression()
        if not isinstance(call, ast.Call) or any(isinstance(one, ast.Starred) for one in call.args):
            return
        given = (
            call.args[position]
            if len(call.args) > position
            else next((one.value for one in call.keywords if one.arg == keyword), None)
        )
        named = meaning_of(given) if given is not None else None
        if given is not None and named is not None:
            self.found[line, name] = ast.unparse(given), wanted, named


def meaning_of(expression: ast.expr) -> str | None:
    """ "std", "var", "log_std" or "log_var" where the words say so; None where they do not."""
    if isinstance(expression, ast.Subscript):
        return meaning_of(expression.value)
    if isinstance(expression, (ast.Name, ast.Attribute)):
        return _meaning_of_name(
            expression.id if isinstance(expression, ast.Name) else expression.attr
        )
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
        return None
    method, owner = expression.func.attr, expression.func.value
    if method in _SHAPES:
        return meaning_of(owner)
    if method == "exp":  # torch.exp(x) or x.exp()
        return _AFTER_EXP.get(meaning_of(expression.args[0] if expression.args else owner) or "")
    return None


def _meaning_of_name(name: str) -> str | None:
    words = name.lower().strip("_")
    log = re.match(r"log_?", words) or re.search(r"_log_?|_ln_", words)
    rest = re.sub(r"log_?|^ln_?", "", words)
    parts = rest.split("_")
    std, var = (any(kind.fullmatch(part) for part in (*parts, rest)) for kind in (_STD, _VAR))
    if std == var:
        return None
    return ("log_" if log else "") + ("std" if std else "var")


@builds(SpreadArgument)
def spread_arguments(run: WatchedRun) -> Built:
    for (line, call), (given, wanted, named) in run.observer(SpreadArguments).found.items():
        yield SpreadArgument(call, given, wanted, named), line
