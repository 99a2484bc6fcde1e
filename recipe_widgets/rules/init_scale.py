"""The signal keeps its size through the layers, and the units of a layer differ.

What it finds
    Layers whose units are all equal and stay equal, and signals that grow a hundredfold or die out
    on their way through the layers, before training.
Why it hurts
    Equal units get equal gradients: a layer of a thousand is one unit. A signal that dies out takes
    the gradients with it.
How to mend
    Draw initial weights at random, with a standard deviation of 1/sqrt(fan-in), or sqrt(2/fan-in)
    before a ReLU; or norm layers.
When it stays silent
    For layers that start equal and differ after some steps (a head at zero is fine), and below two
    layers with weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import few

GROWS = 100.0  # std of a layer's output / of the input; healthy nets of 50 layers stay within 10
DIES = 1e-4  # the same; float32 keeps the signal, but the gradients of its layers vanish


@dataclass(frozen=True)
class SignalSizes:
    """Sizes of signals before training.

    Attributes:
        stds: layer -> standard deviation of its output, in order.
        identical: layers whose units are all equal, and still are after some steps.
        input_std: of the inputs.
    """

    stds: Mapping[str, float] = field(default_factory=dict)
    identical: Sequence[str] = ()
    input_std: float = 1.0


@rule(worst="error", source="X. Glorot, Y. Bengio, 2010; K. He et al., 2015")
def init_scale(rule: Rule[SignalSizes], seen: SignalSizes) -> CheckResult:
    if seen.identical:
        return rule.fails(
            f"all units of {few(seen.identical)} are equal and stay equal: they never differ",
            measured=len(seen.identical), expected=0, unit="layers",
            advice="Draw initial weights at random.")
    stds = np.array(list(seen.stds.values()))
    if len(stds) < 2:
        return rule.cannot_tell("needs two layers with weights")
    ratios = stds / max(seen.input_std, 1e-12)
    rule = rule.about(expected="about 1", details={"layers": list(seen.stds), "std": stds})
    if not np.isfinite(stds).all() or ratios.max() > GROWS:
        return rule.warns("the signal grows through the layers", measured=float(ratios.max()),
                          unit="std of the largest layer / of the input",
                          advice="Scale weights by 1/sqrt(fan-in).")
    # The last layer may start near zero on purpose.
    if ratios[:-1].min() < DIES:
        return rule.warns("the signal dies out through the layers",
                          measured=float(ratios[:-1].min()),
                          unit="std of the smallest layer / of the input",
                          advice="He initialisation, or norm layers.")
    return rule.passes("the signal keeps its size through the layers", measured=float(ratios[-1]),
                       unit="std of the last layer / of the input")
