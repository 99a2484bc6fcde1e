"""How many labels are expected to be wrong: planted errors are counted, and clean labels, also those
that a weak or an overconfident learner contradicts, give about none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from recipe_widgets import Settings, checks, load, train
from recipe_widgets.checks.label_noise import chance_of_error
from recipe_widgets.data.split import Samples, Split


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def learner(strength, temperature=1.0, n=6000, classes=10, seed=0):
    """Probabilities (n, K) that a learner gives, and labels of the samples. It knows exactly how
    much it does not know, but for the temperature.
    """
    draw = np.random.default_rng(seed)
    z = strength * draw.normal(size=(n, classes))
    y = np.array([draw.choice(classes, p=row) for row in softmax(z)])
    return softmax(z / temperature), y


def planted(y, share, classes=10, seed=1):
    """Labels of which a share was moved to another class, and where (n,)."""
    draw, y, bad = np.random.default_rng(seed), y.copy(), np.zeros(len(y), bool)
    rows = draw.permutation(len(y))[:round(share * len(y))]
    y[rows] = (y[rows] + draw.integers(1, classes, len(rows))) % classes
    bad[rows] = True
    return y, bad


@pytest.mark.parametrize("strength", [1.0, 3.0, 8.0])  # right in 30, 70, 90 of 100 cases
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_clean_labels_give_about_none(strength, temperature):
    p, y = learner(strength, temperature)
    assert (p.argmax(1) != y).sum() > 400  # so many does the learner contradict
    assert chance_of_error(p, y).sum() < 0.006 * len(y)


@pytest.mark.parametrize(("strength", "share"), [(3.0, 0.05), (8.0, 0.01), (8.0, 0.05), (8.0, 0.2)])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_planted_errors_are_counted(strength, share, temperature):
    p, y = learner(strength, temperature)
    y, bad = planted(y, share)
    chance = chance_of_error(p, y)
    assert chance.sum() == pytest.approx(bad.sum(), rel=0.3)
    for doubted in (chance > 0.5, chance > 0.2):
        if doubted.sum() > 30:  # a chance of 0.7 is right in 70 of 100 cases
            assert chance[doubted].mean() == pytest.approx(bad[doubted].mean(), abs=0.12)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01, 0.03])
def test_a_learner_that_gives_far_classes_too_much(share):
    """As label smoothing teaches it: log-odds far behind are cut down to -8 nats. No temperature
    mends that: with one alone, 44 of 150 planted errors were expected.
    """
    p, y = learner(5.0, n=30_000)  # right in 79 of 100 cases
    y, bad = planted(y, share)
    behind = np.log(p) - np.log(p).max(1, keepdims=True)
    p = softmax(-8 * (1 - np.exp(behind / 8)))
    chance = chance_of_error(p, y)
    assert chance.sum() == pytest.approx(bad.sum(), rel=0.2, abs=20)
    first = np.argsort(p[np.arange(len(y)), y])[:100]
    assert chance[first].sum() == pytest.approx(bad[first].sum(), abs=20)


def test_on_images():
    """MNIST, a small net that learns on the other half."""
    data, n = load("mnist").subset(4000), 4000
    true, fold = data.train.y.numpy(), np.arange(n) % 2
    for share, low, high in ((0.0, 0.0, 0.01), (0.03, 0.02, 0.05)):
        y, bad = planted(true, share)
        p = np.zeros((n, 10))
        for number in (0, 1):
            seen, held = (torch.from_numpy(np.flatnonzero(rows)) for rows in (fold != number, fold == number))
            old = data.train.samples.take(seen)
            part = Split(Samples(old.x, torch.from_numpy(y)[seen], old.index, old.origin), "train",
                         data.train.mean, data.train.std)
            run = train(replace(data, train=part, _copies={}),
                        Settings(model="mlp", lr=0.03, max_steps=300, schedule="cosine", eval_every=300))
            with torch.no_grad():
                p[held.numpy()] = run.model.eval()(data.train.batch(held)[0]).double().softmax(1).numpy()
        chance = chance_of_error(p, y)
        assert low <= chance.mean() <= high
        first = np.argsort(-chance)[:60]
        # MNIST has some wrong labels of its own: what is expected may be a few more
        assert abs(chance[first].sum() - bad[first].sum()) <= 16


def test_the_check_says_how_many_it_expects():
    p, y = learner(8.0)
    y, bad = planted(y, 0.03)
    got = checks.label_errors((np.zeros((len(y), 2)), y), probabilities=p)
    ranked = got.details["ranked"]["data"]
    assert got.status == "note"
    assert f"about {got.details['expected']:.0f} of them are expected to be wrong" in got.message
    assert got.details["expected"] == pytest.approx(bad[ranked["rows"]][ranked["issue"]].sum(), rel=0.25)
    early, late = np.array_split(ranked["chance"], 2)  # the most suspicious first
    assert early.mean() > 3 * late.mean()
    clean = checks.label_errors((np.zeros((len(y), 2)), learner(3.0)[1]), probabilities=learner(3.0)[0])
    assert "sure" not in got.message + clean.message
    assert clean.details["issues"] > 200
    assert clean.details["expected"] < 40
