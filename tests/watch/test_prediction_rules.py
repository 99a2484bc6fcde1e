"""What becomes of a model's outputs: thresholds, rankings and metrics, right and wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.watch.test_cause_rules import net, said, samples

Metric = Callable[[torch.Tensor, torch.Tensor], object]


def trained(metric: Metric, classes: int = 1, ends_in_sigmoid: bool = False) -> None:
    """metric(outputs, labels) is computed after each epoch."""
    model, (x, y) = net(classes), samples()
    if ends_in_sigmoid:
        model.append(nn.Sigmoid())
    validation, labels = samples(200, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for _ in range(3):
        model.train()
        for a, b in zip(x.split(16), y.split(16), strict=True):
            optimizer.zero_grad()
            out = model(a)
            if classes > 1:
                loss = F.cross_entropy(out, b)
            elif ends_in_sigmoid:
                loss = F.binary_cross_entropy(out[:, 0], b.float())
            else:
                loss = F.binary_cross_entropy_with_logits(out[:, 0], b.float())
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            out = model(validation)
        with torch.set_grad_enabled(classes == 1):  # a metric needs no graph, and may be outside
            metric(out[:, 0] if classes == 1 else out, labels)


def auc_by_hand(scores: torch.Tensor, labels: torch.Tensor) -> float:
    positive, negative = scores[labels == 1], scores[labels == 0]
    gap = positive[:, None] - negative[None, :]
    return float((gap > 0).float().mean() + 0.5 * (gap == 0).float().mean())


def sorted_area(scores: torch.Tensor, labels: torch.Tensor) -> float:
    order = torch.argsort(scores, descending=True)
    hits = labels[order].float()
    return float((hits.cumsum(0) / torch.arange(1, len(hits) + 1) * hits).sum() / hits.sum())


def by_sklearn(name: str, *given: torch.Tensor) -> object:
    import sklearn.metrics

    return getattr(sklearn.metrics, name)(*(one.numpy() for one in given))


RANKINGS: list[tuple[Callable[..., object], Metric]] = [
    # (what ranks, scores): with thresholded ones it is wrong
    (auc_by_hand, lambda z, _: z.sigmoid()),
    (sorted_area, lambda z, _: z.sigmoid()),
    (lambda s, y: by_sklearn("roc_auc_score", y, s), lambda z, _: z.sigmoid()),
    (lambda s, y: by_sklearn("average_precision_score", y, s), lambda z, _: z),
]


@pytest.mark.parametrize("number", range(len(RANKINGS)))
@pytest.mark.parametrize("thresholded", [True, False])
def test_a_ranking_of_labels(number, thresholded):
    if number >= 2:
        pytest.importorskip("sklearn")
    ranks, scores_of = RANKINGS[number]

    def metric(z: torch.Tensor, y: torch.Tensor) -> object:
        scores = scores_of(z, y)
        assert isinstance(scores, torch.Tensor)
        return ranks((z.sigmoid() > 0.5).float() if thresholded else scores, y)

    assert said("metric_inputs", trained, metric) == (["error"] if thresholded else [])


def test_a_ranking_of_labels_by_torchmetrics():
    classification = pytest.importorskip("torchmetrics.classification")
    for thresholded in (True, False):
        def metric(z: torch.Tensor, y: torch.Tensor, labels: bool = thresholded) -> object:
            auroc = classification.BinaryAUROC()
            auroc.update((z.sigmoid() > 0.5).float() if labels else z.sigmoid(), y)
            return auroc.compute()

        assert said("metric_inputs", trained, metric) == (["error"] if thresholded else [])


@pytest.mark.parametrize(("metric", "sigmoid", "found"), [
    (lambda z, y: (z > 0.5).float(), False, True),
    (lambda z, y: z.detach().cpu().view(-1) >= 0.5, False, True),
    (lambda z, y: z.round(), False, True),
    (lambda z, y: z > 0, False, False),
    (lambda z, y: z.sigmoid() > 0.5, False, False),
    (lambda z, y: z.sigmoid().round(), False, False),
    (lambda z, y: z > 0.5, True, False),
    (lambda z, y: [((z > t) == y).float().mean() for t in torch.linspace(-2, 2, 9).tolist()], False, False),
])
def test_logits_that_are_thresholded_as_probabilities(metric, sigmoid, found):
    assert said("metric_inputs", trained, metric, 1, sigmoid) == (["error"] if found else [])


@pytest.mark.parametrize(("name", "swapped", "found"), [
    ("precision_score", True, True), ("precision_score", False, False), ("accuracy_score", True, False),
    ("confusion_matrix", True, True), ("confusion_matrix", False, False),
])
def test_labels_and_predictions_in_each_others_place(name, swapped, found):
    pytest.importorskip("sklearn")

    def metric(z: torch.Tensor, y: torch.Tensor) -> object:
        predicted = z.argmax(1)
        return by_sklearn(name, *((predicted, y) if swapped else (y, predicted)))

    assert said("metric_inputs", trained, metric, 2) == (["error"] if found else [])


def test_a_threshold_of_logits_in_numpy():
    pytest.importorskip("sklearn")
    for threshold, found in ((0.5, True), (0.0, False)):
        def metric(z: torch.Tensor, y: torch.Tensor, at: float = threshold) -> object:
            from sklearn.metrics import f1_score

            return f1_score(y.numpy(), (z.numpy() > at).astype(np.int64))

        assert said("metric_inputs", trained, metric) == (["error"] if found else [])
