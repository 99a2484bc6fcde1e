"""Evidence about losses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recipe_widgets.rules.curve import LossesByStep
from recipe_widgets.rules.loss_at_init import FirstLoss
from recipe_widgets.rules.output_init import FirstOutputs
from recipe_widgets.rules.output_scale import OutputsAtLoss
from recipe_widgets.rules.training_evidence import WatchedLoss
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds


@builds(WatchedLoss)
def watched_losses(run: WatchedRun) -> Built:
    records = run.records
    stepped = records.optimizers.stepped
    # with maximize=True the sign of the gradient is meant to be the other one
    minimising = [one for one in stepped if not one.maximizes]
    if not minimising:
        return
    several = len(stepped) > 1 and len(records.losses.by_line) > 1
    passes_per_step = max(one.gradients.passes_per_step for one in minimising)
    last = minimising[-1]
    for (line, _), passes in records.losses.by_line.items():
        if records.progress.step <= 1 and len(passes) < 2:
            continue  # one look is no pattern
        yield WatchedLoss(passes, passes_per_step, last.kind, bool(last.gradients.clips), several,
                          records.evaluations.compared, records.checkpoints.loaded,
                          last.steps.least_rate or math.inf, records.losses.falls), line


@builds(Sequence[OutputsAtLoss])
def outputs_at_losses(run: WatchedRun) -> Built:
    for loss, line in watched_losses(run):
        passes = loss.passes
        if len(passes) >= 2:
            # a batch may lack the last class, or targets below zero: the run as a whole has them
            classes, below = max(p.classes for p in passes), max(p.below for p in passes)
            yield [
                OutputsAtLoss(p.outputs, p.kind, classes, below, p.made_by) for p in passes
            ], line


@builds(FirstLoss)
def first_losses(run: WatchedRun) -> Built:
    for loss, line in watched_losses(run):
        first = loss.passes[0]
        # the value of this term alone: the loss as a whole may be a sum of several
        known = first.scale is not None and first.scale > 0 and math.isfinite(first.mean_loss)
        # later on, or with weights that were loaded, a low or high loss says nothing
        if first.step == 0 and first.kind == "cross_entropy" and first.classes > 1 and known \
                and not loss.weights_loaded:
            yield FirstLoss([first.mean_loss], math.log(first.classes), first.kind,
                            first.classes), line


@builds(FirstOutputs)
def first_outputs(run: WatchedRun) -> Built:
    """Of regressions without an output bias: with one, the first steps move the outputs."""
    for loss, line in watched_losses(run):
        first = loss.passes[0]
        classes = bool(first.index_classes)
        if loss.kind == "regression" and not first.has_bias and not classes and first.target_std:
            yield FirstOutputs(first.mean, first.std, first.target_mean, first.target_std), line


@builds(LossesByStep)
def loss_curve(run: WatchedRun) -> Built:
    curve = run.records.losses.curve
    if curve:
        yield LossesByStep([(step, loss) for step, loss, _ in curve],
                        run.records.grad_scaler.used), curve[-1][2]
