"""Judgements on activations, gradients and updates: thresholds, so these only warn, except where
nothing moves.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult

Array = npt.NDArray[np.float64]
_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


def dead_units(dead: Mapping[str, float], samples: int) -> CheckResult:
    """dead: for each activation, in order, the share of units that are exactly zero for all
    samples.
    """
    name, source = "dead_units", "CS231n, Neural Networks Part 1"
    if not dead:
        return CheckResult(name, "skip", "no ReLU or tanh was seen", source=source)
    worst = max(dead, key=lambda key: dead[key])
    facts = {
        "measured": dead[worst], "expected": "below 0.4", "unit": "of the units", "source": source,
        "details": {"dead": dict(dead), "samples": samples}
    }
    if dead[worst] >= 0.4 and samples >= 32:
        return CheckResult(name, "warn", f"units of {worst} are zero for all {samples} samples",
                           advice="A smaller "
                           "learning rate, biases of zero, inputs of mean zero, or a leaky ReLU.",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", f"most units answer to some of {samples} samples",
                       **facts)  # type: ignore[arg-type]


def saturation(saturated: Mapping[str, float]) -> CheckResult:
    """saturated: for each tanh or sigmoid, the share of units with |tanh| > 0.97 on most
    samples.
    """
    name, source = "saturation", "X. Glorot, Y. Bengio, Understanding the difficulty of training deep networks, 2010"
    if not saturated:
        return CheckResult(name, "skip", "no tanh or sigmoid inside the network", source=source)
    worst = max(saturated, key=lambda key: saturated[key])
    facts = {
        "measured": saturated[worst], "expected": "below 0.5", "unit": "of the units", "source":
        source, "details": {"saturated": dict(saturated)}
    }
    if saturated[worst] > 0.5:
        return CheckResult(
            name, "warn",
            f"most units of {worst} are saturated on most samples: no gradient passes",
            advice="Smaller initial weights, or a norm in front.",
            **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "few units are saturated", **facts)  # type: ignore[arg-type]


def gradient_norms(norms: Mapping[str, float]) -> CheckResult:
    """norms: root mean square of the gradient of each weight tensor, in the order of the layers."""
    name, source = "gradient_norms", "R. Pascanu et al., On the difficulty of training recurrent networks, 2013"
    values = np.array([v for v in norms.values() if v > 0])
    if len(values) < 2:
        return CheckResult(name, "skip", "needs two layers with a gradient", source=source)
    total, spread = float(np.sqrt((values**2).sum())), float(values.max() / values.min())
    facts = {
        "measured": spread, "expected": "below 1e6", "unit": "largest / smallest", "source": source,
        "details": {"layers": list(norms), "rms": np.array(list(norms.values()))}
    }
    if not np.isfinite(total) or total > 1e3:
        return CheckResult(name, "warn", f"gradients explode: root mean square {total:.3g}",
                           advice="Clip the gradient's norm; smaller weights.",
                           **facts)  # type: ignore[arg-type]
    if spread > 1e6:
        least = min(norms, key=lambda key: norms[key] or np.inf)
        return CheckResult(name, "warn", f"the gradient vanishes on its way to {least}",
                           advice="Norm layers, shortcuts, He initialisation.",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "gradients of all layers are of a size",
                       **facts)  # type: ignore[arg-type]


def update_ratio(ratios: Mapping[str, Array], moved: bool, helped: bool = False) -> CheckResult:
    """ratios: ‖change of the weights in one step‖ / ‖weights‖ of each tensor, one number per step.
    moved: did any parameter change at all? helped: did these steps lower the loss clearly? Then
    large ones are a note: a new head that begins with small weights grows fast. Healthy is about
    1e-3; outside 1e-4 to 1e-1 is worth a look."""
    name, source = "update_ratio", "CS231n, Ratio of weights to updates"
    if not moved:
        return CheckResult(
            name, "fail", "no parameter changes in a step", 0.0, "about 1e-3", "of the weights",
            "Is optimizer.step() called, with gradients, for this model's parameters?", source)
    if not ratios:
        return CheckResult(name, "skip", "only zeros or vectors move", source=source)
    typical = {layer: float(np.median(values)) for layer, values in ratios.items()}
    middle, most = float(np.median(list(typical.values()))), max(typical.values())
    facts = {"expected": "1e-4 to 1e-1", "unit": "of the weights per step", "source": source,
             "details": {"layers": list(typical), "ratio": np.array(list(typical.values()))}}
    if helped and 1e-1 < middle < 1.0:
        return CheckResult(name, "note", "the first steps are large, and they help", middle,
                           **facts)  # type: ignore[arg-type]
    if not np.isfinite(most) or middle > 1e-1:
        return CheckResult(name, "warn", "steps are very large", middle,
                           advice="A smaller learning rate.", **facts)  # type: ignore[arg-type]
    if most < 1e-4:
        return CheckResult(name, "warn", "steps are very small in every layer", most,
                           advice="A larger learning rate; "
                           "look at Adam's eps, at gradient clipping and at the scale of the loss.",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "steps are of a healthy size", middle,
                       **facts)  # type: ignore[arg-type]


def filters_smooth(correlation: float, filters: Array, trained: bool) -> CheckResult:
    """correlation: of neighbouring weights in the first filters, -1 to 1; 0 for noise."""
    name, source = "filters_smooth", "CS231n, Visualizing what ConvNets learn"
    facts = {
        "measured": correlation, "expected": "above 0.2 once trained", "unit":
        "correlation of neighbours", "details": {"filters": filters}, "source": source
    }
    if trained and correlation < 0.1:
        return CheckResult(name, "warn", "the first filters still look like noise",
                           advice="Train longer, more data, "
                           "weight decay; or the pixels of the input are scrambled.",
                           **facts)  # type: ignore[arg-type]
    if correlation < 0.1:
        return CheckResult(name, "note", "the first filters look like noise, as before training",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "the first filters are smooth",
                       **facts)  # type: ignore[arg-type]


def recurrent_spectrum(radii: Mapping[str, float], gated: bool) -> CheckResult:
    """radii: spectral radius of each recurrent matrix. gated: LSTM or GRU, whose gates also
    carry the signal.
    """
    name, source = "recurrent_spectrum", "R. Pascanu et al., On the difficulty of training recurrent networks, 2013"
    worst = max(radii.values(), key=lambda r: abs(np.log(max(r, 1e-12))))
    facts = {
        "measured": worst, "expected": "about 1", "unit": "spectral radius", "details":
        {"radii": dict(radii)}, "source": source
    }
    if max(radii.values()) > 2:
        return CheckResult(name, "warn", "the recurrent weights amplify: gradients may explode",
                           advice="Orthogonal initialisation, gradient clipping.",
                           **facts)  # type: ignore[arg-type]
    if not gated and min(radii.values()) < 0.2:
        return CheckResult(name, "warn",
                           "the recurrent weights forget at once: gradients vanish over time",
                           advice="Orthogonal initialisation, or an LSTM.",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", "the recurrent weights keep a signal",
                       **facts)  # type: ignore[arg-type]
