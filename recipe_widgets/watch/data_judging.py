"""What the samples that were seen say."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recipe_widgets.core import CheckResult
from recipe_widgets.rules import seen_data as judge
from recipe_widgets.watch.evidence import data_probes as dataprobes
from recipe_widgets.watch.evidence.data_probes import same_samples
from recipe_widgets.watch.evidence.records import EvaluationPhase, ForwardPass, InputStatistics

if TYPE_CHECKING:
    from recipe_widgets.watch.judging import Verdict


def data_findings(v: Verdict) -> None:
    for part in (_inputs, _labels, _indices, _passes, _draws, _workers, _metric, _probes):
        with v.part():
            part(v)


def _stats(i: InputStatistics) -> judge.Stats | None:
    if i.total is None or i.samples < 2:
        return None
    return judge.Stats(i.mean, i.std, i.low, i.high, i.spread, i.samples, len(i.shape) == 3)


def _inputs(v: Verdict) -> None:
    seen = v.r.seen
    first, train, test = (_stats(i)
                          for i in (seen.first_inputs, seen.train_inputs, seen.eval_inputs))
    if first is not None:
        v.say(judge.input_range(first), seen.first_at)
    if train is not None and test is not None and not v.several_models():
        at = next((p.at for p in seen.phases if p.forwards and p.forwards[0].entry), None)
        v.say(judge.train_eval_preprocessing(train, test), at)


def _labels(v: Verdict) -> None:
    seen = v.r.seen
    if not seen.labels or v.several_models():
        return
    labels = np.concatenate(seen.labels)
    weighted = any(s.weighted for many in seen.losses.values() for s in many)
    at = _train_line(v)
    v.say(judge.sorted_classes(seen.labels), at)
    v.say(judge.class_balance(labels, weighted), at)
    tests = [f.labels for p in seen.phases for f in p.forwards if f.labels is not None]
    if tests:
        v.say(judge.missing_classes(labels, np.concatenate(tests)), at)
    v.say(_contradictions(seen.label_rows), at)


def _train_line(v: Verdict) -> Any:
    trained = [loader for loader in v.r.loaders if loader.trained]
    return trained[-1].at if trained else v.step_line()


def _contradictions(pairs: Sequence[tuple[Any, Any]]) -> CheckResult | None:
    if not pairs:
        return None
    rows, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    _, index, counts = np.unique(rows, return_inverse=True, return_counts=True)
    low, high = np.full(len(counts),
                        np.iinfo(np.int64).max), np.full(len(counts),
                                                         np.iinfo(np.int64).min)
    np.minimum.at(low, index, labels)
    np.maximum.at(high, index, labels)
    within = max((len(r) - len(np.unique(r))) / max(1, len(r)) for r, _ in pairs)
    if within > 0.05:  # copies within a batch: few different inputs exist at all
        return None
    again = counts > 1
    return judge.labels_contradict(int((again & (low != high)).sum()), int(again.sum()))


def passes_of(phase: EvaluationPhase) -> list[list[ForwardPass]]:
    """Cuts an evaluation into passes over one set: a batch that is larger than the one before
    begins a new one.
    """
    cut: list[list[ForwardPass]] = []
    for f in phase.forwards:
        last = cut[-1][-1] if cut else None
        if last is None or f.number != last.number or f.samples > last.samples or f.loader != last.loader \
                or f.at != last.at or f.training != last.training:
            cut.append([])
        cut[-1].append(f)
    return cut


def _passes(v: Verdict) -> None:
    """Leaks, and evaluations whose inputs change."""
    r = v.r
    trained = {m.number for m in r.modules.all if m.trained}
    passes = [(p, part)
              for p in r.seen.phases
              for part in passes_of(p)
              if part[0].number in trained and part[0].entry and all(f.rows is not None
                                                                     for f in part)]
    if not r.seen.train_rows or not passes or len({p.step for p, _ in passes}) > max(3, 0.34 * r.t):
        return
    train = np.unique(np.concatenate([rows for _, rows in r.seen.train_rows]))
    results, clean = [], False
    for p, part in passes:
        rows = np.concatenate([f.rows for f in part if f.rows is not None])
        own = np.unique(rows)
        overlap = int(np.isin(own, train).sum())
        clean = clean or (overlap <= 0.01 * len(own) and len(own) >= 10)
        results.append((p, overlap, len(own), 1 - len(own) / len(rows)))
    for p, overlap, size, copies in results:
        said = judge.split_leak(overlap, size, len(train), copies, _continuous(v), clean)
        if said is not None:
            v.say(said, p.at)
            break
    _changing(v, passes)


def _indices(v: Verdict) -> None:
    """Loaders of training and of evaluation that read the same samples of one data set."""
    used = [
        one for one in v.r.loaders
        if one.dataset is not None and hasattr(one.dataset, "__getitem__")
    ]
    for test in (one for one in used if one.evaluated and not one.trained):
        for train in (one for one in used if one.trained):
            with contextlib.suppress(TypeError, IndexError, AttributeError):
                (a, first), (b, second) = dataprobes.indices_of(train), dataprobes.indices_of(test)
                if same_samples(a, b):
                    both = len(set(first) & set(second))
                    v.say(
                        judge.split_leak(both, len(set(second)), len(set(first)), 0.0, True, False),
                        test.at)


def _continuous(v: Verdict) -> bool:
    """Are the inputs numbers that no two samples share by chance?"""
    stored = v.r.seen.train.tensors() or v.r.seen.validation.tensors()
    if stored is None:
        return False
    x = stored[0][:200].flatten(1)
    if not x.is_floating_point():
        return False
    per_row = float(np.mean([len(row.unique()) for row in x[:20]]))
    return per_row >= 12 or (x.shape[1] < 12 and len(x.unique()) > 0.5 * x.numel()
                             and x.shape[1] >= 2)


def _changing(v: Verdict, passes: Sequence[tuple[EvaluationPhase, list[ForwardPass]]]) -> None:
    known: dict[bytes, Any] = {}
    for p, part in passes:
        labels = [f.labels for f in part]
        if any(one is None for one in labels):
            continue
        y = np.concatenate([one for one in labels if one is not None])
        rows = np.concatenate([f.rows for f in part if f.rows is not None])
        if len(np.unique(y)) < 2 or len(y) < 16:
            continue
        old = known.setdefault(y.tobytes(), rows)
        if len(old) == len(rows):
            said = judge.evaluation_augmented(float((old != rows).mean()), len(rows))
            if said is not None:
                v.say(said, p.at)
                return


def _draws(v: Verdict) -> None:
    """Random numbers of the training that come again in every epoch."""
    r = v.r
    rows = [rows for _, rows in r.seen.train_rows]
    if not rows:
        return
    whole = np.concatenate(rows)
    again = len(whole) / max(1, len(np.unique(whole)))
    for at, known in r.seen.draws.items():
        groups: dict[int, list[int]] = {}
        for step, _, number in known:
            if (at, step) in r.train_draws:
                groups.setdefault(step, []).append(number)
        sets = [tuple(g) for g in groups.values()]
        if len(sets) >= 3 and len(set(sets)) == 1 and again > 2.5:
            v.say(
                CheckResult(
                    "random_numbers", "warn",
                    f"the same random numbers are drawn in each of {len(sets)} epochs: "
                    "the augmentation or order never changes", len(sets), 1, "times",
                    "Make and seed the generator once, before the loop."), at)
            return
    for (name, at), calls in r.seen.seeds.items():
        steps = {t for t, _ in calls}
        if len(steps) >= 3 and len({seed for _, seed in calls}) == 1 and all(
            (at, t) in r.train_draws for t in steps):
            v.say(
                CheckResult(
                    "random_numbers", "warn",
                    f"{name}({calls[0][1]}) is called again and again during training: "
                    "every epoch draws the same random numbers", len(calls), 1, "calls",
                    "Seed once, before the loop."), at)


def _workers(v: Verdict) -> None:
    if not v.own_process:
        return
    for loader in v.r.loaders:
        if loader.dataset is None or not hasattr(loader.dataset, "__getitem__"):
            continue
        with contextlib.suppress(Exception):
            if loader.trained and loader.workers > 0 and not loader.init_fn and dataprobes.drawn_by_items(
                    loader):
                v.say(
                    CheckResult(
                        "random_numbers", "warn",
                        f"the data set carries a random generator of its own, which "
                        f"each of {loader.workers} workers copies anew in every epoch: they all draw the same "
                        "numbers", loader.workers, 1, "workers",
                        "Make the generator in the worker, from "
                        "torch.initial_seed(), or in worker_init_fn.", "PyTorch, data loading"),
                    loader.at)
        with contextlib.suppress(Exception):
            if loader.evaluated and not loader.trained and loader.workers == 0:
                v.say(judge.evaluation_augmented(*dataprobes.changing_items(loader)), loader.at)


def _metric(v: Verdict) -> None:
    """Printed accuracies against a recount."""
    for p in v.r.seen.phases:
        parts = [
            part for part in passes_of(p) if all(f.hits is not None for f in part) and len(part) > 1
        ]
        whole = [part for part in parts if len({f.samples for f in part}) > 1]
        rights = [sum(f.hits or 0 for f in part) / sum(f.samples for f in part) for part in parts]
        for part in whole:
            hits, sizes = np.array([f.hits for f in part]), np.array([f.samples for f in part])
            right = float(hits.sum() / sizes.sum())
            wrong = {
                "the mean of the batches' accuracies, although the last batch is smaller":
                float((hits / sizes).mean()),
                "the hits over batches × batch size, although the last batch is smaller":
                float(hits.sum() / (len(sizes) * sizes.max()))
            }
            for _, value, digits, at in p.printed:
                for percent in (False, True):
                    scale = 100 if percent else 1
                    if any(abs(value - scale * one) <= 0.51 * 10.0**-digits for one in rights):
                        continue
                    said = judge.metric(value, right, wrong, digits,
                                        percent) if digits + 2 * percent >= 2 else None
                    if said is not None:
                        v.say(said, at)
                        return


def _probes(v: Verdict) -> None:
    seen = v.r.seen
    train, test = seen.train.tensors(), seen.validation.tensors()
    if train is None or len(
            train[0]) < 150 or v.several_models() or not train[0].is_floating_point():
        train = None
    if train is None or time.monotonic() > v.until:
        return
    x, y = train
    if int(y.min()) < 0 or not 2 <= int(y.max()) + 1 <= 100 or not bool(x.isfinite().all()):
        return
    classes = int(y.max()) + 1
    at = _train_line(v)
    x = x.float()
    rate, anywhere, even, places = dataprobes.noise(x, y)
    if places >= 60:
        v.say(judge.label_noise(rate, anywhere, classes, even), at)
    pairs, rest = dataprobes.confusions(x, y)
    if classes >= 3:
        v.say(judge.overlapping(pairs, rest), at)
    hits = [(f.hits, f.samples) for p in seen.phases[-2:] for f in p.forwards if f.hits is not None]
    model = sum(h for h, _ in hits) / max(1, sum(n for _, n in hits)) if hits else None
    if v.trains_badly() or (model is not None and model < 0.7):
        told, chance, held_out = dataprobes.told(x, y)
        if model is not None:
            v.say(judge.uninformative(told, model, chance, held_out), at)
        if test is not None and len(test[0]) >= 100 and int(test[1].min()) >= 0:
            other = dataprobes.told(test[0].float(), test[1])[0]
            v.say(judge.information(told, other, chance, v.repeats()), at)
    if test is not None and len(test[0]) >= 80:
        _flips(v, test, (x, y))


def _flips(v: Verdict, test: Any, train: Any) -> None:
    seen = v.r.seen
    batch = {at: f for at, f in seen.flips.items() if 0 in f[2] and f[1] == 4}
    if batch and not any(f[1] == 1 for f in seen.flips.values()):
        at = next(iter(batch))
        v.say(
            CheckResult(
                "label_alignment", "warn",
                "the flip runs over the batch axis: the pictures change places, their "
                "labels do not", str(batch[at][2]), "(2,) or (3,)", "axes", "Flip the last axis."),
            at)
        return
    mirrored = {
        at: f
        for at, f in seen.flips.items()
        if f[1] in (3, 4) and f[2] in ((f[1] - 1, ), (f[1] - 2, ))
    }
    axis = -1
    if mirrored:
        at, f = next(iter(mirrored.items()))
        axis = f[2][0] - f[1]
    else:
        at = next((loader.at for loader in v.r.loaders if loader.trained and
                   dataprobes.carries(loader.dataset, "RandomHorizontalFlip")), None)
    if at is not None and test[0].ndim == 4 and test[0].is_floating_point() and time.monotonic(
    ) < v.until:
        v.say(judge.flip_swaps(*dataprobes.flipped(test[0], test[1], axis, train)), at)
