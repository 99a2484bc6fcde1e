"""What is meant to be learnt is an nn.Parameter of its module, and an optimiser holds it.

What it finds
    Tensors with requires_grad that get a gradient in every step and stay as they are, as no
    optimiser holds them: plain tensors, and parameters in a plain list. And plain tensors of random
    numbers that a module multiplies with, or adds to, what its layers have learnt.
Why it hurts
    They keep their random start. The layers around them learn to live with it, so the loss falls;
    and a saved model lacks them, so that it is another model when it is loaded.
How to mend
    self.w = nn.Parameter(torch.randn(...)), in nn.ParameterList where there are several; what is
    random on purpose belongs into register_buffer, so that it is saved.
When it stays silent
    Buffers, tensors that the script moves itself, inputs that are differentiated, fixed projections
    of the data itself, and numbers with a structure (positions, grids, word vectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class PlainTensor:
    """A tensor that works as a weight and never changes.

    Attributes:
        name: of the attribute of a module that holds it; empty where none does.
        wants_gradient: has it requires_grad? Otherwise its numbers look drawn at random.
    """

    name: str
    shape: Sequence[int]
    wants_gradient: bool = False


@rule(worst="error", source="PyTorch, torch.nn.parameter.Parameter")
def registered_weights(rule: Rule[PlainTensor], tensor: PlainTensor) -> CheckResult:
    shape = "x".join(map(str, tensor.shape)) or "single number"
    rule = rule.about(
        measured=0, expected=1, unit="optimisers that hold it",
        advice="nn.Parameter (in nn.ParameterList where there are several), and make the optimiser "
        "afterwards; register_buffer for what stays fixed on purpose.")
    if tensor.wants_gradient and tensor.name:
        return rule.fails(
            f"{tensor.name} ({shape}) gets a gradient and never learns: it is no registered "
            "parameter of its module, and in no optimiser")
    if tensor.wants_gradient:
        return rule.warns(f"a tensor ({shape}) with requires_grad gets a gradient in every step and "
                          "never learns: it is in no optimiser")
    return rule.warns(
        f"{tensor.name} ({shape}) works as a weight and is a plain tensor of random numbers, no "
        "nn.Parameter: it never learns, and a saved model lacks it")
