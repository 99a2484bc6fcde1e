"""Processes that train one model together hold the same weights.

What it finds
    Parameters that differ from process to process of a training that torchrun has started: the
    model inside DistributedDataParallel is called itself, parameters were made after it was
    wrapped, or it was never wrapped.
Why it hurts
    Gradients of such parameters are not averaged. Each process trains a model of its own on its
    part of the data, and what is saved is that of the first one.
How to mend
    Wrap the model once it is complete, and call what DistributedDataParallel returns, not .module.
When it stays silent
    Weights that lie in parts on several processes (FSDP, tensor or pipeline parallelism), those
    that DistributedDataParallel was told to ignore, and processes that meet again later, as with
    local SGD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class DifferentReplicas:
    """Parameters that were not the same on all processes after an optimiser step.

    Attributes:
        step: the first at which this was seen. names: of the parameters. processes: how many.
        cause: "inner": the wrapped model was called itself; "late": they were made after the
            wrapping; "unknown": neither, though there is a wrapper; "alone": there is none.
    """

    step: int
    names: Sequence[str]
    processes: int
    cause: Literal["inner", "late", "unknown", "alone"]


_CAUSES = {
    "inner": (": the model inside DistributedDataParallel is called itself, so its gradients are "
              "not averaged", "Call the wrapper: model(x), not model.module(x)."),
    "late": (": they were made after DistributedDataParallel had wrapped the model, so it does not "
             "know them", "Change the model first, then wrap it."),
    "unknown": (", although the model is wrapped by DistributedDataParallel",
                "Look for gradients that are changed, or weights that are set, on one process."),
    "alone": (": each process trains a model of its own",
              "Wrap the model: torch.nn.parallel.DistributedDataParallel(model)."),
}


@rule(worst="error", source="PyTorch: Distributed Data Parallel, internal design")
def replicas_agree(rule: Rule[DifferentReplicas], seen: DifferentReplicas) -> CheckResult:
    why, advice = _CAUSES[seen.cause]
    say = rule.warns if seen.cause == "alone" else rule.fails
    return say(
        f"after step {seen.step} the {seen.processes} processes differ in {len(seen.names)} "
        f"parameter{'s' if len(seen.names) > 1 else ''}, such as {seen.names[0]}{why}",
        measured=len(seen.names), unit="parameters", expected=0, advice=advice)
