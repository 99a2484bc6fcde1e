"""A loss is recognised by its gradient, whatever it is called: hand-made losses with known
factors.
"""

import math

import pytest
import torch
from torch.nn import functional as F

from recipe_widgets.rules.loss_at_init import FirstLoss
from recipe_widgets.rules.output_scale import OutputsAtLoss
from recipe_widgets.rules.rulebook import rule_named
from recipe_widgets.rules.training_evidence import WatchedLoss
from recipe_widgets.watch.evidence.loss_recognition import LossCall, observe_loss
from recipe_widgets.watch.instrument.autograd_graph import last_operation, scalar_operations

N, K = 24, 5


def seen(loss_fn, *, y, outputs=lambda t: t, shape=(N, K), function=None, steps=3):
    """What the watcher would note of a few passes of this loss."""
    g, looks = torch.Generator().manual_seed(0), []
    for step in range(steps):
        start = torch.randn(shape, generator=g).requires_grad_()
        z = outputs(start * 1.0)
        call = LossCall(function, z, y, candidates=[] if function else [y],
                        made_by=last_operation(z))
        call.follow_gradient()
        loss = loss_fn(z, y)
        scalars = scalar_operations(loss)
        loss.backward()
        looks.append(observe_loss(call, step, float(loss.detach()), 1.0, scalars)[0])
    return looks


def judged(name, passes, **facts):
    """What a rule says of these passes, None for nothing."""
    result = rule_named(name)(WatchedLoss(passes, **facts))
    return result if result.severity else None


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
    def said(loss_fn, name="loss_reduction", **facts):
        return judged(name, seen(loss_fn, y=LABELS, steps=4), **facts)

    assert said(F.cross_entropy) is None
    assert "divided by the batch size" in said(lambda z, y: F.cross_entropy(z, y) / N).message
    # accumulation over N passes
    assert said(lambda z, y: F.cross_entropy(z, y) / N, passes_per_step=N) is None
    assert said(lambda z, y: -F.cross_entropy(z, y), "loss_sign").status == "fail"
    assert said(F.cross_entropy, "loss_sign") is None
    assert said(lambda z, y: F.cross_entropy(z, y, reduction="sum")).status == "warn"
    adam = said(lambda z, y: F.cross_entropy(z, y, reduction="sum"), optimizer="Adam")
    assert adam.status == "note"  # its step does not depend on the size of the gradient
    assert said(lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1)) is None


def test_soft_max_over_the_batch():
    def over_batch(z, y):
        return (torch.logsumexp(z, 0).mean() * K - z[torch.arange(N), y].sum()) / N

    assert judged("loss_reduction", seen(over_batch, y=LABELS)).status == "fail"
    assert judged("loss_reduction", seen(F.cross_entropy, y=LABELS)) is None


@pytest.mark.parametrize(("rate", "falls", "status"), [
    (0.1, True, "warn"), (1e-3, True, "note"), (1e-3, False, "warn"), (float("inf"), True, "warn")])
def test_a_sum_with_a_rate_to_match(rate, falls, status):
    passes = seen(lambda z, y: F.cross_entropy(z, y, reduction="sum"), y=LABELS)
    assert judged("loss_reduction", passes, rate=rate, falls=falls).status == status


@pytest.mark.parametrize(("rate", "status"), [
    pytest.param(11.5 / (1024 * (1 + 1 / (1 - 0.85))), "note", id="per_sample"),
    pytest.param(0.05, "warn", id="per_batch")])
def test_a_sum_over_a_large_batch_with_a_rate_per_sample(rate, status):
    """As in a well-known speed record on CIFAR-10: 1,024 losses are added, and the rate is
    given for 1,024 samples.
    """
    def summed(z, y):
        return F.cross_entropy(z, y, reduction="none").sum()

    passes = seen(summed, y=torch.arange(1024) % 10, shape=(1024, 10))
    assert judged("loss_reduction", passes, rate=rate, falls=True).status == status


def test_broadcast():
    y = torch.randn(N, generator=torch.Generator().manual_seed(1))
    looks = seen(lambda z, y: ((z - y) ** 2).mean(), y=y, shape=(N, 1))
    assert {s.kind for s in looks} == {"broadcast"}
    assert str(N) in judged("loss_reduction", looks).message
    right = seen(lambda z, y: ((z.squeeze(1) - y) ** 2).mean(), y=y, shape=(N, 1))
    assert {s.kind for s in right} == {"regression"}
    assert judged("loss_reduction", right) is None


def judged_outputs(passes):
    return rule_named("output_scale")(
        [OutputsAtLoss(p.outputs, p.kind, p.classes, p.below, p.made_by) for p in passes])


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
    said = judged_outputs(seen(loss_fn, y=LABELS, outputs=outputs, function=loss_fn))
    assert said.status == (status or "pass")


def test_sigmoid_before_a_loss_with_logits():
    y = (torch.arange(N) % 2).float()
    looks = seen(F.binary_cross_entropy_with_logits, y=y, shape=(N,), outputs=torch.sigmoid,
                 function=F.binary_cross_entropy_with_logits)
    assert judged_outputs(looks).status == "fail"


def test_clipped_loss():
    looks = seen(lambda z, y: F.cross_entropy(z, y).clamp(max=0.1), y=LABELS,
                 function=F.cross_entropy)
    assert judged("gradients_flow", looks).status == "fail"
    # a hinge that has reached zero is no clipped loss
    looks = seen(lambda z, y: (z * 0).clamp(min=0).mean(), y=LABELS)
    assert judged("gradients_flow", looks) is None


def test_first_loss():
    def said(**options):
        first = seen(F.cross_entropy, y=LABELS, function=F.cross_entropy, **options)[0]
        return rule_named("loss_at_init")(
            FirstLoss([first.value / first.scale], math.log(K), first.kind, first.classes))

    assert said().ok
    loud = said(outputs=lambda t: 40 * t)
    assert loud.status == "warn"
    assert loud.expected == pytest.approx(math.log(K))


def test_classes_regressed():
    y = LABELS.float()
    looks = seen(lambda z, y: F.mse_loss(z, y), y=y, shape=(N,), function=F.mse_loss)
    assert looks[0].index_classes == K
    assert judged("loss_fits_targets", looks, hits_counted=True).status == "warn"
    assert judged("loss_fits_targets", looks, hits_counted=False) is None
