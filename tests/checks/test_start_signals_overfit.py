"""Known answers of the checks on the start, on signals and on memorising, both ways."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipe_widgets import Data, checks

from .models import D, K, Lambda, adam, batches, mlp, regression, step

CE = F.cross_entropy


def said(check, model, *, data=None, loss=CE, **options):
    return check(model, batches() if data is None else data, loss, **options)


def scaled(factor):
    def make():
        model = mlp()
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(factor)
        return model

    return make


@pytest.mark.parametrize(("model", "loss", "expected"),
                         [(mlp, CE, "pass"), (scaled(30.0), CE, "warn"),
                          (mlp, lambda z, y: -CE(z, y), "warn"),
                          (mlp, lambda z, y: CE(z, y, reduction="sum"), "warn"),
                          (mlp, F.multi_margin_loss, "pass"),
                          (lambda: mlp(K, nn.Softmax(1)), F.nll_loss, "warn"),
                          (mlp, lambda z, y: CE(z, y, label_smoothing=0.1), "pass"),
                          (mlp, lambda z, y: CE(z, y).clamp(max=0.3), "warn")])
def test_loss_at_init(model, loss, expected):
    assert said(checks.loss_at_init, model, loss=loss).status == expected


def test_loss_at_init_expects_ln_k_and_looks_at_each_class():
    got = said(checks.loss_at_init, mlp)
    assert got.expected == pytest.approx(math.log(K))
    assert set(got.details["per_class"]) == set(range(K))


@pytest.mark.parametrize("loss", [F.mse_loss, F.huber_loss, F.l1_loss])
def test_loss_at_init_of_a_regression(loss):
    far = [(x, y + 40) for x, y in regression()]
    assert said(checks.loss_at_init, lambda: mlp(1), data=regression(), loss=loss).status == "pass"
    assert said(checks.loss_at_init, lambda: mlp(1), data=far, loss=loss).status == "warn"
    assert said(checks.output_init, lambda: mlp(1), data=far, loss=loss).status == "warn"


def test_classes_fitted_as_numbers():
    loss = lambda z, y: F.mse_loss(z.squeeze(1), y.float())  # noqa: E731
    assert said(checks.loss_at_init, lambda: mlp(1), loss=loss, num_classes=K).status == "warn"


def test_output_init():
    assert said(checks.output_init, mlp).status == "pass"
    assert said(checks.output_init, scaled(30.0)).status == "warn"
    assert said(checks.output_init, lambda: mlp(K, nn.ReLU())).status == "warn"


def constant():
    model = mlp()
    for layer in model[:3:2]:
        nn.init.constant_(layer.weight, 0.05), nn.init.zeros_(layer.bias)
    return model


def test_init_scale():
    assert said(checks.init_scale, mlp).status == "pass"
    assert said(checks.init_scale, scaled(60.0)).status == "warn"
    assert said(checks.init_scale, scaled(1e-4)).status == "warn"
    assert said(checks.init_scale, constant).status == "fail"


def test_loss_decreases_and_update_ratio():
    def sgd(lr):
        return lambda model: torch.optim.SGD(model.parameters(), lr=lr)

    for optimizer, decreases, ratio in [(adam, "pass", "pass"), (sgd(1e-8), "warn", "warn"),
                                        (sgd(0.0), "warn", "fail"),
                                        (lambda m: torch.optim.Adam(m.parameters(), lr=3.0), None,
                                         "warn")]:
        assert decreases in (None, said(checks.loss_decreases, mlp, optimizer=optimizer).status)
        assert said(checks.update_ratio, mlp, optimizer=optimizer).status == ratio

    def no_step(model, optimizer, x, y):
        CE(model(x), y).backward()

    assert said(checks.update_ratio, mlp, optimizer=adam, train_step=no_step).status == "fail"
    assert said(checks.loss_decreases, mlp, optimizer=adam, train_step=no_step).status == "warn"
    assert said(checks.update_ratio, mlp, optimizer=adam, train_step=step).status == "pass"


def test_update_ratio_of_a_loop_that_accumulates_over_four_batches():
    def epoch(model, optimizer, loader):
        for i, (x, y) in enumerate(loader, 1):
            (CE(model(x), y) / 4).backward()
            if i % 4 == 0:
                optimizer.step()
                optimizer.zero_grad()

    assert said(checks.update_ratio, mlp, optimizer=adam, train_epoch=epoch).status == "pass"


def test_update_ratio_is_the_real_change():
    model = nn.Linear(D, K, bias=False)
    got = said(checks.update_ratio, model,
               optimizer=lambda m: torch.optim.SGD(m.parameters(), 0.0, weight_decay=0.0),
               train_step=lambda m, *_: m.weight.data.mul_(0.99))
    assert got.measured == pytest.approx(0.01, rel=1e-3)


def test_input_independent_baseline():
    assert said(checks.input_independent_baseline, mlp, optimizer=adam).status == "pass"
    blind = lambda: nn.Sequential(Lambda(lambda x: x * 1e-7), mlp())  # noqa: E731
    unequal = [(x, torch.where(torch.arange(len(y)) % 10 < 7, 0, y)) for x, y in batches()]
    assert said(checks.input_independent_baseline, blind, data=unequal,
                optimizer=adam).status == "warn"


def dying():
    model = mlp()
    nn.init.constant_(model[0].bias, -9.0)
    return model


@pytest.mark.parametrize(
    "name", ["dead_units", "saturation", "gradient_norms", "gradients_flow", "init_scale"])
def test_a_model_is_looked_at_as_it_is_with_no_steps(name: str) -> None:
    """A model that was burnt must not be trained well before it is judged."""
    model, (x, y) = nn.Sequential(nn.Linear(4, 8), nn.Tanh(),
                                  nn.Linear(8, 3)), (torch.randn(32, 4), torch.arange(32) % 3)
    assert getattr(checks, name)(model, [(x, y)], F.cross_entropy, steps=0).status == "pass"


def test_dead_units():
    assert said(checks.dead_units, mlp).status == "pass"
    assert said(checks.dead_units, dying).status == "warn"

    def functional():
        return nn.Sequential(nn.Linear(D, 16), Lambda(lambda x: F.relu(x - 9)), nn.Linear(16, K))

    assert said(checks.dead_units, functional).status == "warn"
    assert said(checks.dead_units, lambda: mlp(act=nn.GELU)).status == "skip"


def test_saturation():
    tanh = lambda factor: lambda: nn.Sequential(  # noqa: E731
        nn.Linear(D, 32), Lambda(lambda x: torch.tanh(factor * x)), nn.Linear(32, K))
    assert said(checks.saturation, tanh(1.0)).status == "pass"
    assert said(checks.saturation, tanh(50.0)).status == "warn"
    assert said(checks.saturation, mlp).status == "skip"


def test_gradient_norms():
    deep = lambda: nn.Sequential(  # noqa: E731
        *[layer for _ in range(9) for layer in (nn.Linear(D, D), nn.Sigmoid())], nn.Linear(D, K))
    assert said(checks.gradient_norms, mlp).status == "pass"
    assert said(checks.gradient_norms, deep).status == "warn"
    assert said(checks.gradient_norms, mlp, loss=lambda z, y: 1e6 * CE(z, y)).status == "warn"


def conv(smooth):
    layer = nn.Conv2d(1, 4, 7)
    r = torch.linspace(-1, 1, 7)
    if smooth:
        layer.weight.data[:] = (r[:, None] + r[None, :] ** 2).expand(4, 1, 7, 7)
    return nn.Sequential(layer, nn.Flatten(), nn.Linear(4 * 9, K))


def test_filters_smooth():
    images = [(torch.randn(8, 1, 9, 9), torch.arange(8) % K)]
    assert said(checks.filters_smooth, conv(True), data=images, trained=True).status == "pass"
    assert said(checks.filters_smooth, conv(False), data=images, trained=True).status == "warn"
    assert said(checks.filters_smooth, conv(False), data=images).status == "note"
    assert said(checks.filters_smooth, mlp).status == "skip"


@pytest.mark.parametrize(("radius", "expected"), [(1.0, "pass"), (5.0, "warn"), (0.01, "warn")])
def test_recurrent_spectrum(radius, expected):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.RNN(D, 8, batch_first=True), nn.Linear(8, K)
            self.rnn.weight_hh_l0.data = radius * torch.linalg.qr(torch.randn(8, 8)).Q

        def forward(self, x):
            return self.out(self.rnn(x[:, None])[0][:, -1])

    got = said(checks.recurrent_spectrum, Last())
    assert (got.status, got.measured) == (expected, pytest.approx(radius, rel=1e-4))


def test_overfitting_a_batch():
    assert said(checks.overfit_one_batch, mlp, optimizer=adam).status == "pass"
    assert said(checks.overfit_few, mlp, optimizer=adam).status == "pass"
    soft = lambda: mlp(K, nn.Softmax(1))  # noqa: E731
    assert said(checks.overfit_one_batch, soft, optimizer=adam).status == "warn"
    assert "not even" in said(checks.overfit_few, soft, optimizer=adam).message


def test_overfit_few_says_why():
    decay = lambda m: torch.optim.SGD(m.parameters(), 0.1, weight_decay=1.0)  # noqa: E731
    got = said(checks.overfit_few, mlp, optimizer=decay)
    assert got.status == "warn"
    assert "regularised" in got.message
    g = torch.Generator().manual_seed(0)
    narrow = [(torch.randn(16, 2, generator=g), torch.arange(16) % 2)]
    got = said(checks.overfit_few, lambda: nn.Sequential(nn.Linear(2, 9), nn.Linear(9, 2)),
               data=narrow, optimizer=adam)
    assert "too small" in got.message


def test_a_floor_above_zero_is_known():
    smoothed = lambda z, y: CE(z, y, label_smoothing=0.2)  # noqa: E731
    assert said(checks.overfit_one_batch, mlp, loss=smoothed, optimizer=adam).status == "pass"
    assert said(checks.overfit_one_batch, lambda: mlp(K, nn.LogSoftmax(1)),
                loss=F.nll_loss).status == "pass"


def test_memorises_random_labels():
    assert said(checks.memorises_random_labels, mlp).status == "pass"
    tiny = lambda: nn.Sequential(nn.Linear(D, 1), nn.Tanh(), nn.Linear(1, K))  # noqa: E731
    assert said(checks.memorises_random_labels, tiny).status == "warn"


def test_generalisation_onset():
    got = said(checks.generalisation_onset, mlp, validation=batches(60, 20, 5), optimizer=adam)
    assert got.status == "pass"
    noise = [(torch.randn(20, D), torch.randint(K, (20,))) for _ in range(3)]
    assert said(checks.generalisation_onset, mlp, validation=noise, optimizer=adam).status == "note"


def test_generalisation_onset_of_our_own_splits():
    """A whole `Data` as validation means its validation part: here another rule than that of the
    training part.
    """
    train, held = (tuple(map(torch.cat, zip(*given, strict=True)))
                   for given in (batches(), batches(60, 20, 5)))
    data = Data.from_arrays(*train, validation=held, test=0)
    other = Data.from_arrays(*train, validation=(held[0], held[1].roll(1)), test=0)
    for split, expected in ((data.validation, "pass"), (data, "pass"), (other, "note")):
        assert said(checks.generalisation_onset, mlp, data=data, validation=split,
                    optimizer=adam).status == expected
