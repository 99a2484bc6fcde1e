"""Known answers of the wiring checks, both ways."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipe_widgets import Data, checks

from .models import (
    D,
    Detached,
    InList,
    K,
    Lambda,
    Noisy,
    Sequence,
    Unused,
    WrongBackward,
    adam,
    batches,
    epoch_accumulating,
    epoch_zero_once,
    mlp,
    regression,
    step,
    step_without_zero,
    token_loss,
    tokens,
)

CE = F.cross_entropy


def status(check, model, *, data=None, loss=CE, **options):
    return check(model, batches() if data is None else data, loss, **options).status


class BatchNormNet(nn.Sequential):
    def __init__(self, bias=True):
        super().__init__(nn.Linear(D, 8, bias=bias), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, K))


@pytest.mark.parametrize(("model", "expected"), [(mlp(), "pass"), (BatchNormNet(), "pass"),
                                                 (mlp(K, nn.Softmax(0)), "fail"),
                                                 (mlp(K, Lambda(lambda z: z - z.mean(0))), "fail"),
                                                 (mlp(K, Lambda(lambda z: z.flip(0))), "fail"),
                                                 (Noisy(flag=False), "pass")])
def test_batch_independence(model, expected):
    assert status(checks.batch_independence, model) == expected


def test_causal_dependence():
    assert status(checks.causal_dependence, Sequence(), data=tokens(), loss=token_loss) == "pass"
    assert status(checks.causal_dependence, Sequence(causal=False), data=tokens(),
                  loss=token_loss) == "fail"
    assert status(checks.causal_dependence, mlp()) == "skip"
    # a target that is not the next input: looking ahead may be right
    other = [(x, y.flip(1)) for x, y in tokens()]
    assert status(checks.causal_dependence, Sequence(causal=False), data=other,
                  loss=token_loss) == "note"
    assert status(checks.causal_dependence, Sequence(causal=False), data=other, loss=token_loss,
                  causal=True) == "fail"


def head_replaced(model):
    optimizer = adam(model)
    model.out = nn.Linear(16, K)
    return optimizer


@pytest.mark.parametrize(("model", "optimizer", "expected"),
                         [(mlp(), adam, "pass"), (mlp(), lambda model: adam(mlp()), "fail"),
                          (mlp(), lambda m: adam(m[0]), "fail"),
                          (Detached(cut=False), head_replaced, "fail"), (InList(), adam, "fail"),
                          (InList(), None, "fail"), (mlp(), None, "skip")])
def test_optimizer_covers_model(model, optimizer, expected):
    assert status(checks.optimizer_covers_model, model, optimizer=optimizer) == expected


def test_an_optimizer_object_is_looked_at_and_left_alone():
    model = mlp()
    optimizer = adam(model)
    assert status(checks.optimizer_covers_model, model, optimizer=optimizer) == "pass"
    assert status(checks.update_ratio, model, optimizer=optimizer) == "pass"
    assert not optimizer.state
    assert status(checks.optimizer_covers_model, model, optimizer=adam(mlp())) == "fail"


def frozen(model):
    model[2].requires_grad_(False)
    return model


def test_frozen_parts_need_no_optimizer():
    head = lambda model: adam(model[4])  # noqa: E731
    model = mlp()
    model[0].requires_grad_(False), model[2].requires_grad_(False)
    assert status(checks.optimizer_covers_model, model, optimizer=head) == "pass"
    assert status(checks.gradients_flow, model) == "pass"
    assert status(checks.gradients_flow, lambda: frozen(mlp())) == "warn"  # frozen at random values


@pytest.mark.parametrize(("model", "loss", "expected"),
                         [(mlp(), CE, "pass"), (Detached(), CE, "fail"),
                          (Detached(cut=False), CE, "pass"), (Unused(), CE, "note"),
                          (mlp(), lambda z, y: CE(z, y).clamp(max=0.5), "fail"),
                          (mlp(), lambda z, y: CE(z.detach(), y), "fail"),
                          (BatchNormNet(), CE, "pass")])
def test_gradients_flow(model, loss, expected):
    assert status(checks.gradients_flow, model, loss=loss) == expected


def test_a_head_that_starts_at_zero_is_healthy():
    model = mlp()
    nn.init.zeros_(model[-1].weight), nn.init.zeros_(model[-1].bias)
    report = checks.run_all(model, batches(), CE, optimizer=adam, num_classes=K, progress=False)
    assert not [r for r in report if r.status in ("warn", "fail")], report


@pytest.mark.parametrize(("model", "loss", "expected"),
                         [(mlp(), CE, "pass"), (mlp(K, nn.LogSoftmax(1)), CE, "pass"),
                          (mlp(K, nn.LogSoftmax(1)), F.nll_loss, "pass"),
                          (mlp(K, nn.Softmax(1)), CE, "fail"),
                          (mlp(K, nn.Softmax(1)), F.nll_loss, "fail"), (mlp(), F.nll_loss, "fail"),
                          (mlp(K, nn.LogSoftmax(0)), F.nll_loss, "fail"),
                          (mlp(K, nn.ReLU()), CE, "warn")])
def test_output_scale(model, loss, expected):
    assert status(checks.output_scale, model, loss=loss) == expected


def test_output_scale_of_regression_and_binary_losses():
    binary = [(x, (y > 0).float()) for x, y in regression()]
    bce = F.binary_cross_entropy_with_logits
    assert status(checks.output_scale, mlp(1), data=binary, loss=bce) == "pass"
    assert status(checks.output_scale, mlp(1, nn.Sigmoid()), data=binary, loss=bce) == "warn"
    assert status(checks.output_scale, mlp(1), data=regression(), loss=F.mse_loss) == "pass"
    assert status(checks.output_scale, mlp(1, nn.ReLU()), data=regression(),
                  loss=F.mse_loss) == "fail"


def eval_then_train(model, loader):
    model.eval()
    hits = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    model.train()
    return hits / sum(len(y) for _, y in loader)


def left_in_eval(model, loader):
    value = eval_then_train(model, loader)
    model.eval()
    return value


def never_eval(model, loader):
    return sum(
        (model(x).argmax(1) == y).sum().item() for x, y in loader) / sum(len(y) for _, y in loader)


def evaluation_that_trains(model, loader):
    for x, y in loader:
        step(model, adam(model), x, y)
    return eval_then_train(model, loader)


def mean_of_means(model, loader):
    model.eval()
    value = np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in loader])
    model.train()
    return value


def plain_epoch(model, optimizer, loader):
    for x, y in loader:
        step(model, optimizer, x, y)


@pytest.mark.parametrize(("evaluate", "expected"), [(eval_then_train, "pass"),
                                                    (left_in_eval, "fail"), (never_eval, "warn"),
                                                    (evaluation_that_trains, "fail")])
def test_mode_toggles_with_an_evaluation(evaluate, expected):
    with_dropout = nn.Sequential(nn.Linear(D, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, K))
    got = checks.mode_toggles(with_dropout, batches(), CE, evaluate=evaluate,
                              validation=batches(60, 20,
                                                 1), train_epoch=plain_epoch, optimizer=adam)
    assert got.status == expected, got
    if evaluate is never_eval:
        assert "training mode" in got.message
        assert status(checks.mode_toggles, mlp(), evaluate=evaluate,
                      validation=batches(60)) == "pass"
        assert status(checks.mode_toggles, BatchNormNet(), evaluate=evaluate,
                      validation=batches(60)) == "fail"


class DropsOnPurpose(nn.Dropout):
    def forward(self, x):
        return F.dropout(x, self.p, True)


def test_mode_toggles_of_dropout():
    assert status(checks.mode_toggles, Noisy(flag=True)) == "pass"
    assert status(checks.mode_toggles, Noisy(flag=False)) == "warn"
    assert status(checks.mode_toggles, mlp(K, DropsOnPurpose(0.2))) == "note"
    assert status(checks.mode_toggles, mlp(K, nn.Dropout(0.9))) == "warn"


@pytest.mark.parametrize(("pieces", "expected"), [({"train_step": step}, "pass"),
                                                  ({"train_step": step_without_zero}, "fail"),
                                                  ({"train_epoch": plain_epoch}, "pass"),
                                                  ({"train_epoch": epoch_accumulating}, "pass"),
                                                  ({"train_epoch": epoch_zero_once}, "fail"),
                                                  ({}, "skip")])
def test_grads_are_cleared(pieces, expected):
    assert status(checks.grads_are_cleared, mlp(), optimizer=adam, **pieces) == expected


def test_gradients_left_by_the_evaluation():
    def clear_after(model, optimizer, x, y):
        step_without_zero(model, optimizer, x, y)
        optimizer.zero_grad()

    def with_backward(model, loader):
        return [CE(model(x), y).backward() for x, y in loader]

    parts = {"optimizer": adam, "evaluate": with_backward, "validation": batches(40)}
    assert status(checks.grads_are_cleared, mlp(), train_step=clear_after, **parts) == "fail"
    assert status(checks.grads_are_cleared, mlp(), train_step=step, **
                  parts) == "pass"  # cleared before: harmless


def test_bias_before_norm_is_a_note():
    assert status(checks.bias_before_norm, BatchNormNet()) == "note"
    assert status(checks.bias_before_norm, BatchNormNet(bias=False)) == "pass"
    assert status(checks.bias_before_norm,
                  nn.Sequential(nn.Linear(D, 8), nn.LayerNorm(8), nn.Linear(8, K))) == "pass"


@pytest.mark.parametrize(("loss", "expected"),
                         [(CE, "pass"), (lambda z, y: CE(z, y, reduction="sum"), "warn"),
                          (lambda z, y: CE(z, y) / len(y), "fail"),
                          (lambda z, y: CE(z, y) / K, "warn"),
                          (lambda z, y: CE(z, y, label_smoothing=0.1), "pass"),
                          (lambda z, y:
                           (z.logsumexp(0).mean() - z.gather(1, y[:, None]).mean()), "warn"),
                          (F.multi_margin_loss, "pass")])
def test_loss_reduction(loss, expected):
    assert status(checks.loss_reduction, mlp(), loss=loss, num_classes=K) == expected


def test_loss_that_broadcasts():
    def mse(z, y):
        return ((z - y) ** 2).mean()

    assert status(checks.loss_reduction, mlp(1), data=regression(shape=()), loss=mse) == "fail"
    assert status(checks.loss_reduction, mlp(1), data=regression(), loss=mse) == "pass"


def test_loop_equals_vectorised():
    parts = {"validation": batches(70, 20, 1)}
    assert status(checks.loop_equals_vectorised, mlp(), evaluate=eval_then_train, **parts) == "pass"
    assert status(checks.loop_equals_vectorised, mlp(), evaluate=mean_of_means, **parts) == "fail"
    assert status(checks.loop_equals_vectorised, mlp(K, nn.Softmax(0))) == "fail"


def first_batch_only(model, loader):
    x, y = loader[0]
    return (model.eval()(x).argmax(1) == y).double().mean().item()


def test_an_evaluation_that_takes_a_list_only_is_left_out():
    """The outputs are compared all the same."""
    parts = {"evaluate": first_batch_only, "validation": batches(70, 20, 1)}
    assert status(checks.loop_equals_vectorised, BatchNormNet(), **parts) == "pass"
    assert status(checks.loop_equals_vectorised, mlp(), **parts) == "pass"
    broken = nn.Sequential(BatchNormNet(), nn.Softmax(0))
    assert status(checks.loop_equals_vectorised, broken, **parts) == "fail"


def test_our_own_validation_split_is_cut_into_batches():
    train, held_out = (tuple(map(torch.cat, zip(*given, strict=True)))
                       for given in (batches(), batches(70, 20, 1)))
    data = Data.from_arrays(*train, validation=held_out, test=0)
    for held in (data.validation, data):
        parts = {"data": data, "validation": held}
        assert status(checks.loop_equals_vectorised, mlp(), evaluate=eval_then_train,
                      **parts) == "pass"
        assert status(checks.loop_equals_vectorised, mlp(), evaluate=mean_of_means,
                      **parts) == "fail"


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh, nn.GELU])
def test_gradient_check_of_right_nets(act):
    got = checks.gradient_check(mlp(act=act), batches(), CE)
    assert got.status == "pass", got
    assert got.measured < 1e-5


def test_gradient_check_of_a_wrong_backward():
    wrong = nn.Sequential(nn.Linear(D, 16), Lambda(WrongBackward.apply), nn.Linear(16, K))
    assert status(checks.gradient_check, wrong) == "fail"
    right = nn.Sequential(nn.Linear(D, 16), nn.SiLU(), nn.Linear(16, K))
    assert status(checks.gradient_check, right) == "pass"
    assert status(checks.gradient_check, right, h=1e-4) == "pass"


def test_gradient_check_of_inputs_alone():
    assert status(checks.gradient_check, nn.ReLU(), data=regression(), loss=lambda z, y:
                  (z.sum(1) - y[:, 0]).pow(2).mean()) == "pass"


def test_weighted_losses_are_no_fault():
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert status(checks.loss_reduction, mlp(), loss=nn.CrossEntropyLoss(weight),
                  num_classes=K) in ("pass", "note")
