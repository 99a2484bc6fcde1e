"""Judgements on samples, with hand-made samples."""

import numpy as np
import pytest
import torch

from recipe_widgets.rules.augmentation_keeps_label import PairedMoves
from recipe_widgets.rules.class_balance import ClassCounts
from recipe_widgets.rules.class_numbers import ClassConfusion
from recipe_widgets.rules.input_range import InputStatistics
from recipe_widgets.rules.label_errors import ClassConfusions, NeighbourLabels
from recipe_widgets.rules.metric_recount import PrintedMetric
from recipe_widgets.rules.rulebook import rule_named
from recipe_widgets.rules.split_leak import SharedSamples
from recipe_widgets.rules.train_eval_preprocessing import TrainAndEvaluationInputs
from recipe_widgets.rules.training_evidence import ProbeAccuracies, TrainingLabels
from recipe_widgets.watch.evidence import data_probes, observe_mask_pairs
from recipe_widgets.watch.evidence.build_data import _TrainedSamples
from recipe_widgets.watch.evidence.input_statistics import RunningStatistics
from recipe_widgets.watch.evidence.observe_windows import overlaps
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


def test_a_model_that_was_never_trained_has_no_new_samples():
    nothing = _TrainedSamples()
    assert not nothing.are_all_new
    assert nothing.count_before(3, np.arange(4)) == (0, 0)


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


# labels of several splits


def confused(*taken, count=30, wrong=1):
    """(K, K) of an evaluation where label k is taken for taken[k], or never occurs (None)."""
    counts = np.zeros((len(taken), len(taken)), np.int64)
    for label, other in enumerate(taken):
        if other is not None:
            counts[label] += wrong
            counts[label, other] += count
    return counts


def numbered(evaluation, train=None, told=None):
    k = len(evaluation)
    return judged("class_numbers", ClassConfusion(
        confused(*range(k)) if train is None else train, evaluation,
        np.zeros(k, bool) if told is None else np.array(told)))


def test_labels_that_mean_other_classes_in_the_evaluation():
    assert "2 as 3" in numbered(confused(0, 1, 3, None)).message  # one class is absent
    assert numbered(confused(1, 2, 3, 4, None)).status == "fail"  # numbers begin at 1 in one of them
    assert numbered(confused(1, 0)).status == "fail"
    assert numbered(confused(2, 0, 1, 3)).status == "fail"


def test_labels_that_mean_the_same():
    assert numbered(confused(0, 1, 2, 3)) is None
    assert numbered(confused(0, 1, 3, 3)) is None  # two classes that look alike
    assert numbered(confused(0, 0, 0, 0)) is None  # always the same answer
    assert numbered(confused(1, 0, count=8, wrong=5)) is None  # it knows little
    assert numbered(confused(1, 0), told=[True, True]) is None  # an attack beside the plain evaluation
    never_trained = confused(0, 1, None, 3)
    assert numbered(confused(0, 1, 3, None), train=never_trained) is None
    barely_learnt = confused(0, 1, 2, 3, count=10, wrong=5)
    assert numbered(confused(0, 1, 3, None), train=barely_learnt) is None


# windows of a series


def walk(count, channels=1, seed=0):
    steps = torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))
    return steps.cumsum(0)


def windows(series, length=16, stride=1):
    """(N, length) or (N, length, C)"""
    found = series.unfold(0, length, stride).transpose(1, 2)
    return found.squeeze(2) if series.shape[1] == 1 else found


def shuffled(x, share=0.8, seed=0):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    cut = int(share * len(x))
    return x[order[:cut]], x[order[cut:]]


@pytest.mark.parametrize(("channels", "axis", "stride"), [(1, 1, 1), (3, 1, 1), (3, 2, 2)])
def test_windows_that_were_dealt_out_at_random(channels, axis, stride):
    x = windows(walk(800, channels), stride=stride)
    train, test = shuffled(x.transpose(1, 2) if axis == 2 else x)
    said = judged("split_leak", overlaps(train, test, axis))
    assert said.status == "fail"
    assert said.measured > 0.8 * len(test)


def test_windows_that_lie_apart():
    x = windows(walk(800))
    assert judged("split_leak", overlaps(x[:600], x[600:], 1)) is None  # after the training
    assert judged("split_leak", overlaps(x[:600], x[601:613], 1)) is None  # right after it
    assert judged("split_leak", overlaps(x, x[::4], 1)) is None  # the training windows themselves
    no_overlap = shuffled(windows(walk(8000), stride=16))
    assert judged("split_leak", overlaps(*no_overlap, 1)) is None
    tables = torch.randn(400, 16, generator=torch.Generator().manual_seed(0))
    assert judged("split_leak", overlaps(*shuffled(tables), 1)) is None
    few_values = torch.randint(0, 2, (900, 16), generator=torch.Generator().manual_seed(0)).float()
    assert judged("split_leak", overlaps(*shuffled(few_values), 1)) is None
    rounds = windows(torch.arange(20.0).repeat(40)[:, None])  # a period: all windows come again
    assert judged("split_leak", overlaps(*shuffled(rounds), 1)) is None


# pictures and masks


class Masks(torch.utils.data.Dataset):
    """move(x, rng) is called with the same random numbers for both, or with others."""

    def __init__(self, move, together, target=lambda picture, mask: mask):
        g = torch.Generator().manual_seed(0)
        self.masks = torch.zeros(12, 24, 24)
        for i, (top, left) in enumerate(torch.randint(3, 12, (12, 2), generator=g).tolist()):
            self.masks[i, top:top + 4, left:left + 7] = 1
        self.pictures = self.masks + torch.randn(12, 24, 24, generator=g)
        self.move, self.together, self.target = move, together, target

    def __len__(self):
        return 12

    def __getitem__(self, i):
        seed = int(torch.randint(0, 10**6, ()))
        other = seed if self.together else int(torch.randint(0, 10**6, ()))
        picture = self.move(self.pictures[i], np.random.default_rng(seed))
        mask = self.move(self.target(self.pictures[i], self.masks[i]), np.random.default_rng(other))
        return picture[None], mask


def flipped(x, rng):
    return x.flip(-1) if rng.random() < 0.5 else x


def turned(x, rng):
    return torch.rot90(x, int(rng.integers(4)), (-2, -1))


def rolled(x, rng):
    return torch.roll(x, (int(rng.integers(-3, 4)), int(rng.integers(-3, 4))), (0, 1))


def cropped(x, rng):
    top, left = rng.integers(0, 4, 2).tolist()
    return x[top:top + 20, left:left + 20]


def moved(dataset):
    seen = observe_mask_pairs.look_at(dataset, lambda: None)
    return judged("augmentation_keeps_label", seen) if seen else None


@pytest.mark.parametrize("move", [flipped, turned, rolled, cropped])
def test_a_mask_that_does_not_follow_its_picture(move):
    assert moved(Masks(move, together=False)).status == "fail"
    assert moved(Masks(move, together=True)) is None


def test_what_is_no_picture_with_a_mask():
    assert moved(Masks(lambda x, rng: x, together=True)) is None
    noisy = Masks(lambda x, rng: x + torch.from_numpy(rng.normal(size=x.shape)), together=False)
    assert moved(noisy) is None
    # two views of a picture
    assert moved(Masks(flipped, together=False, target=lambda picture, mask: picture)) is None
    labels = torch.utils.data.TensorDataset(pictures(), torch.arange(100))
    assert moved(labels) is None
    assert judged("augmentation_keeps_label", PairedMoves(20, 3)) is None
