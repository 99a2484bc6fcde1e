"""Healthy programs of kinds that look like faults: the watcher says nothing about them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import recipe_widgets
from recipe_widgets.watch import judging

N, D, K = 32, 6, 4


@pytest.fixture(autouse=True)
def _time_for_probes(monkeypatch):
    """As much as they want: a rule that had none would be silent about anything."""
    monkeypatch.setattr(judging, "PROBE_LEAST", 600.0)
    monkeypatch.setattr(judging, "PROBE_MOST", 600.0)


def said(train, **options) -> dict[str, list[str]]:
    """What watching this training says: rule -> messages, without notes."""
    with recipe_widgets.watch(**options) as report:
        train()
    assert not report.problems
    assert not report.unjudged
    found: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.severity != "note":
            found.setdefault(finding.check, []).append(finding.message)
    return found


def test_silence_of_rules_without_time_does_not_count(monkeypatch):
    monkeypatch.setattr(judging, "PROBE_MOST", 0.0)
    with pytest.raises(AssertionError, match="unjudged"):
        said(lambda: steps(mlp(), lambda m, i: F.cross_entropy(m(blobs()[0]), blobs()[1])))


def blobs(n=N, seed=0):
    """x (n, D), y (n,) of K classes around centres of their own."""
    g = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(K, D, generator=torch.Generator().manual_seed(99))
    y = torch.randint(K, (n, ), generator=g)
    return centres[y] + torch.randn(n, D, generator=g), y


def mlp(out=K, width=32):
    return nn.Sequential(nn.Linear(D, width), nn.ReLU(), nn.Linear(width, out))


def steps(model, loss_of, count=12, lr=1e-2, make=torch.optim.Adam):
    """loss_of(model, step) -> loss."""
    torch.manual_seed(0)
    optimizer = make(model.parameters(), lr=lr)
    for step in range(count):
        optimizer.zero_grad()
        loss_of(model, step).backward()
        optimizer.step()


# samples of a batch


OWN = np.random.default_rng(0)


class Noisy(nn.Module):
    """Draws from generators that are not torch's."""

    def __init__(self, draw):
        super().__init__()
        self.net, self.draw = mlp(), draw

    def forward(self, x):
        return self.net(x + self.draw(tuple(x.shape)))


class Rejecting(nn.Module):
    """Gamma variables are drawn by rejection: how many numbers that takes depends on the input."""

    def __init__(self):
        super().__init__()
        self.shape, self.head = nn.Linear(D, 3), nn.Linear(3, K)

    def forward(self, x):
        return self.head(torch.distributions.Gamma(F.softplus(self.shape(x)) + 0.1, 1.0).rsample())


@pytest.mark.parametrize("make", [
    lambda: Noisy(lambda shape: torch.tensor(
        np.random.normal(size=shape), dtype=torch.float32)),  # noqa: NPY002
    lambda: Noisy(lambda shape: random.random() * torch.ones(shape)),
    lambda: Noisy(lambda shape: torch.tensor(OWN.normal(size=shape), dtype=torch.float32)),
    Rejecting,
], ids=["numpy", "random", "own generator", "rejection"])
def test_a_random_model_does_not_mix_samples(make):
    found = said(lambda: steps(make(), lambda m, i: F.cross_entropy(
        m(blobs(seed=i)[0]), blobs(seed=i)[1])))
    assert "batch_independence" not in found


class Similarity(nn.Module):
    """Two encoders; the output is the (N, N) matrix of similarities, as of CLIP."""

    def __init__(self, last=lambda s: s):
        super().__init__()
        self.a, self.b, self.last = mlp(8), mlp(8), last

    def forward(self, x, y):
        return self.last(F.normalize(self.a(x), dim=1) @ F.normalize(self.b(y), dim=1).T / 0.1)


@pytest.mark.parametrize("last", [lambda s: s, lambda s: s.softmax(1), lambda s: s.log_softmax(0)])
def test_a_matrix_of_similarities_is_no_mixing(last):
    def loss(model, step):
        x = blobs(seed=step)[0]
        s = model(x, x + 0.1 * torch.randn(N, D))
        return F.cross_entropy(s, torch.arange(N)) + s.square().mean() * 1e-3

    assert "batch_independence" not in said(lambda: steps(Similarity(last), loss))


class Mixing(nn.Module):
    """Attention over the batch axis."""

    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        h = self.net(x)
        return (h @ h.T).softmax(0) @ h


def test_mixing_is_still_found():
    found = said(lambda: steps(Mixing(), lambda m, i: F.cross_entropy(
        m(blobs(seed=i)[0]), blobs(seed=i)[1])))
    assert "batch_independence" in found


# losses


def test_each_of_several_cross_entropies_is_judged_by_itself():
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Linear(D, 16)
            self.heads = nn.ModuleList(nn.Linear(16, K) for _ in range(6))

        def forward(self, x):
            return [head(self.trunk(x).relu()) for head in self.heads]

    def loss(model, step):
        x, y = blobs(seed=step)
        return sum(F.cross_entropy(z, y.roll(i)) for i, z in enumerate(model(x)))

    assert "loss_at_init" not in said(lambda: steps(Heads(), loss))


class Reverse(torch.autograd.Function):
    """Identity forward, negative gradient backward."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


class Adversarial(nn.Module):
    """Classes, and the domain behind a gradient reversal."""

    def __init__(self):
        super().__init__()
        self.trunk, self.classes, self.domain = nn.Linear(D, 32), nn.Linear(32, K), nn.Linear(32, 2)

    def forward(self, x):
        h = self.trunk(x).relu()
        return self.classes(h), self.domain(Reverse.apply(h))


def test_domain_adversarial_training():
    def train():
        torch.manual_seed(0)
        model = Adversarial()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for step in range(30):
            (x, y), target = blobs(64, step), blobs(64, 500 + step)[0] * 0.3 + 9
            (z, source_domain), (_, target_domain) = model(x), model(target)
            loss = F.cross_entropy(z, y) + F.cross_entropy(source_domain, torch.zeros(
                64, dtype=torch.long)) + F.cross_entropy(target_domain,
                                                         torch.ones(64, dtype=torch.long))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y in (blobs(200, 900), (blobs(200, 901)[0] * 0.3 + 9, blobs(200, 901)[1])):
                print((model(x)[0].argmax(1) == y).float().mean())

    found = said(train)
    assert "loss_at_init" not in found
    assert "train_eval_preprocessing" not in found


# steps and layers


def test_zero_gradients_are_not_swallowed_by_eps():
    def loss(model, step):
        x, y = blobs(seed=step)
        return F.cross_entropy(model(x), y) * 0.0

    found = said(lambda: steps(mlp(), loss, count=60))
    assert not any("eps of" in text for texts in found.values() for text in texts)


def test_a_strong_dropout_is_said_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(D, 64), nn.Linear(64, 64), nn.Linear(64, K)
            self.dropout, self.other = nn.Dropout(0.9), nn.Dropout(0.9)

        def forward(self, x):
            x = self.dropout(self.a(x).relu())
            x = self.dropout(self.b(x).relu())
            return self.c(self.other(x))

    found = said(lambda: steps(Twice(), lambda m, i: F.cross_entropy(
        m(blobs(seed=i)[0]), blobs(seed=i)[1])))
    assert [len(texts) for rule, texts in found.items() if rule == "dropout_rate"] == [1]


def test_dropout_layers_that_stay_on_in_eval_mode_are_monte_carlo_dropout():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.dropout, self.b = nn.Linear(D, 64), nn.Dropout(0.5), nn.Linear(64, K)

        def forward(self, x):
            return self.b(self.dropout(self.a(x).relu()))

    def train():
        model = Net()
        steps(model, lambda m, i: F.cross_entropy(m(blobs(seed=i)[0]), blobs(seed=i)[1]), 20)
        model.eval()
        model.dropout.train()
        x = blobs(64, 70)[0]
        with torch.no_grad():
            print(torch.stack([model(x).softmax(1) for _ in range(8)]).std(0).mean())

    assert "mode_toggles" not in said(train)


def test_dead_units_of_a_net_that_learns_are_noted_only():
    def train():
        model = mlp(width=64)
        with torch.no_grad():
            model[0].bias[:30] = -100
        steps(model, lambda m, i: F.cross_entropy(m(blobs(64, i)[0]), blobs(64, i)[1]), 40)

    assert "dead_units" not in said(train)


def rare(n=256, seed=0):
    """One sample in 25 is of class 1."""
    x, _ = blobs(n, seed)
    y = (torch.rand(n, generator=torch.Generator().manual_seed(seed)) < 0.04).long()
    return x + 2 * y[:, None], y


def focal(z, y):
    loss = F.cross_entropy(z, y, reduction="none")
    return ((1 - (-loss).exp())**2 * loss).mean()


def weighed(z, y):
    return (F.cross_entropy(z, y, reduction="none") * torch.tensor([1.0, 20.0])[y]).mean()


def focal_of_logarithms(z, y):
    p = z.softmax(1)[torch.arange(len(y)), y]
    return -((1 - p)**2 * p.log()).mean()


@pytest.mark.parametrize(("loss", "told"), [(focal, False), (weighed, False), (focal_of_logarithms, False),
                                            (F.cross_entropy, True)])
def test_a_loss_that_weighs_its_samples_answers_to_rare_classes(loss, told):
    found = said(lambda: steps(mlp(2), lambda m, i: loss(m(rare(seed=i)[0]), rare(seed=i)[1]), 20))
    assert ("class_balance" in found) == told


@pytest.mark.parametrize("plain_too", [True, False])
def test_random_views_beside_the_plain_samples_are_on_purpose(plain_too):
    test, labels = blobs(100, 7)

    def look(model, x, y, epoch):
        if plain_too:
            model(test)
        view = test + 0.1 * torch.randn_like(test)
        print((model(view).argmax(1) == labels).float().mean())

    found = said(lambda: train_and_evaluate(look))
    assert ("train_eval_preprocessing" in found) != plain_too


def test_units_that_died_later_count_as_dead():
    def train():
        torch.manual_seed(0)
        model = mlp(width=64)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        for step in range(40):
            x, y = blobs(64, step)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            if step == 8:
                with torch.no_grad():
                    model[0].bias[:60] -= 100

    assert "zero for all" in said(train)["dead_units"][0]


def test_a_wrong_reshape_behind_log_softmax_is_called_that():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(D, 16, batch_first=True), nn.Linear(16, K)

        def forward(self, x):
            return self.head(self.rnn(x)[0]).log_softmax(-1)  # (N, T, K)

    def loss(model, step):
        x = torch.randn(N, 7, D)
        y = (x[..., 0] > 0).long()
        return F.nll_loss(model(x).transpose(1, 2).reshape(-1, K), y.reshape(-1))

    found = said(lambda: steps(Tagger(), loss))
    assert ["reshape" in text for text in found["output_scale"]] == [True]


# splits


def train_and_evaluate(evaluate, count=6, x_y=None):
    """Epochs over 400 samples in batches; evaluate(model, x, y, epoch) after each."""
    torch.manual_seed(0)
    x, y = x_y or blobs(400)
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(count):
        for rows in torch.randperm(len(x)).split(40):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            evaluate(model, x, y, epoch)


def hits(model, x, y):
    return sum(int((model(a).argmax(1) == b).sum()) for a, b in zip(x.split(40), y.split(40), strict=True))


def test_an_estimate_from_random_training_samples_is_no_leak():
    def estimate(model, x, y, epoch):
        rows = torch.randperm(len(x))[:80]
        print(hits(model, x[rows], y[rows]) / 80)

    assert "split_leak" not in said(lambda: train_and_evaluate(estimate))


def test_estimates_of_both_losses_by_one_line_are_no_leak():
    test = blobs(200, seed=7)

    def estimate(model, x, y, epoch):
        for a, b in ((x, y), test):
            for _ in range(4):
                rows = torch.randint(len(a), (20, ))
                print((model(a[rows]).argmax(1) == b[rows]).float().mean())

    assert "split_leak" not in said(lambda: train_and_evaluate(estimate))


def test_looking_at_what_a_model_makes_of_training_samples_is_no_evaluation():
    def look(model, x, y, epoch):
        model(torch.cat([x[:40], blobs(40, 8)[0]]))

    assert "split_leak" not in said(lambda: train_and_evaluate(look))


def test_validation_that_is_a_part_of_the_training_set_is_still_found():
    found = said(lambda: train_and_evaluate(lambda model, x, y, epoch: print(
        hits(model, x[:80], y[:80]) / 80)))
    assert "training samples" in found["split_leak"][0]


def test_folds_of_a_cross_validation_are_no_leak():
    def train():
        x, y = blobs(300)
        for fold in range(3):
            held_out = torch.arange(300) % 3 == fold
            train_and_evaluate(lambda model, a, b, epoch, m=held_out: print(
                hits(model, x[m], y[m]) / 100), x_y=(x[~held_out], y[~held_out]))

    assert "split_leak" not in said(train)


def test_a_warm_up_on_random_labels_is_no_contradiction():
    """As fast CIFAR programs do it: a few steps on dummy labels before the clock starts, flips of
    all pictures in every other epoch, and an evaluation that averages over flips.
    """
    def train():
        torch.manual_seed(0)
        y = torch.randint(K, (200, ))
        x = torch.randn(K, 3, 8, 8)[y] + torch.randn(200, 3, 8, 8)
        for labels, epochs in ((torch.randint(K, (200, )), 1), (y, 24)):
            model = nn.Sequential(nn.Flatten(), nn.Linear(192, 32), nn.ReLU(), nn.Linear(32, K))
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            for epoch in range(epochs):
                pictures = x.flip(-1) if epoch % 4 > 1 else x
                for rows in torch.randperm(200).split(50):
                    optimizer.zero_grad()
                    F.cross_entropy(model(pictures[rows]), labels[rows]).backward()
                    optimizer.step()
            model.eval()
            with torch.no_grad():
                print(((model(x) + model(x.flip(-1))).argmax(1) == y).float().mean())

    assert "label_alignment" not in said(train)


# weights and inputs


def test_frozen_weights_that_were_computed_are_not_random():
    """As a whitening layer's are: written through .data, which torch's version counter misses."""
    def train():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(D, 32), nn.ReLU(), nn.Linear(32, K))
        model[0].weight.requires_grad_(False)
        model[0].weight.data[:] = torch.linalg.qr(torch.randn(32, 32))[0][:, :D]
        steps(model, lambda m, i: F.cross_entropy(m(blobs(seed=i)[0]), blobs(seed=i)[1]))

    assert "frozen" not in said(train)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_sparse_adjacency_is_an_input_as_well(sparse):
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(D, K)

        def forward(self, x, adjacency):
            return torch.sparse.mm(adjacency, torch.mm(x, self.layer.weight.T))

    x, y = blobs(100)
    x = x.to_sparse() if sparse else x
    adjacency = (torch.eye(100) + (torch.rand(100, 100) < 0.02)).to_sparse()
    assert "batch_independence" not in said(lambda: steps(
        Graph(), lambda m, i: F.cross_entropy(m(x, adjacency), y)))


# samples that are equal by chance


def test_short_sequences_that_are_equal_by_chance_are_no_leak():
    """10**4 values of a sample: of 160 in the evaluation some ten have an equal in a training set of
    700 by chance, and one pair of them is equal itself.
    """
    g = torch.Generator().manual_seed(3)
    x, held = torch.randint(10, (700, 4), generator=g), torch.randint(10, (160, 4), generator=g)
    held[1] = held[0]
    y, held_y = x[:, 0] % K, held[:, 0] % K
    model = nn.Sequential(nn.Embedding(10, 8), nn.Flatten(), nn.Linear(32, K))

    def train():
        for epoch in range(2):
            steps(model, lambda m, step: F.cross_entropy(m(x[step * 50:][:50]), y[step * 50:][:50]),
                  count=14)
            model.eval()
            with torch.no_grad():
                hits = sum(int((model(held[i:i + 40]).argmax(1) == held_y[i:i + 40]).sum())
                           for i in range(0, 160, 40))
            model.train()
            print(f"epoch {epoch} accuracy {hits / 160:.3f}")

    both = {tuple(row) for row in x.tolist()} & {tuple(row) for row in held.tolist()}
    assert len(both) >= 0.05 * 160
    assert "split_leak" not in said(train)


def trained(model, x, y, epochs=8, change=lambda x, y: (x, y), after=lambda model: None):
    """Epochs in batches of 40, each followed by `after` in evaluation mode."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(x)).split(40):
            xb, yb = change(x[rows], y[rows])
            loss = F.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            after(model)


def test_accuracies_on_training_and_validation_samples_beside_each_other_are_no_leak():
    x, y = blobs(400)
    x_val, y_val = blobs(200, seed=1)

    def after(model):
        for xs, ys in ((x[:200], y[:200]), (x_val, y_val)):
            print(f"{(model(xs).argmax(1) == ys).float().mean().item():.3f}")

    assert "split_leak" not in said(lambda: trained(mlp(), x, y, after=after))
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    mixed, labels = torch.cat([x[:200], x_val])[order], torch.cat([y[:200], y_val])[order]

    def in_calls_that_hold_both(model):
        hits = [(model(xs).argmax(1) == ys).sum().item()
                for xs, ys in zip(mixed.split(50), labels.split(50), strict=True)]
        print(f"accuracy {sum(hits) / 400:.3f}")

    assert "split_leak" in said(lambda: trained(mlp(), x, y, after=in_calls_that_hold_both))


def test_mixed_training_samples_that_come_out_unchanged_are_no_leak():
    x, y = blobs(400)
    x_val, _ = blobs(200, seed=1)

    def mixup(xb, yb):
        share = torch.distributions.Beta(0.5, 0.5).sample((len(xb), 1))
        share[:2] = 1.0  # as rounding leaves some of them
        other = torch.randperm(len(xb))
        targets = F.one_hot(yb, K).float()
        return share * xb + (1 - share) * xb[other], share * targets + (1 - share) * targets[other]

    def after(model):
        model(x_val)
        model(x)

    assert "split_leak" not in said(lambda: trained(mlp(), x, y, change=mixup, epochs=6, after=after))


def test_recalls_of_many_classes_are_no_wrong_accuracy():
    """With two digits one of them is easily what a slip would have made of the accuracy."""
    x, y = blobs(400)
    x_val, y_val = blobs(201, seed=1)

    def after(model):
        hits = torch.cat([model(xb).argmax(1) == yb
                          for xb, yb in zip(x_val.split(50), y_val.split(50), strict=True)])
        slip = hits.sum().item() / (5 * 50)
        print("recalls", *(f"{slip + (at - 3) / 20:.2f}" for at in range(8)))

    assert "metric_recount" not in said(lambda: trained(mlp(), x, y, after=after))
