"""Every epoch draws all samples, in an order of its own.

What it finds
    A sampler whose set_epoch is never called (DistributedSampler), or whose generator is set back,
    so that each epoch has the same order; a WeightedRandomSampler with fewer weights than samples
    (one a class instead of one a sample); a loader that is started anew for each batch, so that
    only its first one is ever seen; an iterator that is used again after its end.
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
from typing import Literal

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.rules.rulebook import Rule, rule


@dataclass(frozen=True)
class SampleOrder:
    """What is amiss with the order of one loader.

    Attributes:
        kind: "set_epoch": never called. "seed": the generator is set back for each epoch.
            "weights": fewer than samples. "first": only the first batch is ever seen.
            "over": an iterator is used after its end.
        times: epochs, weights, starts, or uses after the end. samples: of the data set, or batches
            of an epoch.
        sampler: name of its class.
    """

    kind: Literal["set_epoch", "seed", "weights", "first", "over"]
    times: int
    samples: int = 0
    sampler: str = ""


@rule(worst="error", source="PyTorch, torch.utils.data")
def sample_order(rule: Rule[SampleOrder], seen: SampleOrder) -> CheckResult:
    rule = rule.about(measured=seen.times)
    if seen.kind == "set_epoch":
        return rule.fails(
            f"set_epoch of {seen.sampler} is never called: each of {seen.times} epochs has the same "
            "order", unit="epochs", advice="sampler.set_epoch(epoch) before each epoch.")
    if seen.kind == "seed":
        return rule.warns(
            f"the generator of {seen.sampler} is set back for each of {seen.times} epochs: they all "
            "have the same order", unit="epochs", advice="Seed once, before the loop.")
    if seen.kind == "weights":
        return rule.fails(
            f"{seen.sampler} has {seen.times} weights for {seen.samples} samples: only the first "
            f"{seen.times} samples are ever drawn", expected=seen.samples, unit="weights",
            advice="One weight for each sample: class_weights[labels].")
    if seen.kind == "first":
        return rule.warns(
            f"the loader is started anew {seen.times} times and gives one batch each time: without "
            f"shuffling that is always the first of {seen.samples}", unit="starts",
            advice="Make the iterator once an epoch: for x, y in loader.")
    return rule.warns(
        f"an iterator over a loader is used again {seen.times} times after its end, and gives "
        "nothing", unit="times", advice="iter(loader) once for each epoch.")
