"""There is a non-linearity between layers with weights.

What it finds
    A model whose graph holds nothing but linear operations between two layers with weights or more.
Why it hurts
    Together these layers are one linear layer: depth and width add nothing.
How to mend
    Put an activation, such as ReLU, between the layers.
When it stays silent
    At a bottleneck: a layer that is narrower than both ends makes a matrix of low rank, as LoRA
    and factorised embeddings do on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class GraphLinearity:
    """A model's graph in several steps.

    Attributes:
        graphs: how many were read. linear: of those in which every operation was linear, the number
            of layers with weights on the way. widths: (in, out) of these layers, in order.
    """

    graphs: int
    linear: Sequence[int]
    widths: Sequence[tuple[int, int]]


@rule(worst="warning",
      source="G. Cybenko, Approximation by superpositions of a sigmoidal function, 1989")
def non_linearity(rule: Rule[GraphLinearity], model: GraphLinearity) -> CheckResult:
    always = model.graphs >= 2 and len(model.linear) >= model.graphs
    if not always or min(model.linear) < 2 or len(model.widths) < 2:
        return rule.passes("one layer only, or something bends between the layers")
    narrowest = min(out for _, out in model.widths[:-1])
    if narrowest < min(model.widths[0][0], model.widths[-1][1]):
        return rule.passes("linear, with a bottleneck: of low rank on purpose")
    layers = min(model.linear)
    return rule.warns(
        f"nothing but linear operations between {layers} layers with weights: together they are "
        "one linear layer", measured=layers, expected=1, unit="layers",
        advice="Put an activation, such as ReLU, between the layers.")
