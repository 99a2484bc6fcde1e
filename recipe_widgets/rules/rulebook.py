"""What a rule is, and how to find all of them.

A rule is one file of this folder, named like the rule:

    \"\"\"One sentence: what a healthy program does.

    What it finds
        ...
    Why it hurts
        ...
    How to mend
        ...
    When it stays silent
        ...
    \"\"\"

    LOUDEST = 3.0  # where the number comes from

    @dataclass(frozen=True)
    class FirstOutputs:  # the evidence: plain numbers, names and arrays
        ...

    @rule(worst="warning", source="A. Author, A Paper, 2015")
    def output_init(rule: Rule, first: FirstOutputs) -> CheckResult:
        if first.std > LOUDEST:
            return rule.warns("the first logits are large", measured=first.std, advice="...")
        return rule.passes("the first outputs are small", measured=first.std)

Whoever holds evidence (a check, a watched script, the panel) calls `output_init(FirstOutputs(...))`.
A rule that judges evidence of another kind, too, has a second judge beside the first:

    @output_init.register
    def missing_bias(rule: Rule, loss: WatchedLoss) -> CheckResult:
        ...

Nothing else has to be told: `all_rules()` finds the file, `recipe rules` lists it, and
`recipe explain output_init` prints its documentation.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.findings import SEVERITIES, SEVERITY_OF, CheckResult, Severity, Status

Evidence = TypeVar("Evidence")

# (rule, evidence) -> CheckResult
Judge = Callable[[Any, Any], CheckResult]

# Sections of a rule's documentation, in this order; the fifth, "Source", comes from `@rule`.
SECTIONS = ("What it finds", "Why it hurts", "How to mend", "When it stays silent")


@dataclass(frozen=True)
class Rule(Generic[Evidence]):
    """One rule: call it with its evidence and it gives a `CheckResult`.

    Attributes:
        name: also the name of its file. worst: the worst severity that it may give.
        source: the paper, book or lecture behind it.
        judges: class of evidence -> (rule, evidence) -> CheckResult; the first is the function that
            was decorated.
        documentation: docstring of its file.
        shared: fields that every result of this call has in common, see `about`.
    """

    name: str
    worst: Severity
    source: str
    judges: dict[Any, Judge] = field(repr=False)
    documentation: str = field(default="", repr=False)
    shared: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __call__(self, evidence: Evidence) -> CheckResult:
        # a list of records has no class of its own: it is for the first judge
        first = next(iter(self.judges.values()))
        return self.judges.get(type(evidence), first)(self, evidence)

    @property
    def needs(self) -> tuple[Any, ...]:
        """The classes of evidence that it can judge."""
        return tuple(self.judges)

    def register(self, judge: Judge) -> Judge:
        """Add a judge for another class of evidence: that of its second argument."""
        self.judges[_evidence_of(judge)] = judge
        return judge

    def about(self, **fields: Any) -> Rule[Evidence]:
        """The same rule with fields of `CheckResult` that all of its results share."""
        return dataclasses.replace(self, shared={**self.shared, **fields})

    def fails(self, message: str, **fields: Any) -> CheckResult:
        """An exact fact that is wrong. fields: measured, expected, unit, advice, details, source."""
        return self._result("fail", message, fields)

    def warns(self, message: str, **fields: Any) -> CheckResult:
        """A number beyond its threshold."""
        return self._result("warn", message, fields)

    def notes(self, message: str, **fields: Any) -> CheckResult:
        """Worth knowing, and harmless."""
        return self._result("note", message, fields)

    def passes(self, message: str, **fields: Any) -> CheckResult:
        return self._result("pass", message, fields)

    def cannot_tell(self, why: str, **fields: Any) -> CheckResult:
        """The evidence is not enough to judge."""
        return self._result("skip", why, fields)

    def _result(self, status: Status, message: str, fields: dict[str, Any]) -> CheckResult:
        severity = SEVERITY_OF.get(status)
        if severity and SEVERITIES.index(severity) < SEVERITIES.index(self.worst):
            raise ValueError(f"rule {self.name} gives {severity!r} but declares {self.worst!r}")
        known = {"source": self.source, **self.shared, **fields}
        return CheckResult(self.name, status, message, **known)

    @property
    def title(self) -> str:
        """The first sentence of the documentation."""
        return self.documentation.partition("\n\n")[0].replace("\n", " ")

    @property
    def sections(self) -> dict[str, str]:
        """The documentation as {heading: text}; headings as in `SECTIONS`, and "Source"."""
        parts = re.split(rf"^({'|'.join(SECTIONS)})$", self.documentation, flags=re.MULTILINE)
        texts = dict(zip(parts[1::2], map(inspect.cleandoc, parts[2::2]), strict=True))
        return {**texts, "Source": self.source}


def rule(*, worst: Severity,
         source: str) -> Callable[[Callable[[Rule[Any], Evidence], CheckResult]], Rule[Evidence]]:
    """Make a rule of `judge(rule, evidence) -> CheckResult`; name and documentation come from its
    file.
    """
    def decorate(judge: Callable[[Rule[Any], Evidence], CheckResult]) -> Rule[Evidence]:
        documentation = inspect.cleandoc(inspect.getmodule(judge).__doc__ or "")
        return Rule(judge.__name__, worst, source, {_evidence_of(judge): judge}, documentation)

    return decorate


def _evidence_of(judge: Judge) -> Any:
    """The class that the second argument of a judge is annotated with."""
    second = list(inspect.signature(judge).parameters)[1]
    return typing.get_type_hints(judge)[second]


@functools.cache
def all_rules() -> Mapping[str, Rule[Any]]:
    """Every rule by its name, in alphabetical order: each file of this folder that holds a rule of
    the same name.
    """
    package = importlib.import_module(__package__)
    found = {}
    for file in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{__package__}.{file.name}")
        if isinstance(one := getattr(module, file.name, None), Rule):
            found[one.name] = one
    return found


def rule_named(name: str) -> Rule[Any]:
    """The rule of this name.

    Raises:
        RecipeError: there is none; the text lists the nearest names.
    """
    if name in all_rules():
        return all_rules()[name]
    nearest = difflib.get_close_matches(name, all_rules(), n=3, cutoff=0.4)
    raise RecipeError("Rule", found=repr(name), expected="the name of a rule",
                      mend=f"Did you mean {' or '.join(nearest)}?" if nearest else
                      "`recipe rules` lists them all.")


def known_rules(names: Iterable[str]) -> tuple[str, ...]:
    """The same names, each held against the rulebook.

    Raises:
        RecipeError: one of them is no rule.
    """
    return tuple(rule_named(name).name for name in names)


def explain(name: str) -> str:
    """The documentation of one rule, as text.

    Raises:
        RecipeError: there is no such rule.
    """
    one = rule_named(name)
    return (f"{one.name} (at worst: {one.worst})\n\n{one.documentation}\n\n"
            f"Source\n    {one.source}\n")
