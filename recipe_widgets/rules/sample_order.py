"""Every epoch draws all samples, in an order of its own.

What it finds
    A sampler whose set_epoch is never called (DistributedSampler), or whose generator is set back
    (by torch.manual_seed in an evaluation, too), so that each epoch has the same order; a
    WeightedRandomSampler with fewer weights than samples (one a class instead of one a sample); a
    loader that is started anew for each batch, so that only its first one is ever seen; an iterator
    that is used again after its end.
Why it hurts
    The same batches in the same order teach less than new ones. The others leave out most of the
    data, without a word: the loss falls, on a few samples.
How to mend
    sampler.set_epoch(epoch) before each epoch; weights[labels] for the sampler; make the iterator
    once an epoch: for x, y in loader.
When it stays silent
    When an order without shuffling was asked for, when a batch is taken once and trained on again
    and again (a test of the loop), and in a run of one epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class UnsetEpoch:
    """A sampler whose set_epoch is never called. sampler: its class."""

    sampler: str
    epochs: int


@rule(worst="error", source="PyTorch, torch.utils.data")
def sample_order(rule: Rule[UnsetEpoch], seen: UnsetEpoch) -> CheckResult:
    return rule.fails(
        f"set_epoch of {seen.sampler} is never called: each of {seen.epochs} epochs has the same "
        "order", measured=seen.epochs, unit="epochs",
        advice="sampler.set_epoch(epoch) before each epoch.")


@dataclass(frozen=True)
class RepeatedOrder:
    """A sampler whose generator is set back for each epoch. sampler: its class."""

    sampler: str
    epochs: int


@sample_order.register
def repeated_order(rule: Rule[UnsetEpoch], seen: RepeatedOrder) -> CheckResult:
    return rule.warns(
        f"the generator of {seen.sampler} is set back for each of {seen.epochs} epochs: they all "
        "have the same order", measured=seen.epochs, unit="epochs",
        advice="Seed once, before the loop; an evaluation gets a torch.Generator of its own.")


@dataclass(frozen=True)
class TooFewWeights:
    """A weighted sampler with fewer weights than its data set has samples. sampler: its class."""

    sampler: str
    weights: int
    samples: int


@sample_order.register
def too_few_weights(rule: Rule[UnsetEpoch], seen: TooFewWeights) -> CheckResult:
    return rule.fails(
        f"{seen.sampler} has {seen.weights} weights for {seen.samples} samples: only the first "
        f"{seen.weights} samples are ever drawn", measured=seen.weights, expected=seen.samples,
        unit="weights", advice="One weight for each sample: class_weights[labels].")


@dataclass(frozen=True)
class FirstBatchOnly:
    """A loader that is started anew for each batch. batches: of an epoch."""

    starts: int
    batches: int


@sample_order.register
def first_batch_only(rule: Rule[UnsetEpoch], seen: FirstBatchOnly) -> CheckResult:
    return rule.warns(
        f"the loader is started anew {seen.starts} times and gives one batch each time: without "
        f"shuffling that is always the first of {seen.batches}", measured=seen.starts,
        unit="starts", advice="Make the iterator once an epoch: for x, y in loader.")


@dataclass(frozen=True)
class ExhaustedIterator:
    """An iterator over a loader that is used after its end. uses: after it."""

    uses: int


@sample_order.register
def exhausted_iterator(rule: Rule[UnsetEpoch], seen: ExhaustedIterator) -> CheckResult:
    return rule.warns(
        f"an iterator over a loader is used again {seen.uses} times after its end, and gives "
        "nothing", measured=seen.uses, unit="times", advice="iter(loader) once for each epoch.")
