"""Bad input gives a clear error; nothing that is looked at changes; the report."""

import copy
import json
import random
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from recipe_widgets import RecipeError, checks
from recipe_widgets.checks import all_checks

from .models import D, K, adam, batches, mlp, step

CE = F.cross_entropy
X, Y = batches()[0]
NAN = X.clone().index_fill(0, torch.tensor([3]), float("nan"))


@pytest.mark.parametrize(
    ("given_batches", "options", "text"), [([], {}, "none"), (None, {}, "NoneType"),
                                           (X, {}, "iterable of pairs"), ([X], {}, "pair"),
                                           ([(X, Y, Y)], {}, "of 3"),
                                           ([(X, Y[:5])], {}, "same first length"),
                                           ([(X[:0], Y[:0])], {}, "no samples"),
                                           ([(NAN, Y)], {}, "NaN"),
                                           ([(X, Y + 7)], {"num_classes": K}, "labels"),
                                           ([(X, Y + 7)], {}, "labels"),
                                           ([(X, -Y)], {"num_classes": K}, "labels"),
                                           ([("text", Y)], {}, "tensor"),
                                           ([((X * 50).abs().to(torch.uint8), Y)], {}, "uint8"),
                                           ([(X, Y)], {"num_classes": 0}, "num_classes"),
                                           (iter([]), {}, "none")])
def test_bad_batches(given_batches, options, text):
    with pytest.raises(RecipeError, match=text):
        checks.loss_at_init(mlp(), given_batches, CE, **options)


@pytest.mark.parametrize(("model", "loss", "text"), [
    (mlp().half(), CE, "half"), (mlp().to("meta"), CE, "without values"), (3, CE, "nn.Module"),
    (lambda: 3, CE, "nn.Module"), (mlp(), None, "loss_fn"),
    (mlp(), lambda z, y: CE(z, y, reduction="none"), "shape"), (mlp(), lambda z, y: 1.0, "float")])
def test_bad_models_and_losses(model, loss, text):
    with pytest.raises(RecipeError, match=text):
        checks.loss_at_init(model, batches(), loss)


class Broken(nn.Module):
    def forward(self, x):
        raise KeyError("weights of the reader")


def test_a_broken_model_is_a_finding():
    got = checks.loss_at_init(Broken(), batches(), CE)
    assert got.status == "fail"
    assert "weights of the reader" in got.message
    assert checks.loss_at_init(mlp(), [(X[:, :5], Y)], CE).status == "fail"


def test_an_adapter_that_fails_as_the_loss_does_is_a_finding():
    def broken(output):
        raise KeyError("adapter of the reader")

    got = checks.loss_at_init(mlp(), batches(), lambda z, y: CE(broken(z), y), adapter=broken)
    assert got.status == "fail"
    assert "adapter of the reader" in got.message


class Dict(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return {"logits": self.net(x), "more": x}


def test_models_that_return_dicts():
    loss = lambda out, y: CE(out["logits"], y)  # noqa: E731
    report = checks.run_all(Dict, batches(), loss, adapter=lambda out: out["logits"], num_classes=K,
                            optimizer=adam, progress=False)
    assert not [r for r in report if r.status in ("warn", "fail")], report
    with pytest.raises(RecipeError, match="adapter"):
        checks.batch_independence(Dict(), batches(), loss)


class Kept(nn.Module):
    """Cannot be copied, and keeps what it computed."""

    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(D, 16), nn.BatchNorm1d(16), nn.Linear(16, K)
        self.drop = nn.Dropout(0.2)
        self.last = None

    def forward(self, x):
        self.last = self.a(x)
        return self.b(self.drop(torch.relu(self.norm(self.last))))


class Stubborn(Kept):
    def __deepcopy__(self, memo):
        raise RuntimeError("not me")


def evaluate(model, loader):
    return float(np.mean([float((model(x).argmax(1) == y).float().mean()) for x, y in loader]))


def state(model, optimizer, data):
    tensors = [
        *model.state_dict().values(), *[p.grad for p in model.parameters()],
        *[t for pair in data for t in pair]
    ]
    hooks = [
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
        for m in model.modules()
    ]
    return (
        copy.deepcopy([t.clone() if t is not None else None for t in tensors]),
        [m.training for m in model.modules()],
        hooks,
        [len(p._backward_hooks or ()) for p in model.parameters()],
        copy.deepcopy(optimizer.state_dict()),
        [p.requires_grad for p in model.parameters()],
        random.getstate(),
        np.random.get_state()[1].copy(),  # noqa: NPY002
        torch.get_rng_state(),
        torch.is_grad_enabled(),
        len(optimizer._optimizer_step_post_hooks))


def same(a, b):
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(p, q) for p, q in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (torch.Tensor, np.ndarray)):
        return bool((a == b).all())
    return a == b


@pytest.mark.parametrize("kind", [Kept, Stubborn])
@pytest.mark.parametrize("check", all_checks().values(), ids=lambda check: check.__name__)
def test_nothing_changes(check, kind):
    torch.manual_seed(1)
    model, data = kind(), batches()
    model.drop.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step(model, optimizer, *data[0])
    before = state(model, optimizer, data)
    if kind is Stubborn:  # nothing can be copied: the optimiser is left out
        got = check(model, data, CE, num_classes=K, validation=batches(40))
    else:
        got = check(model, data, CE, optimizer=optimizer, num_classes=K, train_step=step,
                    evaluate=evaluate, validation=batches(40))
    assert same(before, state(model, optimizer, data)), got
    assert "could not look" not in got.message, got


def test_generators_of_a_loader_are_left_alone():
    g = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(X, Y), 4, shuffle=True, generator=g)
    before, ours = g.get_state(), torch.get_rng_state()
    checks.run_all(mlp, loader, CE, optimizer=adam, validation=loader, evaluate=evaluate,
                   progress=False)
    assert torch.equal(before, g.get_state())
    assert torch.equal(ours, torch.get_rng_state())


def test_our_own_data(blobs):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    for given_data in (blobs, blobs.train):
        assert checks.loss_at_init(model, given_data, CE, num_classes=3).status == "pass"


def test_report(capsys):
    report = checks.run_all(lambda: mlp(K, nn.Softmax(1)), batches(), CE, num_classes=K,
                            optimizer=adam, progress=False)
    assert report["output_scale"].status == "fail"
    assert "output_scale" in str(report)
    page = report._repr_html_()
    assert "<script" not in page
    assert page.count("<tr") == len(report) + 1
    assert {r["check"] for r in json.loads(report.to_json())["findings"]} == {r.name for r in report}
    with pytest.raises(RecipeError, match="output_scale"):
        report.raise_for_failures()
    with pytest.raises(RecipeError, match="no result"):
        report["nonsense"]


def test_one_bad_check_never_stops_the_rest():
    def bad(target):
        raise ZeroDivisionError("mine")

    report = checks.run_all(mlp(), batches(), CE, only=[bad, checks.loss_at_init, lambda target: 3],
                            progress=False)
    assert [r.status for r in report] == ["skip", "pass", "skip"]
    report.raise_for_failures()


def test_checks_declare_the_worst_they_may_say():
    assert all(check.worst in ("note", "warn", "fail") for check in all_checks().values())
    assert checks.bias_before_norm.worst == "note"


@given(st.integers(1, 4), st.integers(1, 3),
       st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]),
       st.sampled_from(["int64", "int32", "float32", "bool"]), st.booleans())
def test_odd_input_gives_an_answer_or_a_clear_error(n, width, x_type, y_type, frozen):
    model = nn.Sequential(nn.Linear(3, K))
    model.requires_grad_(not frozen)
    x = torch.ones(n, width).to(getattr(torch, x_type))
    y = torch.zeros(n).to(getattr(torch, y_type))
    try:
        report = checks.run_all(
            model, [(x, y)], CE, progress=False, only=[
                checks.loss_at_init, checks.gradients_flow, checks.output_scale,
                checks.batch_independence, checks.loss_reduction, checks.grads_are_cleared
            ])
    except RecipeError as error:
        text = str(error)
    else:
        text = str(report)
    assert text


class Trainer:
    """Holds a lock, which nobody can copy."""

    def __init__(self):
        self.lock = threading.Lock()

    def step(self, model, optimizer, x, y):
        with self.lock:
            return step(model, optimizer, x, y)


def test_a_step_that_cannot_be_copied_leaves_the_optimizer_its_copy():
    model = mlp()
    before = [p.clone() for p in model.parameters()]
    half = torch.optim.SGD(model[0].parameters(), lr=0.1)
    for optimizer, expected in ((adam(model), "pass"), (half, "fail")):
        target = checks.subject(model, batches(), CE, optimizer=optimizer,
                                train_step=Trainer().step)
        assert checks.optimizer_covers_model(target).status == expected
        assert checks.grads_are_cleared(target).status == "pass"
        assert checks.update_ratio(target).status != "skip"
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
