"""A compiled model computes what the model itself computes.

What it finds
    A model under torch.compile whose output differs from that of an eager copy on the same input.
    The first module that differs when it is compiled alone is named.
Why it hurts
    The program that is read is not the one that runs, and training follows the one that runs.
How to mend
    Compile without that module (torch.compiler.disable), with backend="aot_eager" or "eager" to see
    which part it is, or report it.
When it stays silent
    Differences of rounding, and models that draw random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule

SINGLE, HALF = 1e-2, 1e-1  # relative, by precision: fused kernels add up in another order


@dataclass(frozen=True)
class CompiledOutput:
    """One call of a compiled model, replayed.

    Attributes:
        model: its class. step: of the run.
        difference: largest, in standard deviations of the output. half: is it in half precision?
        module: the first one that differs alone; empty where none does.
    """

    model: str
    step: int
    difference: float
    half: bool = False
    module: str = ""


@rule(worst="warning", source="PyTorch: torch.compile troubleshooting, accuracy debugging")
def compiled_equals_eager(rule: Rule[CompiledOutput], seen: CompiledOutput) -> CheckResult:
    limit = HALF if seen.half else SINGLE
    rule = rule.about(measured=seen.difference, expected=0.0, unit="standard deviations")
    if seen.difference <= limit:
        return rule.passes("compiled and eager outputs agree")
    where = f"; the first module that differs is {seen.module}" if seen.module else ""
    return rule.warns(
        f"at step {seen.step} the compiled {seen.model} gives another output than its eager copy "
        f"on the same input{where}",
        advice='Try backend="aot_eager" and "eager", or torch.compiler.disable on that module.')
