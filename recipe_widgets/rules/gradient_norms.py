"""The gradients of all layers are of a size.

What it finds
    Gradients that explode, and gradients that shrink a millionfold on their way to the first
    layers.
Why it hurts
    One step along an exploded gradient undoes the training; layers with vanished gradients stay
    where they started.
How to mend
    Clip the gradient's norm, smaller weights; norm layers, shortcuts, He initialisation.
When it stays silent
    Below two layers with a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import PASCANU

EXPLODED = 1e3  # root of the sum of the layers' mean squares; about 0.1 at a healthy start
VANISHED = 1e6  # largest / smallest layer: float32 updates of the smallest are lost beside it


@dataclass(frozen=True)
class LayerGradients:
    """norms: weight tensor, in the order of the layers -> root mean square of its gradient."""

    norms: Mapping[str, float]


@rule(worst="warning", source=PASCANU)
def gradient_norms(rule: Rule[LayerGradients], seen: LayerGradients) -> CheckResult:
    norms = seen.norms
    values = np.array([size for size in norms.values() if size > 0])
    if len(values) < 2:
        return rule.cannot_tell("needs two layers with a gradient")
    total, spread = float(np.sqrt((values**2).sum())), float(values.max() / values.min())
    rule = rule.about(measured=spread, expected="below 1e6", unit="largest / smallest",
                      details={"layers": list(norms), "rms": np.array(list(norms.values()))})
    if not np.isfinite(total) or total > EXPLODED:
        return rule.warns(f"gradients explode: root mean square {total:.3g}",
                          advice="Clip the gradient's norm; smaller weights.")
    if spread > VANISHED:
        least = min(norms, key=lambda name: norms[name] or np.inf)
        return rule.warns(f"the gradient vanishes on its way to {least}",
                          advice="Norm layers, shortcuts, He initialisation.")
    return rule.passes("gradients of all layers are of a size")
