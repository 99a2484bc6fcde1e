"""In which order loaders give their samples, from epoch to epoch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch.utils.data import (
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    WeightedRandomSampler,
)

from recipe_widgets.rules.sample_order import (
    ExhaustedIterator,
    FirstBatchOnly,
    RepeatedOrder,
    TooFewWeights,
    UnsetEpoch,
)
from recipe_widgets.watch.evidence.loader_record import LoaderRecord
from recipe_widgets.watch.evidence.observer import Observer
from recipe_widgets.watch.evidence.recorder import Recorder
from recipe_widgets.watch.evidence.watched_run import Built, WatchedRun, builds
from recipe_widgets.watch.instrument.source_location import SourceLocation

_FEWEST_EPOCHS, _FEWEST_SEEDED, _FEWEST_STARTS = 2, 3, 5
_FEWEST_USES = 2  # after the end; one more is how a loop notices it
_MOST_EPOCHS = 5000
_FEW_WEIGHTS = 0.5  # of the samples
_MOST_OF_THEM = 0.5  # of the epochs


@dataclass(eq=False)
class _Epoch:
    """One iteration over a loader.

    Attributes:
        number: of the loader. order: what decides the order. epoch: that of the sampler.
        optimizers: made so far. trained: batches of the loader that were trained on before it.
        batches: that it has given. ends: how often it said that it is over.
    """

    number: int
    order: Any
    epoch: int | None
    optimizers: int
    trained: int
    batches: int = 0
    ends: int = 0


@dataclass(frozen=True)
class _Sampler:
    """A loader's sampler. kind: name of its class."""

    kind: str
    shuffles: bool
    random: bool
    sequential: bool
    weights: int = 0


class LoaderOrder(Observer):
    """samplers: by number of the loader. epochs: of all loaders, in order."""

    def __init__(self, records: Recorder) -> None:
        super().__init__(records)
        self.samplers: dict[int, _Sampler] = {}
        self.epochs: list[_Epoch] = []

    def loader_made(self, loader: Any) -> None:
        sampler = _sampler_of(loader)
        weighted = isinstance(sampler, WeightedRandomSampler)
        self.samplers[len(self.records.loaders.records)] = _Sampler(
            type(sampler).__name__,
            # of others with set_epoch nobody knows where their order comes from
            isinstance(sampler, DistributedSampler) and sampler.shuffle,
            isinstance(sampler, (RandomSampler, WeightedRandomSampler)),
            isinstance(sampler, SequentialSampler), len(sampler.weights) if weighted else 0)

    def loader_iterated(self, loader: Any, iterator: Any) -> None:
        number = getattr(iterator, "_recipe_number", 0)
        if not number or len(self.epochs) >= _MOST_EPOCHS:
            return
        sampler = _sampler_of(loader)
        generator = getattr(sampler, "generator", None)
        # the seed of the workers is drawn right before the order is
        order = (getattr(iterator, "_base_seed", None),
                 generator.get_state().numpy().tobytes() if generator is not None else b"")
        epoch = getattr(sampler, "epoch", None)
        one = _Epoch(number, order, epoch if isinstance(epoch, int) else None,
                     len(self.records.optimizers), self.records.loaders.records[number - 1].trained)
        self.epochs.append(one)
        iterator._recipe_epoch = one

    def batch_loaded(self, iterator: Any) -> None:
        one = getattr(iterator, "_recipe_epoch", None)
        if one is not None:
            one.batches += 1

    def loader_exhausted(self, iterator: Any) -> None:
        one = getattr(iterator, "_recipe_epoch", None)
        if one is not None:
            one.ends += 1


def _sampler_of(loader: Any) -> Any:
    """The one that decides the order: of samples, or of whole batches."""
    batches = getattr(loader, "batch_sampler", None)
    if hasattr(batches, "set_epoch"):
        return batches
    return getattr(batches, "sampler", None) or getattr(loader, "sampler", None)


Epochs = list[_Epoch]


def _iterated(run: WatchedRun) -> Iterator[tuple[LoaderRecord, _Sampler, Epochs]]:
    """Loaders with their samplers and epochs."""
    observer = run.observer(LoaderOrder)
    for loader in run.records.loaders.records:
        sampler = observer.samplers.get(loader.number)
        epochs = [one for one in observer.epochs if one.number == loader.number]
        if sampler is not None and epochs:
            yield loader, sampler, epochs


@builds(TooFewWeights)
def too_few_weights(run: WatchedRun) -> Built:
    for loader, sampler, _ in _iterated(run):
        if 0 < sampler.weights < _FEW_WEIGHTS * loader.samples and loader.trained:
            yield TooFewWeights(sampler.kind, sampler.weights, loader.samples), loader.line


@builds(UnsetEpoch)
def unset_epochs(run: WatchedRun) -> Built:
    for loader, sampler, epochs in _iterated(run):
        for same_run in _by_optimizer(_trained(epochs, loader.trained)):
            numbers = {one.epoch for one in same_run}
            if sampler.shuffles and len(same_run) >= _FEWEST_EPOCHS and None not in numbers \
                    and len(numbers) == 1:
                yield UnsetEpoch(sampler.kind, len(same_run)), loader.line


@builds(RepeatedOrder)
def repeated_orders(run: WatchedRun) -> Built:
    if _is_told(run):
        return
    for loader, sampler, epochs in _iterated(run):
        for same_run in _by_optimizer(_trained(epochs, loader.trained)):
            orders = [one.order for one in same_run]
            times = max((len(list(group)) for _, group in itertools.groupby(orders)), default=0)
            # the first epoch may come before the first seeding
            if sampler.random and times >= max(_FEWEST_SEEDED, _MOST_OF_THEM * len(orders)):
                yield RepeatedOrder(sampler.kind, times), _seeding_line(run) or loader.line


def _is_told(run: WatchedRun) -> bool:
    """Is a seed set right before training passes? Another rule tells that, with its line."""
    numbers = run.records.random_numbers
    return any(all((line, step) in numbers.used_in_training for step, _ in calls)
               for (_, line), calls in numbers.seeds.items())


def _seeding_line(run: WatchedRun) -> SourceLocation | None:
    """Where torch's seed is set again and again."""
    return next((line for (name, line), calls in run.records.random_numbers.seeds.items()
                 if name == "manual_seed" and len(calls) >= _FEWEST_SEEDED - 1), None)


@builds(FirstBatchOnly)
def first_batches(run: WatchedRun) -> Built:
    for loader, sampler, epochs in _iterated(run):
        trained = _trained(epochs, loader.trained)
        starts = [one for one in trained if one.batches == 1]
        if sampler.sequential and loader.batches > 1 and len(starts) >= _FEWEST_STARTS \
                and len(starts) == len(trained):
            yield FirstBatchOnly(len(starts), loader.batches), loader.line


@builds(ExhaustedIterator)
def exhausted_iterators(run: WatchedRun) -> Built:
    for loader, _, epochs in _iterated(run):
        uses = sum(max(0, one.ends - 1) for one in epochs)
        if uses >= _FEWEST_USES:
            yield ExhaustedIterator(uses), loader.line


def _trained(epochs: Epochs, total: int) -> Epochs:
    """Those of which batches were trained on."""
    after = [*(one.trained for one in epochs[1:]), total]
    return [one for one, end in zip(epochs, after, strict=True) if end > one.trained]


def _by_optimizer(epochs: Epochs) -> list[Epochs]:
    """Experiments that follow one another each have an optimiser, and may each seed."""
    return [list(group) for _, group in itertools.groupby(epochs, lambda one: one.optimizers)]
