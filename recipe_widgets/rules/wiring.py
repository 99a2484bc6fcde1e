"""Judgements on how a program is wired: facts, so these may fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.texts import few

Array = npt.NDArray[np.float64]
_KARPATHY = "A. Karpathy, A Recipe for Training Neural Networks, 2019"


def batch_independence(moved: float, spread: float, own: float) -> CheckResult:
    """Does the output of a sample depend on another one?

    Args:
        moved: largest change of the outputs of the other samples when one sample was exchanged.
        spread: standard deviation of the outputs. own: largest change of the exchanged sample's own
            output.
    """
    share = moved / max(spread, own, 1e-12)
    facts = {"name": "batch_independence", "measured": share, "expected": 0.0, "source": _KARPATHY}
    if share > 1e-4:
        return CheckResult(
            status="fail",
            message="samples of a batch are mixed: exchanging one sample changes the "
            "outputs of others",
            advice="Look for view where permute is meant, a softmax or norm over "
            "the batch axis, an RNN without batch_first.", **facts)  # type: ignore[arg-type]
    return CheckResult(status="pass", message="each output depends on its own sample only",
                       **facts)  # type: ignore[arg-type]


def causal_dependence(leak: Array, next_token: bool) -> CheckResult:
    """leak: (T,) largest relative change of the outputs before position t when the input at t
    was exchanged.
    """
    worst = float(leak.max(initial=0.0))
    if worst <= 1e-4:
        return CheckResult("causal_dependence", "pass", "outputs depend on earlier positions only",
                           worst, 0.0, details={"leak": leak}, source=_KARPATHY)
    at = int(leak.argmax())
    if next_token:
        return CheckResult(
            "causal_dependence", "fail",
            f"the model sees the future: input {at} changes earlier outputs, "
            "although the target of each position is the next input", worst, 0.0,
            advice="Look at the causal mask and at every view and transpose around the heads.",
            details={"leak": leak}, source=_KARPATHY)
    return CheckResult(
        "causal_dependence", "note",
        "outputs depend on later positions: right for a model that sees "
        "its whole input", worst, details={"leak": leak}, source=_KARPATHY)


def optimizer_covers_model(missing: Sequence[str], stale: int, unregistered: Sequence[str],
                           held: int, twice: int = 0) -> CheckResult:
    """missing: trainable parameters with gradient that the optimiser lacks. stale: tensors it holds
    which are not the model's. unregistered: parts that get gradients but are no submodules. held:
    tensors of the model it holds."""
    name, said = "optimizer_covers_model", []
    if unregistered:
        said.append(
            f"{few(unregistered)} is used but not registered (a plain Python list?): it never trains"
        )
    if missing and not held:
        said.append("the optimiser holds no parameter of this model but of another one")
    elif missing:
        said.append(f"the optimiser lacks {few(missing)}")
    if stale and held:
        said.append(
            f"it holds {stale} tensors which the model does not have (replaced after it was made?)")
    if twice:
        said.append(f"{twice} parameters are in it twice")
    if not said:
        return CheckResult(name, "pass", f"the optimiser holds all {held} parameters that learn",
                           len(missing), 0)
    serious = unregistered or missing
    return CheckResult(name, "fail" if serious else "warn", "; ".join(said),
                       len(missing) + len(unregistered), 0, "parameters",
                       "Use nn.ModuleList, and make the optimiser after the model is complete.",
                       "TrainCheck, OSDI 2025")


def gradients_flow(detached: Sequence[str], zero: Sequence[str], random_frozen: Sequence[str],
                   unused: Sequence[str], all_zero: bool, no_graph: bool) -> CheckResult:
    """detached: parameters that change the loss but get no gradient. zero: weights whose gradient
    stays exactly zero.
    random_frozen: frozen parameters in use whose values differ between initialisations. unused: not
        in the path."""
    name, count = "gradients_flow", len(detached) + len(zero)
    advice = "Look for .detach(), .data, no_grad and requires_grad on the way from these parameters to the loss."
    if no_graph:
        return CheckResult(name, "fail", "the loss has no gradient at all: its graph is cut",
                           advice=advice)
    if all_zero:
        return CheckResult(
            name, "fail",
            "every gradient is exactly zero although the loss is not: the loss is flat here", 0.0,
            advice="Is the loss clipped (clamp) instead of the gradient? Are all units dead?")
    if detached:
        return CheckResult(
            name, "fail",
            f"{few(detached)}: changing it changes the loss, but no gradient comes back", count, 0,
            "parameters", advice)
    if random_frozen:
        return CheckResult(name, "warn", f"{few(random_frozen)} is frozen at random values",
                           len(random_frozen), 0, "parameters", "Freeze pretrained layers only.")
    if zero:
        return CheckResult(
            name, "warn", f"the gradient of {few(zero)} is exactly zero, even after some steps",
            count, 0, "parameters",
            "Zero weights in front or behind, or units that are dead for all samples.")
    if unused:
        return CheckResult(name, "note", f"{few(unused)} is not used on this path", len(unused), 0,
                           "parameters")
    return CheckResult(name, "pass", "a gradient reaches every parameter in use", 0, 0,
                       "parameters")


def mode_toggles(facts: Mapping[str, object]) -> CheckResult:
    """Facts, each absent when it was not seen:

    `changes_weights`: evaluation changes parameters. `eval_in_train`: parts in training mode during
    evaluation.
    `changes_statistics`: evaluation changes buffers. `stays_eval`: the training loop runs in eval
    mode after an evaluation. `frozen_statistics`: frozen norms that go on updating. `random_eval`:
    outputs in eval mode differ between two passes, and no dropout module does it on purpose.
    `chosen_random`: one does. `strong`: largest dropout.
    """
    name = "mode_toggles"
    serious = [
        text for key, text in (
            ("changes_weights", "the evaluation changes the parameters: it takes steps"),
            ("changes_statistics",
             "the evaluation changes the running statistics: it runs in training mode"),
            ("eval_in_train",
             "the evaluation runs in training mode: dropout or batch statistics are on"),
            ("stays_eval", "after an evaluation the training goes on in eval mode"),
            ("frozen_statistics",
             "the statistics of frozen norm layers go on updating in training"),
            ("random_eval", "outputs are random in eval mode: dropout ignores the mode"))
        if facts.get(key)
    ]
    if serious:
        exact = facts.get("changes_weights") or facts.get("stays_eval") or facts.get(
            "changes_statistics")
        return CheckResult(
            name, "fail" if exact else "warn", "; ".join(serious), details=dict(facts),
            advice="model.train() before training, model.eval() and no_grad before evaluation; "
            "F.dropout(x, p, self.training).", source=_KARPATHY)
    strong = float(str(facts.get("strong", 0.0)))
    if strong >= 0.8:
        return CheckResult(name, "warn", f"dropout silences {strong:.0%} of the units", strong,
                           "below 0.8",
                           advice="Begin without dropout; rates above 0.5 rarely help.",
                           details=dict(facts))
    if facts.get("chosen_random"):
        return CheckResult(name, "note",
                           "a dropout module stays on in eval mode, on purpose it seems")
    return CheckResult(name, "pass", "training and evaluation run in their modes", source=_KARPATHY)


def grads_are_cleared(stale: int, backwards: int, steps: int, left: bool) -> CheckResult:
    """stale: backward passes that added to gradients which a step had used already. left: the
    evaluation leaves gradients which the next step uses."""
    name, advice = "grads_are_cleared", "Call optimizer.zero_grad() once per step, before backward."
    if left:
        return CheckResult(name, "fail", "the evaluation leaves gradients that enter the next step",
                           advice="Evaluate "
                           "under torch.no_grad(), without backward.",
                           source="TrainCheck, OSDI 2025")
    if stale:
        return CheckResult(
            name, "fail",
            f"gradients are not cleared: {stale} of {backwards} backward passes add to "
            "gradients that a step has already used", stale, 0, "passes", advice,
            "TrainCheck, OSDI 2025")
    if not steps:
        return CheckResult(name, "skip", "no optimiser step was seen")
    return CheckResult(name, "pass", f"cleared before each of {steps} steps", stale, 0, "passes")


def bias_before_norm(names: Sequence[str]) -> CheckResult:
    if names:
        return CheckResult(
            "bias_before_norm", "note",
            f"the bias of {few(names)} is removed again by the norm behind it: "
            "harmless", len(names), 0, "layers", "bias=False saves a little memory.",
            "S. Ioffe, C. Szegedy, Batch Normalization, 2015")
    return CheckResult("bias_before_norm", "pass", "no bias in front of a norm that removes it", 0,
                       0, "layers")


def loss_reduction(twice: float, singles: float, whole: float, squeezed: float | None, classes: int,
                   scale: float | None) -> CheckResult:
    """How a loss reduces over the batch.

    Args:
        twice: loss of the batch written twice over. whole: loss of the batch. singles: mean of the
            losses of its samples one by one. squeezed: the loss when output and target are given
            the same shape.
        classes: K when the loss is one of classes, else 0. scale: multiple of the textbook
            cross-entropy, if it is one.
    """
    name, source = "loss_reduction", _KARPATHY
    if not np.isfinite([twice, singles, whole]).all() or abs(whole) < 1e-12:
        return CheckResult(name, "skip", "the loss is zero or no number on random outputs")
    if squeezed is not None and not _near(squeezed, whole) and not _near(singles, whole):
        return CheckResult(
            name, "fail",
            "output and target broadcast to (N, N): every sample is compared with every "
            "other one", whole, squeezed,
            advice="Give both the same shape, for example output.squeeze(1).")
    ratio = twice / whole
    if _near(ratio, 2.0):
        return CheckResult(name, "warn",
                           "the loss is a sum over the batch: the step grows with the batch size",
                           ratio, 1.0, "loss of the batch twice over / once", "Take the mean.",
                           source)
    if _near(ratio, 0.5):
        return CheckResult(name, "fail", "the loss is divided by the batch size twice", ratio, 1.0,
                           "loss of the batch twice over / once", "Take the mean once.", source)
    if classes and scale is not None and classes > 1 and _near(scale, 1 / classes):
        return CheckResult(
            name, "warn",
            "the cross-entropy is a mean over the classes, too: it is K times too small", scale,
            1.0, "of the textbook loss", "Sum over the classes, mean over the samples.", source)
    if _near(ratio, 1.0) and (_near(singles, whole) or not classes):
        return CheckResult(name, "pass", "the loss is a mean over the samples", ratio, 1.0,
                           "loss of the batch twice over / once", source=source)
    if _near(ratio, 1.0):
        return CheckResult(name, "note", "the loss weighs the samples of a batch differently",
                           singles, whole)
    status, why = ("warn", ": a reduction over the wrong axis?") if classes else (
        "note", ", as contrastive losses do")
    return CheckResult(
        name,
        status,
        "the loss couples the samples of a batch" + why,
        singles,
        whole,  # type: ignore[arg-type]
        advice="Soft-max and sums of a classification loss run over the class axis (dim=1).",
        source=source)


def loop_equals_vectorised(loss_gap: float, output_gap: float,
                           metric: Sequence[float]) -> CheckResult:
    """loss_gap, output_gap: relative difference between the batch and its samples one by one.
    metric: what the reader's evaluation gives when the same samples come in batches of other
    sizes."""
    name = "loop_equals_vectorised"
    values = np.asarray(metric, dtype=float)
    if len(values) and float(np.ptp(values)) > 1e-4 * max(1e-6, float(np.abs(values).max())):
        return CheckResult(name, "fail",
                           "the metric depends on how the samples are cut into batches",
                           float(values[-1]), float(values[0]),
                           advice="Add up hits and samples; divide once, at the end.",
                           details={"metric": values}, source="A. Ng, Machine Learning Yearning")
    if output_gap > 1e-3:
        return CheckResult(name, "fail",
                           "the outputs of a batch differ from those of its samples one by one",
                           output_gap, 0.0, advice="An operation runs over the batch axis.",
                           source=_KARPATHY)
    if loss_gap > 1e-3:
        return CheckResult(name, "note",
                           "the loss of a batch is not the mean of its samples' losses", loss_gap,
                           0.0)
    return CheckResult(name, "pass", "the batch gives what its samples give one by one", output_gap,
                       0.0)


def gradient_check(errors: Mapping[str, float], h: float, dropped: int) -> CheckResult:
    """errors: relative error |analytic - numeric| / (|analytic| + |numeric|) of each tensor,
    norms over directions.
    """
    name, source = "gradient_check", "CS231n, Gradient checks"
    if not errors:
        return CheckResult(name, "skip", "no direction without a kink was found")
    worst = max(errors, key=lambda key: errors[key])
    facts = {
        "unit": "relative error", "details": {"errors": dict(errors), "h": h, "kinks": dropped},
        "source": source
    }
    if errors[worst] > 1e-2:
        return CheckResult(
            name, "fail", f"the gradient of {worst} is not the derivative of the loss",
            errors[worst], "below 1e-4",
            advice="Look at custom backward functions, and at detach on its way to the "
            "loss.", **facts)  # type: ignore[arg-type]
    if errors[worst] > 1e-3:
        return CheckResult(name, "warn", f"the gradient of {worst} is inaccurate", errors[worst],
                           "below 1e-4", advice="Perhaps kinks; try another h.",
                           **facts)  # type: ignore[arg-type]
    return CheckResult(name, "pass", f"{len(errors)} tensors agree with central differences",
                       errors[worst], "below 1e-4", **facts)  # type: ignore[arg-type]


def _near(a: float, b: float, tolerance: float = 1e-3) -> bool:
    return bool(abs(a - b) <= tolerance * max(1e-9, abs(a), abs(b)))
