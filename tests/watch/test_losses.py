"""A loss is recognised by its gradient, whatever it is called: hand-made losses with known
factors.
"""

import math

import pytest
import torch
from torch.nn import functional as F

from recipe_widgets.rules import seen_loss
from recipe_widgets.watch.evidence.loss_recognition import Call, looked_at

N, K = 24, 5


def seen(loss_fn, *, y, outputs=lambda t: t, shape=(N, K), function=None, steps=3):
    """What the watcher would note of a few passes of this loss."""
    g, looks = torch.Generator().manual_seed(0), []
    for step in range(steps):
        start = torch.randn(shape, generator=g).requires_grad_()
        z = outputs(start * 1.0)
        call = Call(function, z, y, others=[] if function else [y])
        call.listen()
        from recipe_widgets.watch.instrument import autograd_graph as graph

        loss = loss_fn(z, y)
        scalars, last = graph.scalar_chain(loss), graph.last_operation(z)
        loss.backward()
        look, _ = looked_at(call, step, float(loss), 1.0, scalars)
        object.__setattr__(look, "last", last)
        looks.append(look)
    return looks


LABELS = torch.arange(N) % K


@pytest.mark.parametrize(("loss_fn", "kind", "scale"), [
    (lambda z, y: F.cross_entropy(z, y), "cross_entropy", 1.0),
    (lambda z, y: -F.log_softmax(z, 1)[torch.arange(N), y].mean(), "cross_entropy", 1.0),
    (lambda z, y: F.cross_entropy(z, y) / N, "cross_entropy", 1 / N),
    (lambda z, y: -(F.one_hot(y, K) * F.log_softmax(z, 1)).mean(), "cross_entropy", 1 / K),
    (lambda z, y: F.cross_entropy(z, y, reduction="sum"), "cross_entropy", N),
    (lambda z, y: F.log_softmax(z, 1)[torch.arange(N), y].mean(), "cross_entropy", -1.0),
])
def test_cross_entropy_by_its_gradient(loss_fn, kind, scale):
    looks = seen(loss_fn, y=LABELS)
    assert {s.kind for s in looks} == {kind}
    assert looks[0].scale == pytest.approx(scale, rel=1e-4)


def test_named_functions_are_known_without_guessing():
    looks = seen(F.cross_entropy, y=LABELS, function=F.cross_entropy)
    assert looks[0].scale == pytest.approx(1.0, rel=1e-5)
    assert looks[0].classes == K


def test_verdicts_on_reductions():
    def said(loss_fn, **options):
        return seen_loss.reduction(seen(loss_fn, y=LABELS, steps=4), options.pop("passes", 1), True,
                                   False)

    assert said(F.cross_entropy) is None
    assert "divided by the batch size" in said(lambda z, y: F.cross_entropy(z, y) / N).message
    # accumulation over N passes
    assert said(lambda z, y: F.cross_entropy(z, y) / N, passes=N) is None
    assert said(lambda z, y: -F.cross_entropy(z, y)).status == "fail"
    assert said(lambda z, y: F.cross_entropy(z, y, reduction="sum")).status == "warn"
    assert said(lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1)) is None


def test_soft_max_over_the_batch():
    def over_batch(z, y):
        return (torch.logsumexp(z, 0).mean() * K - z[torch.arange(N), y].sum()) / N

    assert seen_loss.coupling(seen(over_batch, y=LABELS)).status == "fail"
    assert seen_loss.coupling(seen(F.cross_entropy, y=LABELS)) is None


def test_broadcast():
    y = torch.randn(N, generator=torch.Generator().manual_seed(1))
    looks = seen(lambda z, y: ((z - y) ** 2).mean(), y=y, shape=(N, 1))
    assert {s.kind for s in looks} == {"broadcast"}
    assert str(N) in seen_loss.coupling(looks).message
    right = seen(lambda z, y: ((z.squeeze(1) - y) ** 2).mean(), y=y, shape=(N, 1))
    assert {s.kind for s in right} == {"regression"}
    assert seen_loss.coupling(right) is None


@pytest.mark.parametrize(("outputs", "loss_fn", "status"), [
    (lambda t: t.softmax(1), F.cross_entropy, "fail"),
    (lambda t: t, F.cross_entropy, None),
    (lambda t: t.log_softmax(1), F.cross_entropy, None),  # a second log-soft-max changes nothing
    (lambda t: t.relu(), F.cross_entropy, "warn"),
    (lambda t: t, F.nll_loss, "fail"),
    (lambda t: t.softmax(1), F.nll_loss, "fail"),
    (lambda t: t.log_softmax(1), F.nll_loss, None),
])
def test_outputs_fit(outputs, loss_fn, status):
    said = seen_loss.outputs_fit(seen(loss_fn, y=LABELS, outputs=outputs, function=loss_fn))
    assert (said.status if said else None) == status


def test_sigmoid_before_a_loss_with_logits():
    y = (torch.arange(N) % 2).float()
    looks = seen(F.binary_cross_entropy_with_logits, y=y, shape=(N,), outputs=torch.sigmoid,
                 function=F.binary_cross_entropy_with_logits)
    assert seen_loss.outputs_fit(looks).status == "fail"


def test_clipped_loss():
    looks = seen(lambda z, y: F.cross_entropy(z, y).clamp(max=0.1), y=LABELS,
                 function=F.cross_entropy)
    assert seen_loss.clipped_loss(looks).status == "fail"
    # a hinge that has reached zero is no clipped loss
    looks = seen(lambda z, y: (z * 0).clamp(min=0).mean(), y=LABELS)
    assert seen_loss.clipped_loss(looks) is None


def test_first_loss():
    fine = seen(F.cross_entropy, y=LABELS, function=F.cross_entropy)
    assert seen_loss.first_loss(fine, False) is None
    loud = seen(F.cross_entropy, y=LABELS, function=F.cross_entropy, outputs=lambda t: 40 * t)
    said = seen_loss.first_loss(loud, False)
    assert said.status == "warn"
    assert said.expected == pytest.approx(math.log(K))
    assert seen_loss.first_loss(loud, True) is None  # weights were loaded: who knows what they know


def test_classes_regressed():
    y = LABELS.float()
    looks = seen(lambda z, y: F.mse_loss(z, y), y=y, shape=(N,), function=F.mse_loss)
    assert looks[0].class_index == K
    assert seen_loss.classes_regressed(looks, compared=True).status == "warn"
    assert seen_loss.classes_regressed(looks, compared=False) is None
