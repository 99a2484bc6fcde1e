"""Evidence about models: their structure, and probes of copies of them."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules import batchnorm

from recipe_widgets.rules.axes import TornAxes
from recipe_widgets.rules.batch_independence import (
    MixedSamples,
    PlacedSamples,
    batch_independence,
)
from recipe_widgets.rules.bias_before_norm import BiasesBeforeNorm
from recipe_widgets.rules.causal_dependence import CopiedInput, FutureLeak
from recipe_widgets.rules.dead_units import DeadUnits
from recipe_widgets.rules.dropout_rate import DropoutRate
from recipe_widgets.rules.frozen import FrozenAtRandom, IdleFreezing
from recipe_widgets.rules.gradient_check import CustomDerivative
from recipe_widgets.rules.gradients_flow import GradientReach
from recipe_widgets.rules.init_scale import SignalSizes
from recipe_widgets.rules.mode_toggles import DropoutInEvalMode, FrozenNorms
from recipe_widgets.rules.non_linearity import GraphLinearity
from recipe_widgets.rules.norm_options import NormOptions
from recipe_widgets.rules.norm_options import norm_options as norm_options_rule
from recipe_widgets.rules.optimizer_covers_model import OptimizerContents
from recipe_widgets.rules.saturation import Saturation
from recipe_widgets.rules.texts import few
from recipe_widgets.watch.evidence import model_probes
from recipe_widgets.watch.evidence.layer_records import FrozenWeights
from recipe_widgets.watch.evidence.model_record import ModelRecord, parameter_names
from recipe_widgets.watch.evidence.observe_idle_networks import IdleNetworks
from recipe_widgets.watch.evidence.observe_registrations import Registrations
from recipe_widgets.watch.evidence.observe_sequences import SequenceLayers
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError
from recipe_widgets.watch.evidence.watched_run import RUNS_MODELS, Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation

_FEWEST_STEPS = 5  # before a parameter without a gradient is called silent
_FEWEST_SAMPLES, _FEWEST_SAMPLES_OF_RELU = 32, 128
_FEWEST_EQUAL_STEPS, _LATE_STEP = 4, 10
_FEWEST_FROZEN_STEPS = 10
_FEWEST_TIMES_SEEN = 2  # at which an orphan must have been seen


def _retained(run: WatchedRun) -> Iterator[tuple[ModelRecord, nn.Module]]:
    for model in run.records.models:
        module = run.records.models.retained.get(model.number)
        if module is not None:
            yield model, module


# structure


@builds(OptimizerContents)
def optimizer_contents(run: WatchedRun) -> Built:
    """Parameters that get gradients, stay as they are and are in no optimiser."""
    optimizers = run.records.optimizers
    held = optimizers.parameter_ids  # by now: an optimiser may be made, or be given more, later
    orphans = {
        key: one
        for key, one in run.records.layers.orphans.items() if key not in held
        and one.times_seen >= _FEWEST_TIMES_SEEN and one.first_sum == one.last_sum
    }
    if not any(one.gradients.steps or one.gradients.backwards for one in optimizers):
        return
    fresh = {key for key, one in orphans.items() if one.fresh}
    for model, module in _retained(run):
        names = parameter_names([module])
        unregistered = sorted(name for name, ids in model.unregistered.items() if ids & fresh)
        missing = [names[key] for key in orphans if key in names and key in fresh]
        # tensors that an optimiser holds, that never get a gradient, and that are not the model's
        foreign = {
            id(one): len(one.ids - one.gradients.with_gradient - set(names))
            for one in optimizers.stepped
        }
        stale = [one for one in optimizers.stepped if foreign[id(one)]]
        own = [one for one in optimizers.stepped if one.ids & set(names)]
        count = sum(foreign.values())
        last = (own or stale or list(optimizers))[-1]
        parameters, seen = dict(module.named_parameters()), run.observer(Registrations)
        newer = sum(seen.is_newer(parameters[name], last) for name in missing)
        if not (unregistered or missing) or (missing and not unregistered and not count
                                             and not own and not newer):
            continue
        on_purpose = not (unregistered or count or newer) and _are_whole_branches(
            names.values(), missing)
        yield OptimizerContents(
            len(set(names) & last.ids), missing, count, unregistered, whole_branches=on_purpose,
            newer=newer), model.line if unregistered else last.made_line


def _are_whole_branches(names: Any, missing: list[str]) -> bool:
    """Are the parameters that are left out whole branches directly under the model?"""
    tops = {name.partition(".")[0] for name in missing}
    return {name for name in names if name.partition(".")[0] in tops} == set(missing)


@builds(GraphLinearity)
def graph_linearity(run: WatchedRun) -> Built:
    for model, module in _retained(run):
        linear = [weighted for is_linear, weighted in model.graph_linearity if is_linear]
        # (in, out) of each layer with weights, in order
        widths = [(weight.shape[1], weight.shape[0]) for layer in module.modules()
                  if (weight := getattr(layer, "weight", None)) is not None and weight.ndim >= 2
                  and not hasattr(layer, "num_embeddings")]
        yield GraphLinearity(len(model.graph_linearity), linear, widths), model.line


@builds(TornAxes)
def torn_axes(run: WatchedRun) -> Built:
    for line, (old, new) in run.records.notable_calls.torn_axes.items():
        yield TornAxes(old, new), line


@builds(SignalSizes)
def equal_units(run: WatchedRun) -> Built:
    """Layers whose units were equal at several looks, and not only at the start."""
    layers = [
        layer for layer, steps in run.records.layers.equal_units.items()
        if len(steps) >= _FEWEST_EQUAL_STEPS and max(steps) >= _LATE_STEP
    ]
    if layers:
        yield SignalSizes(identical=layers), run.model_line


@builds(DropoutRate)
def dropout_rates(run: WatchedRun) -> Built:
    layers: dict[float, list[str]] = {}
    strong = run.records.layers.strong_dropouts
    for name, (rate, _) in strong.items():
        layers.setdefault(rate, []).append(name)
    for rate, names in layers.items():
        yield DropoutRate(few(names), rate), strong[names[0]][1]


@builds(DropoutInEvalMode)
def dropout_in_eval_mode(run: WatchedRun) -> Built:
    if run.are_rare(run.evaluations):
        for line, what in run.records.layers.dropout_in_eval.items():
            yield DropoutInEvalMode(what), line


@builds(FrozenNorms)
def frozen_norms(run: WatchedRun) -> Built:
    # frozen for a while only, as a GAN's discriminator is: then they get gradients at other times
    learn = run.records.optimizers.ids_with_gradient
    steps, now = run.observer(IdleNetworks).last_steps, run.records.progress.step

    def stay_frozen(one: FrozenWeights) -> bool:
        """They were trained before, and no optimiser that holds them has stepped since."""
        return now - one.since >= _FEWEST_FROZEN_STEPS and not any(
            steps.get(id(other), -1) > one.since
            for other in run.records.optimizers if other.ids & one.ids)

    norms = {
        name: one.line for name, one in run.records.layers.frozen_norms.items()
        if not one.ids & learn or stay_frozen(one)
    }
    for name in list(norms)[:1]:
        yield FrozenNorms(name, len(norms)), norms[name]


@builds(FrozenAtRandom)
def frozen_at_random(run: WatchedRun) -> Built:
    learn = run.records.optimizers.ids_with_gradient
    frozen = run.records.layers.frozen_random
    names = [name for name, one in frozen.items() if not one.ids & learn]
    if names:
        yield FrozenAtRandom(names, run.records.layers.adapted), frozen[names[0]].line


@builds(IdleFreezing)
def idle_freezings(run: WatchedRun) -> Built:
    """Attributes that torch does not know: of a module, or misspelt ones of a parameter."""
    learn = run.records.optimizers.ids_with_gradient
    for model, module in _retained(run):
        modules = [
            name for name, part in module.named_modules()
            if vars(part).get("requires_grad") is False
            and any(id(p) in learn for p in part.parameters())
        ]
        if modules:
            yield IdleFreezing(modules, "requires_grad"), model.line
        for name, p in module.named_parameters():
            misspelt = difflib.get_close_matches("requires_grad", vars(p), 1, 0.8)
            if misspelt and vars(p)[misspelt[0]] is False and id(p) in learn:
                yield IdleFreezing([name], misspelt[0]), model.line
                break


@builds(BiasesBeforeNorm)
def biases_before_norm(run: WatchedRun) -> Built:
    names = run.records.layers.biases_before_norm
    if names:
        yield BiasesBeforeNorm(sorted(names)), run.model_line


# activations


@builds(DeadUnits)
def dead_units(run: WatchedRun) -> Built:
    relus = [
        one for one in run.records.notable_calls.activations.values()
        if one.kind == "relu" and one.samples >= _FEWEST_SAMPLES_OF_RELU
    ]
    silent = {one.name: one.recently_silent(_FEWEST_SAMPLES_OF_RELU) for one in relus}
    if relus:
        worst = max(relus, key=lambda one: silent[one.name])
        shares = {name: share for name, (share, _) in silent.items()}
        yield DeadUnits(shares, silent[worst.name][1], run.records.losses.falls), worst.line


@builds(Saturation)
def saturation(run: WatchedRun) -> Built:
    bounded = [
        one for one in run.records.notable_calls.activations.values()
        if one.kind != "relu" and one.saturated and one.samples >= _FEWEST_SAMPLES
    ]
    shares = {one.name: sum(one.saturated) / len(one.saturated) for one in bounded}
    if bounded:
        yield Saturation(shares), max(bounded, key=lambda one: shares[one.name]).line


# probes of copies


def _mixing_line(run: WatchedRun, model: ModelRecord) -> SourceLocation | None:
    """The call that is likely to mix samples, or else the model's."""
    calls = run.records.notable_calls
    return next(iter([*calls.torn_axes, *calls.batch_softmax]), None) or model.line


@builds(MixedSamples, RUNS_MODELS)
def mixed_samples(run: WatchedRun) -> Built:
    sequences = run.observer(SequenceLayers)
    for model, module in _retained(run):
        if sequences.reads_single_sequences(model.number):
            continue
        mixed = None
        with run.tolerating(f"a probe of {model.name}"):
            mixed = model_probes.mixed_samples(model, module, run.check_time)
        if mixed is not None:
            yield mixed, _mixing_line(run, model)


def _leaks(run: WatchedRun, kind: type) -> Built:
    for model, module in _retained(run):
        leak = None
        with run.tolerating(f"a probe of {model.name}"):
            leak = model_probes.future_leak(model, module, run.check_time)
        if isinstance(leak, kind):
            yield leak, _mixing_line(run, model)


@builds(PlacedSamples, RUNS_MODELS)
def placed_samples(run: WatchedRun) -> Built:
    sequences = run.observer(SequenceLayers)
    for model, module in _retained(run):
        if sequences.reads_single_sequences(model.number):
            continue
        placed = None
        with run.tolerating(f"a probe of {model.name}"):
            mixed = model_probes.mixed_samples(model, module, run.check_time)
            # samples that are mixed are another finding
            if mixed is not None and batch_independence(mixed).ok:
                placed = model_probes.placed_samples(model, module, run.check_time)
        if placed is not None:
            yield placed, model.line


@builds(FutureLeak, RUNS_MODELS)
def future_leaks(run: WatchedRun) -> Built:
    yield from _leaks(run, FutureLeak)


@builds(CopiedInput, RUNS_MODELS)
def copied_inputs(run: WatchedRun) -> Built:
    yield from _leaks(run, CopiedInput)


@builds(NormOptions)
def norm_options(run: WatchedRun) -> Built:
    """The first unusual batch norm of each model that learns."""
    for model, module in _retained(run):
        for name, layer in module.named_modules():
            if isinstance(layer, batchnorm._BatchNorm) and layer.running_mean is not None:
                seen = NormOptions(f"{type(layer).__name__} {name}".strip(), float(layer.eps),
                                   layer.momentum)
                if norm_options_rule(seen).severity is not None:
                    yield seen, model.line
                    break


@builds(GradientReach, RUNS_MODELS)
def layers_without_gradient(run: WatchedRun) -> Built:
    """Layers in use that never get a gradient."""
    for model, module in _retained(run):
        # after a few steps every layer in use has had a gradient, were it ever to get one
        holding = [
            one for one in run.records.optimizers
            if one.ids & model.ids and one.gradients.steps >= _FEWEST_STEPS
        ]
        held = {key for one in holding for key in one.ids}
        with_gradient = {key for one in holding for key in one.gradients.with_gradient}
        parameters = dict(module.named_parameters())
        silent = {
            name: p
            for name, p in parameters.items()
            if p.requires_grad and p.grad is None and id(p) in held - with_gradient
            and name.rpartition(".")[0] in model.called | {""}
        }
        if not silent or len(silent) == len(parameters):
            continue
        changing = []
        with run.tolerating(f"a probe of {model.name}"):
            changing = model_probes.changes_output(model, module, list(silent), run.check_time)
        if changing:
            initial = any(run.records.layers.is_initial(silent[name]) for name in changing)
            # the line of a detach inside the model is the likely cause
            detached = next(iter(run.records.notable_calls.detached), None)
            yield GradientReach(changing, pretrained=not initial), detached or model.line


@builds(CustomDerivative, RUNS_MODELS)
def custom_derivatives(run: WatchedRun) -> Built:
    for function, (inputs, line) in run.records.notable_calls.functions.items():
        wrong = None
        # a function that takes no doubles, for example, is not looked at
        with run.tolerating(f"a probe of {function.__name__}"), \
                contextlib.suppress(ScriptObjectError):
            wrong = model_probes.wrong_derivative(function, inputs, run.check_time)
        if wrong is not None:
            yield CustomDerivative(function.__name__, wrong), line
