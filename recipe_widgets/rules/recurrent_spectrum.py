"""Recurrent weights keep a signal over time.

What it finds
    Recurrent matrices with a spectral radius above 2 (signals and gradients explode over time) or,
    without gates, below 0.2 (they are forgotten at once).
Why it hurts
    Over T steps a signal is multiplied by the radius to the power of T.
How to mend
    Orthogonal initialisation; gradient clipping; an LSTM.
When it stays silent
    Small radii of LSTM and GRU, whose gates carry the signal as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule
from recipe_widgets.rules.texts import PASCANU

AMPLIFIES = 2.0  # 2 to the power of 10 time steps is a thousand
FORGETS = 0.2  # 0.2 to the power of 5 time steps is a three-thousandth


@dataclass(frozen=True)
class RecurrentRadii:
    """radii: recurrent matrix -> spectral radius. gated: are they of LSTM or GRU layers?"""

    radii: Mapping[str, float]
    gated: bool


@rule(worst="warning", source=PASCANU)
def recurrent_spectrum(rule: Rule[RecurrentRadii], seen: RecurrentRadii) -> CheckResult:
    radii = list(seen.radii.values())
    farthest_from_one = max(radii, key=lambda radius: abs(np.log(max(radius, 1e-12))))
    rule = rule.about(measured=farthest_from_one, expected="about 1", unit="spectral radius",
                      details={"radii": dict(seen.radii)})
    if max(radii) > AMPLIFIES:
        return rule.warns("the recurrent weights amplify: gradients may explode",
                          advice="Orthogonal initialisation, gradient clipping.")
    if not seen.gated and min(radii) < FORGETS:
        return rule.warns("the recurrent weights forget at once: gradients vanish over time",
                          advice="Orthogonal initialisation, or an LSTM.")
    return rule.passes("the recurrent weights keep a signal")
