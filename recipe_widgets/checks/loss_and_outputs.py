"""Do the model's outputs fit its loss, and how does the loss reduce over the batch?"""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import torch

from recipe_widgets.checks.check_decorator import CannotTellError, check
from recipe_widgets.checks.check_subject import Subject
from recipe_widgets.checks.loss_probing import loss_facts, output_of_few, replaced
from recipe_widgets.checks.shared_passes import first_outputs
from recipe_widgets.checks.training_copy import model_copy, to_train
from recipe_widgets.core.validation import whole
from recipe_widgets.rules.evidence import Outputs
from recipe_widgets.rules.loss_reduction import LossOnRandomOutputs
from recipe_widgets.rules.output_scale import OutputsAtLoss


@check(stage="loss", place=2)
def output_scale(target: Subject, *,
                 inits: Annotated[int, whole(1, 100)] = 3) -> list[OutputsAtLoss]:
    """Do the outputs have the range which the loss wants: logits, log-probabilities, probabilities?

    What the loss wants is found by probing it; what the model gives is looked at over all batches,
    several initialisations, and once with inputs a hundred times too large, where logits would
    explode.
    """
    facts = loss_facts(target)
    seeds = [None, *range(1, inits if target.factory is not None else 1)]
    # z[model][batch]: (N, K) or (N, 1)
    logits = [[target.logits(output) for output in first_outputs(target, seed)] for seed in seeds]
    loud = _loud(target)
    outputs = [part.movedim(facts.axis, 1).flatten(2) if facts.classes and part.ndim > 2 else part
               for parts in logits for part in parts]
    same = [(part, y)
            for parts in logits
            for part, (_, y) in zip(parts, target.batches, strict=False)
            if part.shape == y.shape and y.is_floating_point()]
    below = float(torch.cat([y.flatten() for _, y in same]).lt(0).float().mean()) if same else 0.0
    return [OutputsAtLoss(_evidence(outputs, loud), facts.kind, facts.classes, below)]


def _loud(target: Subject) -> list[torch.Tensor]:
    """Outputs of inputs a hundred times too large: logits explode with them, probabilities cannot."""
    x = target.few[0]
    if not x.is_floating_point():
        return []
    with torch.no_grad():
        return [target.logits(to_train(model_copy(target))(x * 100))]


def _evidence(outputs: list[torch.Tensor], loud: list[torch.Tensor]) -> Outputs:
    def gap(total: torch.Tensor) -> float:
        return float((total - 1).abs().max())

    def worst(measure: Any) -> float:
        return max(float(measure(logits)) for logits in outputs)

    wide = torch.cat([logits.flatten() for logits in (*outputs, *loud)])
    # sums over the batch axis mean something for tables of at least 2 x 2
    columns = [z for z in outputs if z.ndim == 2 and z.shape[1] > 1 and len(z) > 1]
    return Outputs(
        low=float(wide.min()), high=float(wide.max()), zeros=float(
            (wide == 0).float().mean()), constant=bool((wide == wide[0]).all()),
        row_sum_gap=worst(lambda z: gap(z.sum(1))) if outputs[0].ndim > 1 else float("inf"),
        row_exp_gap=worst(lambda logits: gap(logits.clamp(max=50).exp().sum(1)))
        if outputs[0].ndim > 1 else float("inf"), column_exp_gap=max(
            (min(gap(logits.clamp(max=50).exp().sum(0)), gap(logits.sum(0))) for logits in columns),
            default=float("inf")))


@check(stage="loss", place=1)
def loss_reduction(target: Subject) -> LossOnRandomOutputs:
    """Is the loss a mean over samples? It is called with random outputs: once, twice over, one by
    one.

    Finds sums, a mean divided once more, a mean over classes, (N, 1) against (N,), and reductions
    over a wrong axis.
    """
    output, y = output_of_few(target), target.few[1]
    logits = target.logits(output)
    if not logits.is_floating_point() or logits.ndim == 0 or len(logits) != len(y) or len(y) < 2:
        raise CannotTellError("needs outputs that begin with the batch axis, and two samples")
    # random outputs of the kind that the loss takes
    probe = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0)).to(logits)
    probe = probe.log_softmax(1) if loss_facts(target).kind == "nll" else probe
    probe = probe.sigmoid() if loss_facts(target).kind == "bce" else probe

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> float:
        part = output if len(labels) == len(y) else _cut(target, output, logits)
        return float(target.loss_fn(replaced(target, part, logits), labels))

    whole, twice = loss(probe, y), loss(torch.cat([probe, probe]), torch.cat([y, y]))
    singles = float("inf")  # a loss that refuses single samples is told by the batch alone
    with contextlib.suppress(Exception):
        singles = sum(loss(probe[i:i + 1], y[i:i + 1]) for i in range(len(y))) / len(y)
    facts = loss_facts(target)
    classes = facts.classes if target.num_classes else 0
    scale = facts.scale if facts.kind in ("cross_entropy", "nll") else None
    return LossOnRandomOutputs(twice, singles, whole, _squeezed(target, output, probe, y), classes,
                               scale)


def _cut(target: Subject, output: Any, logits: torch.Tensor) -> Any:
    """An output of a dict or a tuple with its other tensors brought to the length of `logits`."""
    def fit(part: Any) -> Any:
        old = target.logits(output)
        if not isinstance(part,
                          torch.Tensor) or part is old or part.ndim == 0 or len(part) != len(old):
            return part
        return torch.cat([part, part])[: len(logits)]

    if isinstance(output, dict):
        return {key: fit(value) for key, value in output.items()}
    return tuple(fit(value) for value in output) if isinstance(output, (tuple, list)) else output


def _squeezed(target: Subject, output: Any, logits: torch.Tensor, y: torch.Tensor) -> float | None:
    """The loss when (N, 1) and (N,) are brought to the same shape; None where they have it
    already.
    """
    if logits.ndim == y.ndim or logits.numel() != y.numel() or not y.is_floating_point():
        return None
    try:
        return float(target.loss_fn(replaced(target, output, logits), y.reshape(logits.shape)))
    except Exception:
        return None
