"""Evidence about steps: gradients, optimisers, modes, checkpoints."""

from __future__ import annotations

from collections import Counter

import numpy as np

from recipe_widgets.rules.accumulation import AccumulatedGradients
from recipe_widgets.rules.checkpoint import StateUse
from recipe_widgets.rules.mode_toggles import EvaluationsInTrainingMode
from recipe_widgets.rules.training_evidence import (
    GradientHistory,
    StepSizes,
    TrainingModes,
)
from recipe_widgets.watch.evidence.evaluation_phase import EvaluationPhase
from recipe_widgets.watch.evidence.observe_fed_networks import FedNetworks
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation

FEWEST_STEPS = 20  # before sizes of steps are judged


def _text(line: SourceLocation | object | None) -> str:
    return str(line) if line else ""


def _history(run: WatchedRun, optimizer: OptimizerRecord) -> GradientHistory:
    tracked = optimizer.gradients
    groups: Counter[tuple[tuple[str, int], ...]] = Counter()
    for group, steps in tracked.groups.items():
        groups[tuple((_text(line), count) for line, count in group)] += steps
    return GradientHistory(
        optimizer.kind, optimizer.by_hand, tracked.steps, tracked.backwards, tracked.stale,
        tracked.cleared_early, groups,
        {_text(line): tuple(tally) for line, tally in tracked.dropped.items()},
        tracked.clips.copy(), tracked.clipped_scaled, tracked.changed, run.finished,
        frozenset(map(_text, run.records.eval_mode_backward_lines)),
        _text(optimizer.backward_line), _text(optimizer.clear_line), _text(optimizer.clip_line),
        tracked.replaced, tracked.leftovers if optimizer.ids & run.observer(FedNetworks).ids else 0,
        tracked.unseen)


@builds(GradientHistory)
def gradient_histories(run: WatchedRun) -> Built:
    for optimizer in run.records.optimizers:
        yield _history(run, optimizer), optimizer.backward_line


@builds(AccumulatedGradients)
def accumulated_gradients(run: WatchedRun) -> Built:
    losses = run.records.losses.by_line
    # the factor of a scaler, and other losses, would hide the size of the gradient
    simple = len(losses) == 1 and not run.records.grad_scaler.used
    known = [one for passes in losses.values() for one in passes if one.scale is not None]
    last = known[-1] if known and simple else None  # the latest pass, past any warm-up
    for optimizer in run.records.optimizers:
        yield AccumulatedGradients(_history(run, optimizer), last.scale if last else None,
                                   last.samples if last else 0), optimizer.backward_line


@builds(TrainingModes)
def training_modes(run: WatchedRun) -> Built:
    for model in run.records.models:
        runs = [(training, steps) for training, steps in model.mode_runs]
        yield TrainingModes(runs, model.mode_layers), run.records.optimizers.last_step_line


@builds(EvaluationsInTrainingMode)
def evaluations_in_training_mode(run: WatchedRun) -> Built:
    phases, compared = run.evaluations, run.records.evaluations.compared
    in_training = [
        phase for phase in phases if phase.step > 0 and phase.passes[0].training
        and (phase.dropout_on or phase.batch_statistics_on)
    ]
    # a single pass that nobody looks at may be a summary or a trace of the model
    looked_at = [
        phase for phase in in_training if phase.passes[0].hits is not None
        or len(phase.passes) > 1 or phase.last or compared or phase.printed
    ]
    if looked_at and run.are_rare(phases) and not any(map(_repeats_one_input, looked_at)):
        yield EvaluationsInTrainingMode(
            len(looked_at), any(phase.batch_statistics_on for phase in looked_at),
            any(one.hits is not None for phase in looked_at
                for one in phase.passes)), looked_at[0].line


def _repeats_one_input(phase: EvaluationPhase) -> bool:
    """Is the same batch put in again and again, as Monte-Carlo dropout does?"""
    known = [one.hashes for one in phase.passes if one.hashes is not None]
    return len(known) >= 3 and all(np.array_equal(hashes, known[0]) for hashes in known[:3])


@builds(StepSizes)
def step_sizes(run: WatchedRun) -> Built:
    several = len(run.records.optimizers.stepped) > 1
    for optimizer in run.records.optimizers:
        gradients, steps = optimizer.gradients, optimizer.steps
        # steps on wrong gradients say nothing about the learning rate
        if gradients.steps >= FEWEST_STEPS and not gradients.stale and not gradients.cleared_early:
            # of several losses those whose backward reaches this optimiser
            losses = [
                loss for _, loss, line in run.records.losses.curve
                if line == optimizer.backward_line
            ]
            yield StepSizes(optimizer.kind, steps.ratios, losses, steps.measurements,
                            several), optimizer.made_line


@builds(StateUse)
def state_uses(run: WatchedRun) -> Built:
    uses = run.records.checkpoints.uses
    again = any(use.alias and use.own and use.step for use in uses)
    for use in uses:
        if use.alias and use.own and not use.step and again:
            continue  # the first of several times
        yield StateUse(use.alias, use.keys, use.step, use.taken, use.saved, use.missing,
                       use.unexpected, use.own), use.line
