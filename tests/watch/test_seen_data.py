"""Judgements on samples, with hand-made samples."""

import numpy as np
import pytest
import torch

from recipe_widgets.rules import seen_data as judge
from recipe_widgets.watch.evidence import data_probes as dataprobes
from recipe_widgets.watch.evidence.records import InputStatistics
from recipe_widgets.watch.evidence.sample_hash import SampleHasher


def stats(x):
    i = InputStatistics()
    i.add(x)
    return judge.Stats(i.mean, i.std, i.low, i.high, i.spread, i.samples, x.ndim == 4)


def pictures(n=100, seed=0):
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_running_sums_are_mean_and_std():
    x = pictures()
    i = InputStatistics()
    i.add(x[:40])
    i.add(x[40:])
    assert i.mean == pytest.approx(x.double().mean((0, 2, 3)).numpy())
    assert i.std == pytest.approx(x.double().std((0, 2, 3), correction=0).numpy())


def test_input_range():
    assert judge.input_range(stats(pictures())) is None
    assert "unscaled" in judge.input_range(stats(pictures().sigmoid() * 255)).message
    assert "nearly constant" in judge.input_range(stats(
        (pictures().sigmoid() / 255 - 0.3) / 0.4)).message
    one_hot = torch.nn.functional.one_hot(torch.arange(100), 1000).float()
    assert judge.input_range(stats(one_hot)) is None  # sparse, not constant


def test_other_preprocessing_in_evaluation():
    assert judge.train_eval_preprocessing(stats(pictures()), stats(pictures(seed=1))) is None
    said = judge.train_eval_preprocessing(stats(pictures()), stats(pictures(seed=1) * 0.3 + 0.4))
    assert said.status == "warn"
    tinted = pictures() + torch.tensor([1.0, 0.0, -1.0])[:, None, None]
    assert "reversed" in judge.train_eval_preprocessing(stats(tinted),
                                                        stats(tinted.flip(1))).message


@pytest.mark.parametrize(("overlap", "size", "train", "clean", "status"), [
    (0, 100, 400, False, None),
    (40, 100, 400, False, "fail"),  # a part of the validation set
    (100, 100, 400, False, "warn"),  # the validation set lies within the training set
    (100, 100, 400, True, "note"),  # the same beside another, clean one: perhaps training accuracy
    (400, 400, 400, False, None),  # the training set itself
])
def test_split_leak(overlap, size, train, clean, status):
    said = judge.split_leak(overlap, size, train, 0.0, True, clean)
    assert (said.status if said else None) == status


def test_leak_among_few_possible_inputs_is_chance():
    assert judge.split_leak(90, 90, 100, 0.5, False, False) is None


def test_sorted_classes():
    y = np.repeat(np.arange(5), 40)
    assert judge.sorted_classes(np.split(y, 20)).status == "warn"
    assert judge.sorted_classes(np.split(np.random.default_rng(0).permutation(y), 20)) is None
    # a GAN's discriminator sees all-true and all-false batches in turn
    assert judge.sorted_classes([np.full(10, i % 2) for i in range(20)]) is None


def test_balance_and_missing_classes():
    y = (np.arange(1000) % 25 == 0).astype(np.int64)
    assert judge.class_balance(y, False).status == "warn"
    assert judge.class_balance(y, True) is None
    assert judge.class_balance(np.arange(1000) % 3, False) is None
    assert judge.missing_classes(np.arange(1000) % 4, np.arange(200) % 6).measured == 2
    assert judge.missing_classes(np.arange(1000) % 4, np.arange(200) % 4) is None


def test_metric_recount():
    hits, sizes = np.array([60, 60, 1]), np.array([64, 64, 4])
    right, means = hits.sum() / sizes.sum(), (hits / sizes).mean()
    wrong = {"the mean of the batches' accuracies": means}
    assert judge.metric(round(means, 3), right, wrong, 3, False).status == "fail"
    assert judge.metric(round(right, 3), right, wrong, 3, False) is None
    assert judge.metric(round(100 * means, 1), right, wrong, 1, True).status == "fail"
    assert judge.metric(0.5, right, wrong, 3, False) is None


def test_fingerprints_know_a_sample_in_any_batch():
    prints, x = SampleHasher(), pictures(60)
    whole = prints.of([x])
    assert len(np.unique(whole)) == 60
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert (prints.of([x[order]]) == whole[order.numpy()]).all()
    changed = x.clone()
    changed[7] += 0.01
    assert np.flatnonzero(prints.of([changed]) != whole).tolist() == [7]


def blobs(n=900, classes=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=g)
    centres = 4 * torch.randn(classes, 10, generator=torch.Generator().manual_seed(9))
    return centres[y] + torch.randn(n, 10, generator=g), y


def test_label_noise_is_measured():
    x, y = blobs()
    assert dataprobes.noise(x, y)[0] < 0.02
    g = torch.Generator().manual_seed(1)
    wrong = torch.rand(len(y), generator=g) < 0.25
    noisy = torch.where(wrong, (y + torch.randint(1, 4, y.shape, generator=g)) % 4, y)
    rate, anywhere, even, places = dataprobes.noise(x, noisy)
    assert rate == pytest.approx(0.25, abs=0.08)
    assert judge.label_noise(rate, anywhere, 4, even).status == "warn"
    assert places >= 60
    # classes that overlap are confused at their borders, not everywhere
    x = torch.randn(900, 10, generator=g)
    rate, anywhere, even, _ = dataprobes.noise(x, x[:, :4].argmax(1))
    assert judge.label_noise(rate, anywhere, 4, even) is None


def test_one_class_under_two_names():
    x, y = blobs()
    g = torch.Generator().manual_seed(2)
    doubled = torch.where((y == 3) & (torch.rand(len(y), generator=g) < 0.5), torch.tensor(4), y)
    pairs, rest = dataprobes.confusions(x, doubled)
    said = judge.overlapping(pairs, rest)
    assert "3 and 4" in said.message
    assert judge.overlapping(*dataprobes.confusions(x, y)) is None


def test_probe_tells_labels_that_belong_from_those_that_do_not():
    x, y = blobs(600)
    told, chance, held_out = dataprobes.told(x, y)
    assert told > 0.9
    apart = dataprobes.told(x, y[torch.randperm(600,
                                                generator=torch.Generator().manual_seed(3))])[0]
    assert judge.uninformative(apart, 0.25, chance, held_out).status == "warn"
    assert judge.uninformative(told, 0.25, chance, held_out) is None
    assert judge.information(apart, told, chance, True).name == "label_alignment"
