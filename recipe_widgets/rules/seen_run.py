"""Judgements on a whole run that was watched: modes, sizes of steps, checkpoints, structure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.texts import few

_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


def eval_in_train(phases: int, norm: bool, counted: bool) -> CheckResult:
    """phases: evaluations in training mode. norm: with batch statistics. counted: hits were
    counted there.
    """
    what = "BatchNorm uses and learns from the evaluation's batches" if norm else "dropout is on"
    return CheckResult(
        "mode_toggles", "fail" if norm and counted else "warn", f"{phases} evaluation"
        f"{'s run' if phases > 1 else ' runs'} in training mode: {what}", phases, 0, "evaluations",
        "Call model.eval() before, and model.train() after.", _KARPATHY)


def repeats_one_input(rows: Sequence[Any]) -> bool:
    """Is the same batch put in again and again, as Monte-Carlo dropout does?"""
    known = [r for r in rows if r is not None]
    return len(known) >= 3 and all(
        len(r) == len(known[0]) and bool((r == known[0]).all()) for r in known[:3])


def dropout_ignores_mode(what: str) -> CheckResult:
    return CheckResult("mode_toggles", "fail",
                       f"dropout is on although the model is in eval mode: {what}",
                       advice="F.dropout(x, p, self.training), or an nn.Dropout made in __init__.",
                       source=_KARPATHY)


def no_nonlinearity(looks: int, linear: Sequence[int],
                    widths: Sequence[tuple[int, int]]) -> CheckResult | None:
    """linear: for looks at which every operation was linear, the number of weight layers on the
    way. widths: (in, out).
    """
    if looks < 2 or len(linear) < looks or min(linear) < 2 or len(widths) < 2:
        return None
    hidden, ends = [out for _, out in widths[:-1]], (widths[0][0], widths[-1][1])
    if min(hidden) < min(ends):
        return None  # a bottleneck: low rank on purpose
    return CheckResult(
        "non_linearity", "warn",
        f"nothing but linear operations between {min(linear)} layers with weights: "
        "together they are one linear layer", min(linear), 1, "layers",
        "Put an activation, such as ReLU, "
        "between the layers.")


def torn_axes(old: tuple[int, ...], new: tuple[int, ...]) -> CheckResult:
    return CheckResult(
        "axes",
        "fail", f"a view turns {old} into {new}: it does not move axes but scrambles the numbers",
        str(new), advice="Use permute or transpose to move axes.", source=_KARPATHY)


def strong_dropout(name: str, p: float) -> CheckResult:
    return CheckResult("dropout_rate", "warn", f"dropout silences {p:.0%} of the units ({name})", p,
                       "below 0.8",
                       advice="p is the share that is dropped, not the share that is kept.")


def frozen_norm(name: str, count: int) -> CheckResult:
    return CheckResult(
        "mode_toggles", "warn",
        f"the weights of {count} norm layers are frozen ({name}), but their running "
        "statistics go on updating", count, 0, "layers", "Put the frozen part into eval mode after "
        "model.train().")


def frozen_random(names: Sequence[str]) -> CheckResult:
    return CheckResult(
        "frozen",
        "warn", f"{few(names)} is frozen at its random initial values, below layers that learn",
        len(names), 0, "tensors", "Freeze pretrained layers only.")


def wrong_backward(name: str, share: float) -> CheckResult | None:
    if share < 0.3:
        return None
    return CheckResult(
        "gradient_check", "fail", f"the backward of {name} is not the derivative of its forward",
        share, 0.0, "of the entries looked at",
        "Check it with torch.autograd.gradcheck in double precision.", "CS231n, Gradient checks")


def loading(facts: Mapping[str, Any]) -> CheckResult | None:
    """A state dict was loaded (or saved).

    facts: alias (all its tensors are the module's own), keys, missing, unexpected, step, taken (the
    step at which it was taken from the module, or None), saved.
    """
    name, missing, unexpected = "checkpoint", facts["missing"], facts["unexpected"]
    taken = facts.get("taken")
    if facts["alias"] and (taken is None or taken < facts["step"] or not facts["saved"]):
        when = f" of step {taken}" if taken is not None else ""
        if facts["saved"] or (taken is not None and taken < facts["step"]):
            return CheckResult(
                name, "fail", f"the state dict{when} is an alias of the running weights: what is "
                f"{'saved' if facts['saved'] else 'restored'} are those of step {facts['step']}",
                facts["step"], taken, "step", "best = copy.deepcopy(model.state_dict())")
        return CheckResult(
            name, "warn",
            "a state dict is loaded that holds nothing but the model's own tensors: nothing "
            "changes", facts["keys"],
            advice="Did any key of the checkpoint match? Copy states with "
            "copy.deepcopy.")
    if not missing or not unexpected:
        return None
    loaded = facts["keys"] - len(unexpected)
    tails = sum(
        any(u.endswith("." + m) or m.endswith("." + u) for m in missing) for u in unexpected)
    if loaded == 0 or tails >= 0.8 * len(unexpected):
        why = f": the keys differ in a prefix ({unexpected[0]}, {missing[0]})" if tails else ""
        return CheckResult(
            name, "fail", f"strict=False hides that {len(missing)} parameters were not loaded{why}",
            loaded, facts["keys"], "keys loaded",
            "Rename the keys; look at what load_state_dict returns.")
    return None


def not_finite(curve: Sequence[tuple[int, float]], scaler: bool) -> CheckResult | None:
    bad = [step for step, loss in curve if not math.isfinite(loss)]
    if not bad or (scaler and len(bad) < 0.1 * len(curve)):
        return None
    return CheckResult(
        "curve", "warn", f"the loss is no finite number from step {bad[0]}", bad[0],
        advice="A smaller "
        "learning rate; clip the gradient; look for log(0) and 0/0.")


def _trend(losses: Sequence[float]) -> tuple[float, float]:
    """Median of the first and of the last tenth (five at least)."""
    known = [v for v in losses if math.isfinite(v)]
    n = max(5, len(known) // 10)
    return float(np.median(known[:min(n, 5)])), float(np.median(known[-n:]))


def step_size(kind: str, ratios: Mapping[str, Sequence[float]], losses: Sequence[float],
              looks: Sequence[Mapping[str, float]], several: bool) -> CheckResult | None:
    """Learning rate, weight decay and eps, by what a step does and what the loss does.

    ratios: ‖change‖ / ‖weights‖ of each tensor at each look. looks: step, grad, weight (norms),
    decay, lr, eps_share.
    several: other optimisers train against this one (their losses need not fall).
    """
    finite = [v for v in losses if math.isfinite(v)]
    if len(finite) < 20 or not ratios or not looks:
        return None
    first, last = _trend(losses)
    typical = {k: float(np.median(v[1:] or v)) for k, v in ratios.items()}
    middle, most = float(np.median(list(typical.values()))), max(typical.values())
    flat = last > first - 0.05 * max(abs(first), 1e-6)
    decays = [g["decay"] * g["weight"] / max(g["grad"], 1e-12) for g in looks if g["decay"]]
    shrunk = looks[-1]["weight"] / max(looks[0]["weight"], 1e-12)
    if decays and not several and "AdamW" not in kind and float(np.median(decays)) > 3 and shrunk < 0.5 \
            and last > 0.7 * first:
        return CheckResult(
            "weight_decay", "warn",
            f"weight decay {looks[-1]['decay']:g} pulls harder than the loss: the "
            f"weights shrink to {shrunk:.0%}", float(np.median(decays)), "below 0.1",
            "of the gradient's norm", "1e-4 to 5e-4 is usual.")
    if kind.startswith("AdamW") and not several and looks[-1]["decay"] * sum(g["lr"] for g in looks) > 0 and shrunk < 0.1 \
            and flat:
        return CheckResult(
            "weight_decay", "warn", f"weight decay {looks[-1]['decay']:g}: the weights shrink to "
            f"{shrunk:.0%}", shrunk, "about 1", advice="0.01 to 0.1 is usual.")
    eps = [g["eps_share"] for g in looks if g["eps_share"]]
    if eps and min(eps) > 10 and most < 1e-3 and not several and last > 0.8 * first:
        return CheckResult(
            "learning_rate", "warn",
            f"eps of {kind} is {min(eps):.0f} times the gradients' size: the steps "
            "shrink to nothing", most, "about 1e-3", "of the weights per step", "1e-8 is usual.")
    if several:
        return None
    early = float(np.median([np.median(v[:6]) for v in ratios.values()]))
    if early > 0.1 and max(finite[:50]) > 3 * abs(finite[0]) and last > 0.8 * finite[0]:
        return CheckResult(
            "learning_rate", "warn", "the first steps are very large: the loss jumps from "
            f"{finite[0]:.3g} to {max(finite[:50]):.3g} and does not recover", early, "about 1e-3",
            "of the weights per step", "A smaller learning rate.",
            "CS231n, Ratio of weights to updates")
    if middle > 0.1 and (last > 0.6 * first or len(finite) < len(losses)) and last > 1e-3:
        return CheckResult("learning_rate", "warn",
                           "steps are very large, and the loss does not come down", middle,
                           "about 1e-3", "of the weights per step", "A smaller learning rate.",
                           "CS231n, Ratio of weights to updates")
    if most < 1e-4 and flat and looks[-1]["lr"] > 0:
        return CheckResult("learning_rate", "warn",
                           "steps are very small in every layer, and the loss does not move", most,
                           "about 1e-3", "of the weights per step", "A larger learning rate.",
                           "CS231n, Ratio of weights to updates")
    return None
