"""Balance, wrong labels, shuffled labels, augmentation, pipelines: both ways."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets import RecipeError, checks, load
from recipe_widgets.checks import plain_learners
from recipe_widgets.checks.data_labels import overlapping, sortedness

from .models import batches, mlp

K = 4


def clusters(n=400):
    """x (n, 12), y (n,): four clusters."""
    return batches(n, n)[0]


@pytest.mark.parametrize(("y", "expected"), [([0, 1, 2] * 20, "pass"), ([0] * 96 + [1] * 4, "warn"),
                                             ([0] * 50, "warn"), ([0, 1, 2, 4] * 10, "note")])
def test_class_balance(y, expected):
    got = checks.class_balance(torch.zeros(len(y), 2), torch.tensor(y))
    assert got.status == expected
    assert got.details["counts"]["data"].tolist() == np.bincount(y).tolist()


def test_a_class_missing_in_training_is_a_fact():
    x = torch.zeros(40, 2)
    y = torch.arange(40) % 4
    got = checks.class_balance({"train": (x[y < 3], y[y < 3]), "validation": (x, y)})
    assert got.status == "fail"
    assert "class 3" in got.message
    named = checks.class_balance(x, np.array(["ape", "bee"] * 20))
    assert named.status == "pass"
    assert named.details["names"] == ("ape", "bee")


def test_batches_sorted_by_class():
    x, y = torch.zeros(120, 2), torch.arange(120) // 30
    loader = DataLoader(TensorDataset(x, y), 10)
    assert checks.class_balance(loader).status == "warn"
    assert checks.class_balance(DataLoader(TensorDataset(x, y), 10, shuffle=True)).status == "pass"
    assert checks.class_balance(x, y).status == "pass"  # arrays have no order of training
    assert sortedness(y.numpy(), range(0, 120, 10)) == pytest.approx(1, abs=0.05)
    assert sortedness((torch.arange(120) % 4).numpy(), range(0, 120, 12)) == 0


@pytest.mark.parametrize(("y", "text"), [
    (torch.arange(20) - 1, "labels -1"), (torch.arange(20) * 1000, "class numbers")])
def test_labels_out_of_range(y, text):
    for check in (checks.class_balance, checks.label_errors):
        with pytest.raises(RecipeError, match=text):
            check(torch.rand(20, 3), y)
    with pytest.raises(RecipeError, match="0 to 2"):
        checks.class_balance(torch.rand(20, 3), torch.arange(20) % 5, num_classes=3)


@pytest.mark.parametrize("y", [torch.rand(20), torch.zeros(20, 3), torch.eye(20)])
def test_labels_that_are_no_classes_are_skipped(y):
    for check in (checks.class_balance, checks.label_errors, checks.label_alignment):
        assert check(torch.rand(20, 3), y).status == "skip"


def test_label_errors_in_a_table():
    x, y = clusters()
    assert checks.label_errors(x, y).status in ("pass", "note")
    wrong = torch.randperm(400, generator=torch.Generator().manual_seed(3))[:60]
    noisy = y.clone()
    noisy[wrong] = (y[wrong] + 1 + torch.arange(60) % 3) % K
    got = checks.label_errors(x, noisy)
    assert got.status == "warn"
    ranked = got.details["ranked"]["data"]
    found = set(ranked["rows"][:60].tolist()) & set(wrong.tolist())
    assert len(found) >= 54
    assert (np.diff(ranked["quality"]) >= 0).all()
    assert (ranked["given"] == noisy[ranked["rows"]].numpy()).all()


def test_label_errors_of_ones_own_predictions():
    y = np.arange(200) % 4
    p = np.full((200, 4), 0.02)
    p[np.arange(200), y] = 0.94
    assert checks.label_errors((np.zeros((200, 2)), y), probabilities=p).status == "pass"
    given = y.copy()
    given[[3, 50]] = (y[[3, 50]] + 1) % 4
    got = checks.label_errors((np.zeros((200, 2)), given), probabilities=p)
    assert got.status == "note"
    assert sorted(got.details["ranked"]["data"]["rows"][:2].tolist()) == [3, 50]
    ranked = got.details["ranked"]["data"]
    assert ranked["suggested"][:2].tolist() == y[ranked["rows"][:2]].tolist()
    with pytest.raises(RecipeError, match="probabilities"):
        checks.label_errors((np.zeros((200, 2)), y), probabilities=p[:5])


def test_one_class_under_two_names():
    x, y = clusters()
    twice = torch.where((y == 3) & (torch.arange(400) % 8 < 4), 4, y)
    got = checks.label_errors(x, twice)
    assert got.status == "warn"
    assert got.details["overlap"][0][:2] == ("3", "4")
    assert overlapping(np.diag([50, 50, 50]), "abc") == []
    assert overlapping(np.array([[25, 25, 0], [25, 25, 0], [0, 0, 50]]), "abc") == [("a", "b", 0.5)]


def bars(n=800, seed=0):
    """Images (n, 1, 12, 12), bytes: a bright bar, upright or level, at any place; a table
    learner cannot know it.
    """
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 60, (n, 1, 12, 12), generator=g, dtype=torch.uint8)
    y = torch.arange(n) % 2
    for i, (r, c) in enumerate(torch.randint(2, 10, (n, 2), generator=g).tolist()):
        if y[i]:
            x[i, 0, r - 2:r + 3, c] += 150
        else:
            x[i, 0, r, c - 2:c + 3] += 150
    return x, y


def test_label_errors_in_images():
    x, y = bars()
    wrong = torch.randperm(800, generator=torch.Generator().manual_seed(3))[:40]
    noisy = y.clone()
    noisy[wrong] = 1 - y[wrong]
    state = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    got = checks.label_errors({"train": (x[:600], noisy[:600]), "test": (x[600:], noisy[600:])},
                              epochs=12, progress=False)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads
    ranked = got.details["ranked"]
    found = {*ranked["train"]["rows"][:40].tolist(), *(600 + ranked["test"]["rows"][:20]).tolist()
             } & set(wrong.tolist())
    assert len(found) >= 34, (got, len(found))


def test_predictions_repeat():
    x, y = bars(200)
    folds = torch.from_numpy(plain_learners.folds_of(y.numpy(), 2))
    plan = plain_learners.Plan(1.0)
    one, two = (plain_learners.image_probabilities(x, y, 2, folds, plan) for _ in range(2))
    assert np.allclose(one, two, atol=1e-5)
    assert np.allclose(one.sum(1), 1, atol=1e-5)
    assert np.bincount(folds.numpy()[y.numpy() == 1]).tolist() == [50, 50]


def test_label_alignment():
    x, y = clusters()
    assert checks.label_alignment(x, y).status == "pass"
    shuffled = y[torch.randperm(400, generator=torch.Generator().manual_seed(1))]
    assert checks.label_alignment(x, shuffled).status == "warn"
    assert checks.label_alignment(x[:30], y[:30]).status == "skip"
    rare = (torch.arange(400) % 20 == 0).long()  # 5 % of one class, and told by the input
    assert checks.label_alignment(torch.cat([x, 3.0 * rare[:, None]], 1), rare).status == "pass"


def test_label_alignment_of_images_that_only_a_net_knows():
    x, y = bars(600)
    assert checks.label_alignment(x, y).status == "pass"
    assert checks.label_alignment(
        x, y[torch.randperm(600, generator=torch.Generator().manual_seed(1))]).status == "warn"


def turned(x, y):
    """Half of the images are transposed: level bars become upright ones."""
    some = torch.rand(len(x)) < 0.5
    return torch.where(some[:, None, None, None], x.transpose(2, 3), x), y


@pytest.mark.parametrize(("augment", "expected"), [
    (lambda x, y: (x, y), "pass"), (lambda x, y: (x.flip(3), y), "pass"), (turned, "warn"),
    (lambda x, y: (x.flip(0), y), "fail"), (lambda x, y: (x.float() * float("nan"), y), "fail"),
    (lambda x, y: (torch.zeros_like(x), y), "warn"), (lambda x, y: (x, torch.eye(2)[y]), "skip"),
    (lambda x, y: (x[:, :, :6], y), "skip"), (None, "skip")])
def test_augmentation_keeps_label(augment, expected):
    x, y = bars(600)
    got = checks.augmentation_keeps_label((x, y), augment)
    assert got.status == expected, got
    if augment is turned:
        assert "becomes" in got.message


RAW = torch.from_numpy(np.random.default_rng(0).integers(
    0, 256,
    (40, 3, 8, 8), dtype=np.uint8)) // torch.tensor([1, 2, 4], dtype=torch.uint8)[:, None, None]


def scaled(x):
    return x.float() / 255


def jittered(x):
    return scaled(x) + 0.02 * torch.randn(x.shape)


@pytest.mark.parametrize(("train", "evaluated", "expected"),
                         [(scaled, scaled, "pass"), (jittered, scaled, "pass"),
                          (jittered, jittered, "warn"), (scaled, lambda x: x.float(), "fail"),
                          (scaled, lambda x: scaled(x).flip(1), "fail"),
                          (jittered, lambda x: scaled(x).flip(1), "warn"),
                          (scaled, lambda x: (scaled(x) - 0.4) / 0.3, "fail"),
                          (scaled, lambda x: scaled(x)[:, :, ::2], "warn"),
                          (jittered, lambda x: (scaled(x) - 0.4) / 0.1, "warn"),
                          (lambda x: (scaled(x) - 0.30) / 0.35, lambda x:
                           (scaled(x) - 0.31) / 0.36, "pass")])
def test_train_eval_preprocessing(train, evaluated, expected):
    for raw in (RAW, RAW.numpy()):
        pipelines = [lambda x, f=f: f(torch.as_tensor(x)) for f in (train, evaluated)]
        assert checks.train_eval_preprocessing(raw, *pipelines).status == expected


def test_inputs_of_batches_are_compared():
    loss = torch.nn.functional.cross_entropy
    held = [(x * 4 + 2, y) for x, y in batches(80)]
    assert checks.train_eval_preprocessing(mlp(), batches(), loss,
                                           validation=batches(80, seed=1)).status == "pass"
    assert checks.train_eval_preprocessing(mlp(), batches(), loss, validation=held).status == "warn"


def test_data_checks_of_a_subject():
    loss = torch.nn.functional.cross_entropy
    target = checks.subject(mlp(), batches(), loss, num_classes=K, validation=batches(40, seed=1))
    said = {
        c.__name__: c(target).status
        for c in (checks.class_balance, checks.input_range, checks.split_leak, checks.duplicates,
                  checks.label_alignment, checks.label_errors)
    }
    assert set(said.values()) <= {"pass", "note"}, said
    leak = checks.subject(mlp(), batches(), loss, validation=batches()[:3])
    assert checks.split_leak(leak).status == "fail"


def test_our_own_data(blobs):
    report = checks.run_all(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)), blobs,
        torch.nn.functional.cross_entropy, num_classes=3, progress=False,
        only=[checks.class_balance, checks.split_leak, checks.duplicates, checks.outliers])
    assert [r.status for r in report] == ["pass"] * 4, report
    got = checks.class_balance(blobs)
    assert got.details["counts"]["test"].sum() == 100
    assert got.details["names"] == ("top", "middle", "low")


def test_a_net_that_dies_at_the_usual_rate_learns_at_a_lower_one():
    """One of these two halves of 6,000 digits does, which are mostly black."""
    digits = load("mnist").train
    x, y = digits.x[:6000], digits.y[:6000]
    folds = torch.from_numpy(plain_learners.folds_of(y.numpy(), 2))
    found = plain_learners.image_probabilities(x, y, 10, folds, plain_learners.Plan(epochs=2, seconds=300))
    right = torch.from_numpy(found).argmax(1) == y
    assert all(float(right[folds == fold].float().mean()) > 0.9 for fold in (0, 1))


def test_a_net_that_dies_is_left_early_and_its_time_goes_on(monkeypatch):
    """All of them die here: each is left after 40 of 160 steps, and the next has what is left."""
    x, y = bars(800)
    now, given, taken = [0.0], [], [0]
    trained = plain_learners._trained

    def tick(count):
        taken[0] += count
        now[0] += 0.5  # seconds a step

    def noted(net, x, y, plan, tick):
        given.append(plan.seconds)
        return trained(net, x, y, plan, tick)

    monkeypatch.setattr(plain_learners, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(plain_learners, "_is_dead", lambda *_: True)
    monkeypatch.setattr(plain_learners, "_trained", noted)
    plain_learners.fit(plain_learners.QuickNet(x, 2), x, y, plain_learners.Plan(20.0, 1000.0), tick)
    assert taken[0] == 3 * 40 * 100  # 3 rates, 40 steps of 100 images
    assert given == [1000, 980, 960]
