"""Evidence about samples, labels, random numbers and printed metrics."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from recipe_widgets.rules.augmentation_keeps_label import MirroredClasses
from recipe_widgets.rules.class_balance import ClassCounts
from recipe_widgets.rules.input_range import InputStatistics
from recipe_widgets.rules.label_alignment import BatchFlip, RepeatedLabels
from recipe_widgets.rules.label_errors import ClassConfusions, NeighbourLabels
from recipe_widgets.rules.metric_recount import PrintedLoss, PrintedMetric
from recipe_widgets.rules.random_numbers import RepeatedNumbers
from recipe_widgets.rules.split_leak import ALL, SharedSamples
from recipe_widgets.rules.train_eval_preprocessing import (
    RepeatedEvaluation,
    TrainAndEvaluationInputs,
)
from recipe_widgets.rules.training_evidence import LossPass, ProbeAccuracies, TrainingLabels
from recipe_widgets.watch.evidence import data_probes
from recipe_widgets.watch.evidence.evaluation_phase import EvaluationPhase
from recipe_widgets.watch.evidence.forward_pass import ForwardPass
from recipe_widgets.watch.evidence.input_statistics import RunningStatistics
from recipe_widgets.watch.evidence.loader_record import LoaderRecord
from recipe_widgets.watch.evidence.observe_optimizers import OptimizerLives
from recipe_widgets.watch.evidence.sample_hash import SampleHashes
from recipe_widgets.watch.evidence.sample_records import Labels
from recipe_widgets.watch.evidence.script_objects import ScriptObjectError
from recipe_widgets.watch.evidence.watched_run import (
    FITS_NETS,
    READS_SAMPLES,
    RUNS_MODELS,
    Built,
    WatchedRun,
    builds,
)
from recipe_widgets.watch.instrument.source_location import SourceLocation

_FEWEST_COMPARED = 60  # samples, of training and of evaluation
_OTHER_DOMAIN = 0.25  # standard deviations, or logarithm of spreads, between inputs of one training
_FEWEST_LABELS, _MOST_CLASSES = 200, 100
_FEWEST_EVALUATION_LABELS, _MISSING_SHARE = 30, 0.02  # before a class is said to be missing
_EXPECTED_OF_MISSING = 12  # training samples that a missing class ought to have had by chance
_CHANCE_COPIES, _CHANCE_SHARE = 0.02, 0.05  # where equal samples may be chance
_FEWEST_TO_PROBE, _FEWEST_EVALUATED = 150, 100
_MOST_CLASSES_TO_PROBE = 100
_WEAK_ACCURACY = 0.7
_FEWEST_FLIPPED = 80
# Of training samples that are changed at random: share that comes out unchanged; share that is new.
_RARE_MATCH, _ALL_NEW = 0.01, 0.95
_CLEAN_SHARE, _FEWEST_CLEAN = 0.01, 10  # an evaluation without training samples
# Share of an evaluation's samples that come in another one, too, if both read one set.
_SAME_SET, _MOST_COMPARED = 0.5, 6
_EPOCHS_TO_REPEAT = 3
_FEWEST_FOLD, _FOLD_SHARE = 20, 0.2  # samples of a fold; of those trained on, lately
_FEWEST_SPLITS = 2  # whose evaluation was trained on before: the folds of a cross-validation
_SEEN_AGAIN = 2.5  # times that a sample came, on average: the epochs are the same

Round = tuple[EvaluationPhase, list[ForwardPass]]


# inputs


@builds(InputStatistics)
def first_layer_inputs(run: WatchedRun) -> Built:
    """What enters the first layer with weights."""
    seen = run.records.layers.first_inputs
    if seen.low is not None and seen.high is not None and seen.samples >= 2:
        low, high = seen.low.cpu().numpy(), seen.high.cpu().numpy()
        yield InputStatistics(seen.mean, seen.std, low, high, samples=seen.samples,
                              image=seen.is_picture), run.records.layers.first_input_line


@builds(TrainAndEvaluationInputs)
def train_and_evaluation_inputs(run: WatchedRun) -> Built:
    evaluation = run.records.samples.eval_inputs
    trained = [one for one in run.records.samples.train_inputs.values()
               if one.samples >= _FEWEST_COMPARED]
    if evaluation.samples < _FEWEST_COMPARED or run.several_models or _are_domains(trained):
        return
    lines = (phase.line for phase in run.records.evaluations.phases
             if phase.passes and phase.passes[0].from_data)
    for train in trained[:1]:
        yield TrainAndEvaluationInputs(
            train.mean, train.std, evaluation.mean, evaluation.std,
            min(train.samples, evaluation.samples), train.is_picture), next(lines, None)


def _are_domains(trained: list[RunningStatistics]) -> bool:
    """Do inputs of several kinds enter the training side by side, as in domain adaptation? Then an
    evaluation may be of any of them.
    """
    def gap(one: RunningStatistics, other: RunningStatistics) -> float:
        shift = np.abs(one.mean - other.mean) / max(float(one.std.max()), 1e-9)
        spread = np.abs(np.log((one.std + 1e-9) / (other.std + 1e-9)))
        return float(max(np.median(shift), np.median(spread)))

    return any(one.mean.shape != trained[0].mean.shape or gap(one, trained[0]) > _OTHER_DOMAIN
               for one in trained[1:])


# labels


@builds(TrainingLabels)
def training_labels(run: WatchedRun) -> Built:
    batches = run.records.samples.train_labels
    if not batches or run.several_models:
        return
    weighted = any(_weighs_samples(passes) for passes in run.records.losses.by_line.values())
    of_evaluation = [
        one.labels for phase in run.records.evaluations.phases for one in phase.passes
        if one.labels is not None
    ]
    evaluation = np.concatenate(of_evaluation) if of_evaluation else np.zeros(0, np.int64)
    yield TrainingLabels(batches, evaluation, weighted), run.data_line


def _weighs_samples(passes: Sequence[LossPass]) -> bool:
    """Does the loss weigh classes, or samples, as a focal loss does? Then its gradient is no multiple
    of that of the mean.
    """
    of_classes = [one for one in passes if one.kind != "regression" and not one.zero]
    uneven = [one for one in of_classes if one.scale is None]
    return any(one.weighted for one in passes) or len(uneven) > 0.5 * len(of_classes)


@builds(ClassCounts)
def class_counts(run: WatchedRun) -> Built:
    for labels, line in training_labels(run):
        train, evaluation = labels.all, labels.evaluation
        least, classes = int(train.min()), int(train.max()) - int(train.min()) + 1
        if len(train) >= _FEWEST_LABELS and 2 <= classes <= _MOST_CLASSES:
            both = [train, evaluation] if _lacks_classes(train, evaluation) else [train]
            width = max(int(one.max()) for one in both) - least + 1
            counts = [np.bincount(np.maximum(one - least, 0), minlength=width) for one in both]
            yield ClassCounts(dict(zip(("training", "evaluation"), counts, strict=False)),
                              tuple(map(str, range(least, least + width))), complete=False,
                              weighted=labels.weighted), line


def _lacks_classes(train: Labels, evaluation: Labels) -> bool:
    """Does the evaluation hold classes that the training ought to have shown by now?"""
    if len(evaluation) < _FEWEST_EVALUATION_LABELS:
        return False
    missing = np.setdiff1d(evaluation, train)
    share = float(np.isin(evaluation, missing).mean())
    expected = len(train) * share / max(1, len(missing))
    return share >= _MISSING_SHARE and expected >= _EXPECTED_OF_MISSING


@builds(RepeatedLabels)
def repeated_labels(run: WatchedRun) -> Built:
    """Of each model by itself: another one may be trained on other labels on purpose."""
    for pairs in run.records.samples.hashed_labels.values():
        if not run.several_models:
            yield _repeated_labels(pairs), run.data_line


def _repeated_labels(pairs: list[tuple[SampleHashes, Labels]]) -> RepeatedLabels:
    hashes, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    _, index, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    bounds = np.iinfo(np.int64)
    low, high = np.full(len(counts), bounds.max), np.full(len(counts), bounds.min)
    np.minimum.at(low, index, labels)  # smallest and largest label of each different sample
    np.maximum.at(high, index, labels)
    copies = max(1 - len(np.unique(batch)) / max(1, len(batch)) for batch, _ in pairs)
    again = counts > 1
    return RepeatedLabels(int(again.sum()), int((again & (low != high)).sum()), copies)


# evaluations


def _rounds(run: WatchedRun) -> list[Round]:
    """Rounds over an evaluation's set whose samples are all known."""
    trained = run.records.models.trained_numbers
    return [(phase, passes) for phase in run.records.evaluations.phases
            for passes in phase.rounds()
            if passes[0].model in trained and passes[0].from_data and all(
                one.hashes is not None for one in passes)]


def _measuring(rounds: list[Round]) -> list[Round]:
    """Those at places where something is counted or printed: training samples may well be looked at,
    as reconstructions are.
    """
    places = {passes[0].line for phase, passes in rounds
              if phase.printed or any(one.hits is not None for one in passes)}
    return [(phase, passes) for phase, passes in rounds if passes[0].line in places]


def _hashes(passes: list[ForwardPass]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([one.hashes for one in passes if one.hashes is not None])


class _TrainedSamples:
    """The samples that one model was trained on, and when."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._batches: list[SampleHashes] = []

    def add(self, step: int, hashes: SampleHashes) -> None:
        self._steps.append(step)
        self._batches.append(hashes)

    @functools.cached_property
    def _first_steps(self) -> tuple[SampleHashes, npt.NDArray[np.int64]]:
        """Different samples in order, and the step at which each of them came first."""
        different, places = np.unique(np.concatenate(self._batches), return_index=True)
        steps = np.repeat(np.asarray(self._steps), [len(batch) for batch in self._batches])
        return different, steps[places]

    def count_before(self, end: int, own: SampleHashes) -> tuple[int, int]:
        """How many of `own`, and how many at all, were trained on before a step."""
        if not self._batches:
            return 0, 0
        different, first = self._first_steps
        place = np.searchsorted(different, own).clip(max=len(different) - 1)
        known = (different[place] == own) & (first[place] < end)
        return int(known.sum()), int((first < end).sum())

    @functools.cached_property
    def are_all_new(self) -> bool:
        """Is nearly every sample seen once only, as where each is changed at random?"""
        return bool(self._batches) and len(self._first_steps[0]) >= _ALL_NEW * sum(map(len, self._batches))

    def between(self, first: int, end: int) -> SampleHashes:
        """Different samples of the batches of these steps."""
        batches = [hashes for step, hashes in zip(self._steps, self._batches, strict=True)
                   if first <= step < end]
        return np.unique(np.concatenate([self._batches[0][:0], *batches]))


@builds(SharedSamples)
def sample_overlaps(run: WatchedRun) -> Built:
    yield from _overlaps_by_index(run)
    yield from _overlaps_by_hash(run)


def _overlaps_by_hash(run: WatchedRun) -> Built:
    rounds, batches = _measuring(_rounds(run)), run.records.samples.train_hashes
    if not batches or not rounds or not run.are_rare([phase for phase, _ in rounds]):
        return
    # by the model: what one fold of a cross-validation trains on is another fold's validation
    by_model: dict[tuple[int, int], _TrainedSamples] = defaultdict(_TrainedSamples)
    for (number, hashes), (generation, step) in zip(
            batches, run.records.samples.train_passes, strict=True):
        by_model[number, generation].add(step, hashes)
    sets = [np.unique(_hashes(passes)) for _, passes in rounds]
    at_one_place: dict[Any, list[SampleHashes]] = {}
    counts, folds = [], dict[tuple[int, int], list[SampleHashes]]()
    for (phase, passes), own in zip(rounds, sets, strict=True):
        at_one_place.setdefault((passes[0].model, passes[0].line), []).append(own)
        key = passes[0].model, passes[0].generation
        of_model = by_model[key]
        count, size = of_model.count_before(phase.step, own)  # what is trained on later is no leak
        if count > ALL * len(own) and len(own) >= _FEWEST_FOLD:
            before = max((other.step for other, _ in rounds if other.step < phase.step), default=0)
            recent = of_model.between(before, phase.step)
            if not np.isin(own, recent).any() and len(recent) >= _FOLD_SHARE * size:
                known = folds.setdefault(key, [])
                if not any(np.isin(own, one).any() for one in known[:_MOST_COMPARED]):
                    known.append(own)
                if len(known) == _FEWEST_SPLITS:
                    yield _shared(count, len(own), size, earlier=True), phase.line
                    return
        counts.append((phase, passes, own, count, size))
    continuous = _inputs_are_continuous(run)
    clean = any(shared <= _CLEAN_SHARE * len(own) and len(own) >= _FEWEST_CLEAN
                for _, _, own, shared, _ in counts)
    for phase, passes, own, shared, size in counts:
        samples = sum(one.samples for one in passes)
        copies = 1 - len(own) / samples
        by_chance = not continuous and (copies > _CHANCE_COPIES
                                        or shared < max(_CHANCE_SHARE, 5 * copies) * len(own)
                                        or shared <= 2 * _equal_by_chance(samples, len(own), size))
        same_place = at_one_place[passes[0].model, passes[0].line]
        of_model = by_model[passes[0].model, passes[0].generation]
        # training pictures that are changed at random now and then come out unchanged
        rare_match = clean and of_model.are_all_new and shared < _RARE_MATCH * size
        if not (by_chance or rare_match or _is_drawn_anew(own, same_place)
                or _training_apart(of_model, phase.step, passes)):
            yield _shared(shared, len(own), size, clean), phase.line


def _training_apart(trained: _TrainedSamples, end: int, passes: list[ForwardPass]) -> bool:
    """Does each call of the model get training samples only, or none of them? Then the accuracy on
    both is wanted, one beside the other.
    """
    shares = [trained.count_before(end, own)[0] / len(own)
              for own in (np.unique(_hashes([one])) for one in passes) if len(own)]
    return len(shares) > 1 and min(shares) == 0 and all(one in (0, 1) for one in shares)


def _equal_by_chance(samples: int, distinct: int, train_size: int) -> float:
    """How many samples of an evaluation may be expected to have an equal in the training set.

    Equal pairs among the evaluation's own samples, one more than were found, give the chance that
    two samples are equal.
    """
    pairs = max(1.0, samples * (samples - 1) / 2)
    return (samples - distinct + 1) / pairs * samples * train_size


def _is_drawn_anew(own: SampleHashes, same_place: list[SampleHashes]) -> bool:
    """Do the other evaluations at this place have other samples? Then it is an estimate from random
    samples, as of the training loss, and no set that was held out.
    """
    others = [one for one in same_place if one is not own][:_MOST_COMPARED]
    return bool(others) and all(np.isin(own, one).mean() < _SAME_SET for one in others)


def _shared(shared: int, size: int, trained: int, another_is_clean: bool = False,
            earlier: bool = False) -> SharedSamples:
    return SharedSamples(shared, size, names=("the training set", "the evaluation"), train_size=trained,
                         another_is_clean=another_is_clean, earlier=earlier)


def _overlaps_by_index(run: WatchedRun) -> Built:
    """Loaders of training and of evaluation that read the same samples of one data set."""
    loaders = [one for one in run.records.loaders.records if _is_indexable(one)]
    found: list[tuple[SharedSamples, SourceLocation | None]] = []
    clean, splits = False, 0
    for test in (one for one in loaders if one.evaluated and not one.trained):
        pairs = []  # (first training step, shared, of the evaluation, of the training)
        for train in (one for one in loaders if _was_used_before(one, test)):
            with run.tolerating("comparing data sets"), contextlib.suppress(ScriptObjectError):
                of_train, trained = data_probes.dataset_and_indices(train)
                of_test, tested = data_probes.dataset_and_indices(test)
                if data_probes.same_samples(of_train, of_test):
                    first = min(step for step, _ in train.trained_by.values())
                    pairs.append((first, len(set(trained) & set(tested)), len(set(tested)),
                                  len(set(trained))))
        earlier = len(pairs) > 1 and not max(pairs)[1]  # the newest has none of them
        found += [(_shared(shared, size, trained_size, earlier=earlier), test.line)
                  for _, shared, size, trained_size in pairs]
        clean = clean or not any(shared for _, shared, _, _ in pairs)
        splits += earlier and any(shared for _, shared, _, _ in pairs)
    for seen, line in found:
        yield dataclasses.replace(seen, another_is_clean=clean,
                                  earlier=seen.earlier and splits >= _FEWEST_SPLITS), line


def _was_used_before(train: LoaderRecord, test: LoaderRecord) -> bool:
    """Was a model trained on the one before it was evaluated on the other for the last time?"""
    return any(key in test.evaluated_by and first < test.evaluated_by[key][1]
               for key, (first, _) in train.trained_by.items())


def _is_indexable(loader: LoaderRecord) -> bool:
    return loader.dataset is not None and hasattr(loader.dataset, "__getitem__")


def _inputs_are_continuous(run: WatchedRun) -> bool:
    """Are the inputs numbers that no two samples share by chance?"""
    samples = run.records.samples
    stored = samples.train_store.distinct() or samples.eval_store.distinct()
    if stored is None or not stored[0].is_floating_point():
        return False
    x = stored[0][:200].flatten(1)  # (N, D)
    different = float(np.mean([len(row.unique()) for row in x[:20]]))
    narrow = 2 <= x.shape[1] < 12  # a table of few columns
    return different >= 12 or (narrow and len(x.unique()) > 0.5 * x.numel())


@builds(RepeatedEvaluation, RUNS_MODELS)  # it reads the data set again
def repeated_evaluations(run: WatchedRun) -> Built:
    rounds = _rounds(run)
    if run.records.samples.train_hashes and run.are_rare([phase for phase, _ in rounds]):
        yield from _rounds_with_same_labels(rounds)
    for loader in run.records.loaders.records if run.own_process else ():
        if _is_indexable(loader) and loader.evaluated and not loader.trained and not loader.workers:
            with run.tolerating(f"reading {type(loader.dataset).__name__} again"), \
                    contextlib.suppress(ScriptObjectError):
                yield RepeatedEvaluation(*data_probes.changing_items(loader, run.check_time)), loader.line


def _rounds_with_same_labels(rounds: list[Round]) -> Built:
    first: dict[bytes, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
    # as many samples that do stay the same: then random views are looked at beside them
    times = Counter(hashes for _, passes in rounds
                    for hashes in {_hashes(part).tobytes() for part in (passes, *([one] for one in passes))})
    repeated = {len(hashes) for hashes, count in times.items() if count > 1}
    for phase, passes in rounds:
        known = [one.labels for one in passes if one.labels is not None]
        if len(known) < len(passes):
            continue
        labels, hashes = np.concatenate(known), _hashes(passes)
        if len(np.unique(labels)) >= 2 and len(labels) >= 16 and hashes.nbytes not in repeated:
            before = first.setdefault(labels.tobytes(), hashes)
            if len(before) == len(hashes):
                yield RepeatedEvaluation(float((before != hashes).mean()), len(hashes)), phase.line


@builds(PrintedMetric)
def printed_metrics(run: WatchedRun) -> Built:
    for phase in run.records.evaluations.phases:
        rounds = [
            passes for passes in phase.rounds()
            if len(passes) > 1 and all(one.hits is not None for one in passes)
        ]
        shares = [
            sum(one.hits or 0 for one in passes) / sum(one.samples for one in passes)
            for passes in rounds
        ]
        for passes, share in zip(rounds, shares, strict=True):
            sizes = np.array([one.samples for one in passes])
            hits = np.array([one.hits or 0 for one in passes])
            if len(set(sizes.tolist())) == 1:  # then all slips give the right number
                continue
            slips = {
                "the mean of the batches' accuracies, although the last batch is smaller":
                float((hits / sizes).mean()),
                "the hits over batches × batch size, although the last batch is smaller":
                float(hits.sum() / (len(sizes) * sizes.max()))
            }
            for number in phase.printed:
                yield PrintedMetric(number.value, number.digits, (share, *shares), slips,
                                    len(phase.printed)), number.line


@builds(PrintedLoss)
def printed_losses(run: WatchedRun) -> Built:
    for phase in run.records.evaluations.phases:
        if len(phase.losses) < 2 or not phase.printed:
            continue
        means, samples = (np.array(part) for part in zip(*phase.losses, strict=True))
        total = float((means * samples).sum())
        right = (total / float(samples.sum()), float(means.mean()), float(means.sum()), total,
                 *means.tolist())
        for number in phase.printed:
            yield PrintedLoss(number.value, number.digits, right,
                              float(means.sum() / samples.sum())), number.line


# random numbers


@builds(RepeatedNumbers, RUNS_MODELS)  # it reads an item of the data set
def repeated_numbers(run: WatchedRun) -> Built:
    yield from _repeated_draws(run)
    yield from _repeated_seeds(run)
    yield from _copied_generators(run)


def _repeated_draws(run: WatchedRun) -> Built:
    random_numbers, samples = run.records.random_numbers, run.records.samples
    if samples.times_seen <= _SEEN_AGAIN:
        return
    for line, draws in random_numbers.draws.items():
        epochs: dict[int, list[int]] = {}
        for step, numbers in draws:
            if (line, step) in random_numbers.used_in_training:
                epochs.setdefault(step, []).append(numbers)
        if set(epochs) <= _beginnings(run):
            continue
        drawn = [tuple(numbers) for _, numbers in sorted(epochs.items())]
        times = max((len(list(group)) for _, group in itertools.groupby(drawn)), default=0)
        # the first epoch may come before the first seeding
        if times >= max(_EPOCHS_TO_REPEAT, len(drawn) - 1):
            yield RepeatedNumbers("drawn", times), line
            return


def _repeated_seeds(run: WatchedRun) -> Built:
    random_numbers = run.records.random_numbers
    if not run.records.samples.train_hashes:
        return
    for (name, line), calls in random_numbers.seeds.items():
        steps, seeds = {step for step, _ in calls}, {seed for _, seed in calls}
        used = all((line, step) in random_numbers.used_in_training for step in steps)
        if steps <= _beginnings(run):
            continue
        if len(steps) >= _EPOCHS_TO_REPEAT and len(seeds) == 1 and used:
            yield RepeatedNumbers("seeded", len(calls), f"{name}({calls[0][1]})"), line


def _beginnings(run: WatchedRun) -> set[int]:
    """Steps at which an experiment with a model of its own begins: each may set the same seed."""
    return {one.step for one in run.observer(OptimizerLives).made if one.before is None}


def _copied_generators(run: WatchedRun) -> Built:
    for loader in run.records.loaders.records if run.own_process else ():
        if _is_indexable(loader) and loader.trained and loader.workers \
                and not loader.has_init_function:
            with run.tolerating(f"reading {type(loader.dataset).__name__} again"), \
                    contextlib.suppress(ScriptObjectError):
                if data_probes.draws_from_own_generator(loader):
                    yield RepeatedNumbers("copied", loader.workers), loader.line


# probes


def _samples_to_probe(run: WatchedRun) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Training samples (x as floats, y) that a small net can be fitted to."""
    samples: tuple[torch.Tensor, torch.Tensor] | None = run.once("samples to probe",
                                                                 lambda: _find_samples(run))
    return samples


def _find_samples(run: WatchedRun) -> tuple[torch.Tensor, torch.Tensor] | None:
    stored = run.records.samples.train_store.distinct()
    if stored is None or run.several_models:
        return None
    x, y = stored
    if len(x) < _FEWEST_TO_PROBE or not x.is_floating_point() or not bool(x.isfinite().all()):
        return None
    classes = int(y.max()) + 1
    if int(y.min()) < 0 or not 2 <= classes <= _MOST_CLASSES_TO_PROBE:
        return None
    return x.float(), y


def _nearest(run: WatchedRun, x: torch.Tensor) -> torch.Tensor:
    """(N, k) neighbours of the samples to probe."""
    found: torch.Tensor = run.once("nearest", lambda: data_probes.neighbours(x, run.check_time))
    return found


@builds(NeighbourLabels, READS_SAMPLES)
def neighbour_labels(run: WatchedRun) -> Built:
    samples = _samples_to_probe(run)
    if samples is not None:
        x, y = samples
        yield NeighbourLabels(*data_probes.label_noise(_nearest(run, x), y),
                              int(y.max()) + 1), run.data_line


@builds(ClassConfusions, READS_SAMPLES)
def class_confusions(run: WatchedRun) -> Built:
    samples = _samples_to_probe(run)
    if samples is not None:
        x, y = samples
        pairs, rest = data_probes.class_confusions(_nearest(run, x), y)
        yield ClassConfusions(pairs, rest, int(y.max()) + 1), run.data_line


@builds(ProbeAccuracies, FITS_NETS)
def probe_accuracies(run: WatchedRun) -> Built:
    """Only where something is amiss: fitting a net takes seconds."""
    samples, model = _samples_to_probe(run), _accuracy_of_model(run)
    weak = run.records.losses.trains_badly or (model is not None and model < _WEAK_ACCURACY)
    if samples is None or not weak:
        return
    accuracy, chance, held_out = data_probes.probe_accuracy(*samples, run.check_time)
    of_evaluation, stored = None, run.records.samples.eval_store.distinct()
    if stored is not None and len(stored[0]) >= _FEWEST_EVALUATED and int(stored[1].min()) >= 0:
        of_evaluation = data_probes.probe_accuracy(stored[0].float(), stored[1],
                                                   run.check_time)[0]
    yield ProbeAccuracies(accuracy, chance, held_out, of_evaluation, model,
                          run.records.samples.training_repeats), run.data_line


def _accuracy_of_model(run: WatchedRun) -> float | None:
    """The script's own accuracy in its last two evaluations."""
    hits = [(one.hits, one.samples) for phase in run.records.evaluations.phases[-2:]
            for one in phase.passes if one.hits is not None]
    return sum(n for n, _ in hits) / max(1, sum(n for _, n in hits)) if hits else None


@builds(BatchFlip)
def batch_flips(run: WatchedRun) -> Built:
    flips = run.records.notable_calls.flips
    batch = {line: one for line, one in flips.items() if 0 in one.axes and one.dimensions == 4}
    labels_too = any(one.dimensions == 1 for one in flips.values())
    if batch and not labels_too and _samples_to_flip(run) is not None:
        line = next(iter(batch))
        yield BatchFlip(batch[line].axes), line


def _samples_to_flip(run: WatchedRun) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Samples of an evaluation, where there is training data to hold them against."""
    stored = run.records.samples.eval_store.distinct()
    enough = stored is not None and len(stored[0]) >= _FEWEST_FLIPPED
    return stored if enough and _samples_to_probe(run) is not None else None


@builds(MirroredClasses, FITS_NETS)
def mirrored_classes(run: WatchedRun) -> Built:
    train, evaluation = _samples_to_probe(run), _samples_to_flip(run)
    if train is None or evaluation is None or next(batch_flips(run), None) is not None:
        return
    for axis, line in _mirrors(run):
        if evaluation[0].ndim == 4 and evaluation[0].is_floating_point():
            yield MirroredClasses(
                *data_probes.mirrored(*evaluation, axis, train, run.check_time)), line
            return


def _mirrors(run: WatchedRun) -> Iterator[tuple[int, SourceLocation | None]]:
    """(axis, line) of flips of pictures (N, C, H, W) or (C, H, W) over one of their last axes."""
    for line, one in run.records.notable_calls.flips.items():
        last = one.dimensions - 1
        if one.dimensions in (3, 4) and one.axes in ((last, ), (last - 1, )):
            yield one.axes[0] - one.dimensions, line
    for loader in run.records.loaders.records:
        if loader.trained and data_probes.contains_part(loader.dataset, "RandomHorizontalFlip"):
            yield -1, loader.line
