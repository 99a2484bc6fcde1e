"""Judgements on samples, with hand-made samples."""

import numpy as np
import pytest
import torch

from recipe_widgets.rules.class_balance import ClassCounts
from recipe_widgets.rules.input_range import InputStatistics
from recipe_widgets.rules.label_errors import ClassConfusions, NeighbourLabels
from recipe_widgets.rules.metric_recount import PrintedMetric
from recipe_widgets.rules.rulebook import rule_named
from recipe_widgets.rules.split_leak import SharedSamples
from recipe_widgets.rules.train_eval_preprocessing import TrainAndEvaluationInputs
from recipe_widgets.rules.training_evidence import ProbeAccuracies, TrainingLabels
from recipe_widgets.watch.evidence import data_probes
from recipe_widgets.watch.evidence.input_statistics import RunningStatistics
from recipe_widgets.watch.evidence.sample_hash import SampleHasher


def running(x):
    """Statistics of samples that come in two batches."""
    statistics = RunningStatistics()
    statistics.add(x[:40])
    statistics.add(x[40:])
    return statistics


def judged(name, evidence):
    """What a rule says, None for nothing."""
    result = rule_named(name)(evidence)
    return result if result.severity else None


def pictures(n=100, seed=0):
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_running_sums_are_mean_and_std():
    x = pictures()
    seen = running(x)
    assert seen.mean == pytest.approx(x.double().mean((0, 2, 3)).numpy())
    assert seen.std == pytest.approx(x.double().std((0, 2, 3), correction=0).numpy())
    assert seen.low.tolist() == x.double().amin((0, 2, 3)).tolist()
    assert seen.high.tolist() == x.double().amax((0, 2, 3)).tolist()
    assert seen.is_picture


def test_input_range():
    def said(x):
        seen = running(x)
        return judged("input_range",
                      InputStatistics(seen.mean, seen.std, seen.low.numpy(), seen.high.numpy(),
                                      samples=seen.samples, image=seen.is_picture))

    assert said(pictures()) is None
    assert "never scaled" in said(pictures().sigmoid() * 255).message
    assert "nearly constant" in said((pictures().sigmoid() / 255 - 0.3) / 0.4).message
    one_hot = torch.nn.functional.one_hot(torch.arange(100), 1000).float()
    assert said(one_hot) is None  # sparse, not constant


def test_other_preprocessing_in_evaluation():
    def said(train, evaluation):
        a, b = running(train), running(evaluation)
        return judged("train_eval_preprocessing",
                      TrainAndEvaluationInputs(a.mean, a.std, b.mean, b.std, 100, picture=True))

    assert said(pictures(), pictures(seed=1)) is None
    assert said(pictures(), pictures(seed=1) * 0.3 + 0.4).status == "warn"
    tinted = pictures() + torch.tensor([1.0, 0.0, -1.0])[:, None, None]
    assert "reversed" in said(tinted, tinted.flip(1)).message


@pytest.mark.parametrize(("overlap", "size", "train", "clean", "status"), [
    (0, 100, 400, False, None),
    (40, 100, 400, False, "fail"),  # a part of the validation set
    (100, 100, 400, False, "warn"),  # the validation set lies within the training set
    (100, 100, 400, True, "note"),  # the same beside another, clean one: perhaps training accuracy
    (400, 400, 400, False, None),  # the training set itself
])
def test_split_leak(overlap, size, train, clean, status):
    said = judged("split_leak",
                  SharedSamples(overlap, size, train_size=train, another_is_clean=clean))
    assert (said.status if said else None) == status


@pytest.mark.parametrize(("size", "earlier", "says"), [
    (100, True, "the split changed"), (100, False, "all samples"), (400, True, None),
])
def test_a_split_that_changes_while_the_model_goes_on(size, earlier, says):
    said = judged("split_leak", SharedSamples(size, size, train_size=400, earlier=earlier))
    assert says in said.message if says else said is None


def test_sorted_classes():
    def said(batches):
        return judged("class_order", TrainingLabels(batches))

    y = np.repeat(np.arange(5), 40)
    assert said(np.split(y, 20)).status == "warn"
    assert said(np.split(np.random.default_rng(0).permutation(y), 20)) is None
    # a GAN's discriminator sees all-true and all-false batches in turn
    assert said([np.full(10, i % 2) for i in range(20)]) is None


def test_balance_and_missing_classes():
    def said(train, *evaluation, weighted=False):
        counts = {split: np.bincount(labels, minlength=6) for split, labels in zip(
            ("training", "evaluation"), (train, *evaluation), strict=False)}
        return judged("class_balance", ClassCounts(counts, complete=False, weighted=weighted))

    y = (np.arange(1000) % 25 == 0).astype(np.int64)
    assert said(y).status == "warn"
    assert said(y, weighted=True) is None
    assert said(np.arange(1000) % 3) is None
    assert said(np.arange(1000) % 4, np.arange(200) % 6).measured == 2
    assert said(np.arange(1000) % 4, np.arange(200) % 4) is None


def test_metric_recount():
    hits, sizes = np.array([60, 60, 1]), np.array([64, 64, 4])
    right, means = hits.sum() / sizes.sum(), (hits / sizes).mean()

    def said(printed, digits):
        slips = {"the mean of the batches' accuracies": means}
        return judged("metric_recount", PrintedMetric(printed, digits, (right, ), slips))

    assert said(round(means, 3), 3).status == "fail"
    assert said(round(right, 3), 3) is None
    assert said(round(100 * means, 1), 1).unit == "%"
    assert said(0.5, 3) is None


def test_hashes_know_a_sample_in_any_batch():
    hasher, x = SampleHasher(), pictures(60)
    whole = hasher.of([x])
    assert len(np.unique(whole)) == 60
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert (hasher.of([x[order]]) == whole[order.numpy()]).all()
    changed = x.clone()
    changed[7] += 0.01
    assert np.flatnonzero(hasher.of([changed]) != whole).tolist() == [7]


def blobs(n=900, classes=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=g)
    centres = 4 * torch.randn(classes, 10, generator=torch.Generator().manual_seed(9))
    return centres[y] + torch.randn(n, 10, generator=g), y


def nearest(x: torch.Tensor) -> torch.Tensor:
    return data_probes.neighbours(x, lambda: None)


def test_label_noise_is_measured():
    def said(x, y):
        return judged("label_errors", NeighbourLabels(*data_probes.label_noise(nearest(x), y), classes=4))

    x, y = blobs()
    assert data_probes.label_noise(nearest(x), y)[0] < 0.02
    g = torch.Generator().manual_seed(1)
    wrong = torch.rand(len(y), generator=g) < 0.25
    noisy = torch.where(wrong, (y + torch.randint(1, 4, y.shape, generator=g)) % 4, y)
    rate, _, _, places = data_probes.label_noise(nearest(x), noisy)
    assert rate == pytest.approx(0.25, abs=0.08)
    assert said(x, noisy).status == "warn"
    assert places >= 60
    # classes that overlap are confused at their borders, not everywhere
    x = torch.randn(900, 10, generator=g)
    assert said(x, x[:, :4].argmax(1)) is None


def confusions(x, y):
    pairs, rest = data_probes.class_confusions(nearest(x), y)
    return judged("label_errors", ClassConfusions(pairs, rest, int(y.max()) + 1))


def test_one_class_under_two_names():
    x, y = blobs()
    g = torch.Generator().manual_seed(2)
    doubled = torch.where((y == 3) & (torch.rand(len(y), generator=g) < 0.5), torch.tensor(4), y)
    assert "3 and 4" in confusions(x, doubled).message
    assert confusions(x, y) is None


def test_classes_of_which_none_can_be_told_apart_are_no_doubled_class():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(600, 10, generator=g), torch.randint(3, (600,), generator=g)
    assert confusions(x, y) is None


def test_probe_tells_labels_that_belong_from_those_that_do_not():
    x, y = blobs(600)
    told, chance, held_out = data_probes.probe_accuracy(x, y, lambda: None)
    assert told > 0.9
    order = torch.randperm(600, generator=torch.Generator().manual_seed(3))
    apart = data_probes.probe_accuracy(x, y[order], lambda: None)[0]

    def said(train, **more):
        return judged("label_alignment", ProbeAccuracies(train, chance, held_out, **more))

    assert "nothing to do" in said(apart, model=0.25).message
    assert said(told, model=0.25) is None
    assert "much less" in said(apart, evaluation=told).message
    assert said(apart, evaluation=told, repeats=False) is None  # augmented: another rule's finding
