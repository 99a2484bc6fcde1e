"""Judgements on the order of events in a running script: zero_grad, backward, clip, step, schedule,
mode.

Evidence in, a `CheckResult` or None (nothing to say) out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recipe_widgets.core import CheckResult
from recipe_widgets.rules.texts import few

_TRAINCHECK = "TrainCheck, OSDI 2025"
_SCALE_FREE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta",
               "Adafactor", "Rprop", "LBFGS", "Muon", "SparseAdam")


def scale_free(kind: str) -> bool:
    """Is the step of this optimiser nearly the same when the loss is multiplied by a number?"""
    return kind in _SCALE_FREE or any(word in kind
                                      for word in ("Adam", "Lion", "Lamb", "LAMB", "RMS"))


@dataclass
class Gradients:
    """What happened to the gradients of one optimiser.

    groups: how often a step used so many backward passes, by their lines: ((line, count), ...) ->
    steps.
    stale: steps whose gradients held those of an earlier step. lost: steps on gradients that were
    cleared after backward. dropped: passes thrown away unused, by line -> (times, passes).
    clips: gradient clippings by what the gradients were: "clean" (none yet), "fresh", "used" (after
    the step), "mixed".
    clipped_scaled: clippings of gradients that were still multiplied by a GradScaler.
    """

    kind: str = ""
    steps: int = 0
    backwards: int = 0
    stale: int = 0
    lost: int = 0
    groups: Counter[tuple[tuple[object, int], ...]] = field(default_factory=Counter)
    dropped: dict[object, list[int]] = field(default_factory=dict)
    clips: Counter[str] = field(default_factory=Counter)
    clipped_scaled: int = 0
    changed: bool = False

    @property
    def accumulates(self) -> int:
        """Backward passes of one line that usually enter a step; 1 when there is no
        accumulation.
        """
        usual = self.groups.most_common(1)
        return max((count for _, count in usual[0][0]), default=1) if usual else 1


def gradients_cleared(g: Gradients) -> CheckResult | None:
    if g.stale >= 2 and g.stale >= 0.3 * g.steps:
        return CheckResult(
            "grads_are_cleared", "fail",
            f"gradients are not cleared: {g.stale} of {g.steps} steps used "
            "gradients that an earlier step had used already", g.stale, 0, "steps",
            "Call optimizer.zero_grad() once per step, before backward.", _TRAINCHECK)
    return None


def cleared_too_early(g: Gradients) -> CheckResult | None:
    if g.lost >= 3 and g.lost >= 0.5 * g.steps:
        return CheckResult(
            "grads_are_cleared", "fail",
            f"zero_grad lies between backward and step: {g.lost} of {g.steps} "
            "steps found no gradient", g.lost, 0, "steps",
            "Clear before backward or after the step.", _TRAINCHECK)
    return None


def never_stepped(g: Gradients) -> CheckResult | None:
    """An optimiser was made, its parameters got gradients, and it never took a step."""
    if not g.steps and g.backwards >= 5 and not g.changed and " " not in g.kind:
        return CheckResult(
            "optimizer_steps", "fail",
            f"{g.kind} never takes a step: {g.backwards} backward passes, and "
            "its parameters stay as they are", 0, g.backwards, "steps",
            "Call optimizer.step() after "
            "backward.", _TRAINCHECK)
    return None


def foreign_gradients(
    g: Gradients, eval_lines: frozenset[object] = frozenset()) -> CheckResult | None:
    """Do passes of another line, a validation as a rule, now and then add to the gradients of a
    step?

    eval_lines: lines of backward passes which ran while the model was in eval mode.
    """
    usual = g.groups.most_common(1)
    if not usual or g.steps < 10:
        return None
    own = {line for line, _ in usual[0][0]}
    steps, bursts, line = 0, 0, None
    for group, times in g.groups.items():
        strange = [(at, count) for at, count in group if at not in own]
        if own & {at for at, _ in group} and any(count >= 2 or at in eval_lines
                                                 for at, count in strange):
            steps, line = steps + times, strange[0][0]
            bursts = max(bursts, max(count for _, count in strange))
    if 1 <= steps <= 0.3 * g.steps and bursts:
        return CheckResult(
            "grads_are_cleared", "fail",
            f"up to {bursts} backward passes at {line}, which no step follows "
            f"there, leave gradients that enter {steps} later steps", steps, 0, "steps",
            "Evaluate under torch.no_grad(), or clear the gradients afterwards.", _TRAINCHECK,
            {"line": line})
    return None


def tail_dropped(g: Gradients) -> CheckResult | None:
    """Passes of the accumulating line that no step used."""
    size = g.accumulates
    if size < 2 or g.steps < 3:
        return None
    own = {line for group in g.groups for line, _ in group}
    for line, (times, passes) in g.dropped.items():
        share = passes / max(1, passes + sum(n * t
                                             for group, t in g.groups.items()
                                             for _, n in group))
        if line in own and times >= 2 and share > 0.002:
            return CheckResult(
                "accumulation", "warn", f"the last, incomplete group of each epoch is thrown away: "
                f"{passes} backward passes ({share:.0%}) were cleared before a step", passes, 0,
                "passes", "Take a step at the end of the epoch, too.", details={"group": size})
    return None


def accumulation_scaled(g: Gradients, scale: float | None, samples: int) -> CheckResult | None:
    """scale: gradient of one pass as a multiple of that of the mean loss of its batch; None when
    not known.
    """
    size = g.accumulates
    if size < 2 or scale is None or samples < 2 or abs(scale - 1) > 0.02 or g.steps < 2:
        return None
    return CheckResult(
        "accumulation", "warn",
        f"{size} passes are added up per step, but the loss is not divided by "
        f"{size}: the gradient is {size} times that of a large batch", scale, 1 / size,
        "of the mean loss", f"(loss / {size}).backward()",
        details={"scale_free": scale_free(g.kind)})


def clipping(g: Gradients) -> CheckResult | None:
    """Does the clipping of gradients take effect?"""
    calls = sum(g.clips.values())
    if g.clipped_scaled >= 2 and g.clipped_scaled >= 0.5 * calls:
        return CheckResult(
            "clipping", "fail",
            "scaled gradients are clipped: the GradScaler's factor is still in them, "
            "so that they shrink to almost nothing", g.clipped_scaled, 0, "clippings",
            "Call scaler.unscale_(optimizer) before clipping.", "PyTorch, AMP examples")
    if calls < 3 or g.steps < 3 or g.clips["fresh"] + g.clips["mixed"]:
        return None
    if g.clips["clean"] > g.clips["used"]:
        return CheckResult("clipping", "fail",
                           "gradients are clipped before backward, when there are none", calls, 0,
                           "clippings without effect", "Clip between backward and step.")
    return CheckResult("clipping", "fail", "gradients are clipped after the step has used them",
                       calls, 0, "clippings without effect", "Clip between backward and step.")


def modes(runs: Sequence[tuple[bool, int]], sensitive: Sequence[str]) -> CheckResult | None:
    """runs: training steps in a row with the model in training (True) or eval mode. sensitive:
    dropout and norm layers that the mode changes."""
    names, eval_steps = few(sensitive), sum(n for mode, n in runs if not mode)
    total = sum(n for _, n in runs)
    if not eval_steps or total < 5:
        return None
    on_off = [mode for mode, _ in runs]
    if on_off.count(False) >= 2 and on_off.count(True) >= 2:
        return CheckResult(
            "evaluation_trains", "fail",
            f"{eval_steps} of {total} steps are taken while the model is in "
            "eval mode, in turn with training: the evaluation trains, too", eval_steps, 0, "steps",
            "No backward and no step in the evaluation; torch.no_grad().", _TRAINCHECK)
    if not sensitive:
        return None
    if on_off[0] and not on_off[-1] and eval_steps >= 0.2 * total:
        return CheckResult(
            "mode_toggles", "fail", "after an evaluation the training goes on in eval mode: "
            f"{names} no longer train", eval_steps, 0, "steps",
            "Call model.train() at the start of "
            "each epoch.", _TRAINCHECK)
    if not any(on_off):
        return CheckResult("mode_toggles", "warn",
                           f"the whole training runs in eval mode: {names} are off", eval_steps, 0,
                           "steps", "Call model.train() before training.")
    return None


@dataclass(frozen=True)
class Schedule:
    """One learning-rate scheduler: calls of its step(), its optimiser's steps, its plan
    (total_steps, T_max, ...).
    """

    kind: str
    calls: int
    steps: int
    plan: Mapping[str, float]
    lrs: Sequence[tuple[int, float]] = ()  # (step, lr) whenever it changed
    finished: bool = True  # the script came to its own end


def schedule(s: Schedule) -> CheckResult | None:
    """Is a scheduler stepped, and as often as it is meant?"""
    if s.steps < 10 or not s.finished:
        return None
    if s.calls == 0:
        return CheckResult(
            "schedule", "fail",
            f"{s.kind} is made but never stepped: the learning rate stays where it "
            "starts", 0, s.steps, "calls", "Call scheduler.step() once per epoch (or per batch).")
    lrs = [lr for _, lr in s.lrs]
    per_batch = s.calls >= 0.9 * s.steps
    peak, total = max(lrs, default=0.0), s.plan.get("total_steps", 0)
    if total and s.calls < 0.25 * total and s.steps > 2 * s.calls:
        return CheckResult(
            "schedule", "warn",
            f"{s.kind} is planned for {total:.0f} calls and got {s.calls}: it is "
            "stepped once per epoch, but was planned in batches", s.calls, total, "calls",
            "Step it after each batch.")
    if s.kind == "CosineAnnealingLR" and per_batch and s.calls > 2.5 * s.plan.get("T_max", s.calls):
        return CheckResult(
            "schedule", "warn",
            f"CosineAnnealingLR(T_max={s.plan['T_max']:.0f}) is stepped {s.calls} "
            "times, once per batch: the learning rate swings up and down", s.calls, s.plan["T_max"],
            "calls", "Step it once per epoch, or set T_max to the number of batches.")
    early = [lr for step, lr in s.lrs if step <= 0.3 * s.steps]
    if per_batch and s.kind not in ("OneCycleLR", "CyclicLR", "ReduceLROnPlateau") and early and peak > 0 \
            and early[-1] < 0.01 * peak and max(lr for step, lr in s.lrs if step >= 0.3 * s.steps - 1) < 0.02 * peak:
        return CheckResult(
            "schedule", "warn",
            f"{s.kind} is stepped once per batch: after a third of the steps the "
            "learning rate has all but gone", early[-1], peak, "learning rate",
            "Step it once per epoch.", details={"final": lrs[-1]})
    return None
