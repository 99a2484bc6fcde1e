"""Out-of-sample predictions of plain learners: what a class looks like to someone who never saw the
sample.

For images a small ConvNet, quick on a CPU: after K. Jordan, 94% on CIFAR-10 in 3.29 Seconds (2024),
with narrow layers. Halves of CIFAR-10's 60,000 images predict one another with an accuracy of .88
after 8 epochs, 170 s on one core each.
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from recipe_widgets.core import RecipeError, generator, machine, rng_guard

Array = npt.NDArray[np.float64]
Tensor = torch.Tensor
_SIDE, _PAD, _BATCH = 32, 2, 256
_SHIFTS = ((0, 0), (-1, -1), (1, 1))  # pixels; the views whose mean judges, as in the paper
_WIDTHS = (32, 64, 128)
_RATES = (1.0, 0.25, 0.0625)  # that are tried, until a net learns
_LOOKED_AT = 200  # images
_FIRST_STEPS = 40  # that are taken however short the time is
_PEAK = 0.21  # of the training, where the rate is highest and ReLUs die
# of the training: later the whitened patches stay, as in the paper, and need no gradient
_WHITENING_LEARNS = 0.3
_MOST_TO_ONE = 0.5  # share of them that a sound net never takes too many for one class


@dataclass
class Plan:
    """How long a net learns: `epochs`, or fewer where `seconds` do not suffice; whether mirror
    images keep their label; and its learning rate, as a multiple of the paper's."""

    epochs: float = 8.0
    seconds: float = 100.0
    mirrored: bool = False
    seed: int = 0
    rate: float = 1.0


def sized(x: Tensor) -> Tensor:
    """Images (N,C,H,W) of at most 32 pixels a side."""
    if max(x.shape[2:]) <= _SIDE:
        return x
    size = (min(_SIDE, x.shape[2]), min(_SIDE, x.shape[3]))
    return torch.cat([F.adaptive_avg_pool2d(part.float(), size) for part in x.split(1000)])


class QuickNet(nn.Module):
    """Whitened patches of 2x2 pixels, then groups of two convolutions that halve the side, and
    the largest value of each.
    """

    def __init__(self, x: Tensor, classes: int) -> None:
        super().__init__()
        sample = x[torch.linspace(0, len(x) - 1, min(len(x), 2000)).long()].float()
        mean, std = sample.mean((0, 2, 3), keepdim=True), sample.std((0, 2, 3), keepdim=True)
        self.mean, self.scale = nn.Buffer(mean), nn.Buffer(1 / std.clamp(min=1e-6))
        filters = _whitening((sample - self.mean) * self.scale)
        self.white = nn.Conv2d(x.shape[1], len(filters), 2)
        with torch.no_grad():
            self.white.weight.copy_(filters)
            self.white.bias.zero_()  # type: ignore[union-attr]
        self.white.weight.requires_grad_(False)  # fixed, as in the paper
        depth = max(1, min(3, int(math.log2(max(2, min(x.shape[2:]) - 1)))))
        widths = [len(filters), *_WIDTHS[-depth:]] if depth > 1 else [len(filters), _WIDTHS[-1]]
        pairs = list(itertools.pairwise(widths))
        self.first = nn.ModuleList(_conv(i, outputs) for i, outputs in pairs)
        self.second = nn.ModuleList(_conv(outputs, outputs) for _, outputs in pairs)
        self.norms = nn.ModuleList(_norm(outputs) for _, outputs in pairs for _ in range(2))
        self.head = nn.Linear(widths[-1], classes, bias=False)
        nn.init.normal_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, K) of images (n,C,H,W) as they are, bytes or floats."""
        x = F.relu(self.white((x.float() - self.mean) * self.scale))
        for number, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            x = F.relu(self.norms[2 * number](F.max_pool2d(first(x), 2)))  # half the side
            x = F.relu(self.norms[2 * number + 1](second(x)))
        largest = x.amax((2, 3))  # (n, width)
        # The head has large weights, so that it learns slowly: its logits are divided again.
        return self.head(largest) / 9  # type: ignore[no-any-return]


def _whitening(x: Tensor) -> Tensor:
    """Filters (2 C 4, C, 2, 2) that make patches uncorrelated, and their negatives."""
    patches = x.unfold(2, 2, 2).unfold(3, 2, 2)  # (N, C, H/2, W/2, 2, 2)
    patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 4)  # (patches, 4 C)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    # 5e-4 keeps directions that hold nothing but rounding from being blown up
    filters = (vectors * (values.clamp(min=0) + 5e-4).rsqrt()).T.flip(0).reshape(
        -1, x.shape[1], 2, 2)
    return torch.cat([filters, -filters])


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    if outputs >= inputs:  # starts by handing its inputs on
        nn.init.dirac_(conv.weight.data[:inputs])
    return conv


def _norm(width: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(width, momentum=0.4)
    norm.weight.requires_grad_(False)  # the paper trains its shifts only
    return norm


def fit(net: QuickNet, x: Tensor, y: Tensor, plan: Plan,
        tick: Callable[[int], Any] = lambda _: None) -> QuickNet:
    """A trained copy of the net, on images (N,C,H,W) and labels (N,). `tick` hears how many samples
    were taken.

    The paper's rate is for CIFAR-10. On images that are mostly black all its ReLUs can die at once:
    then a lower rate is tried in the time that is left.
    """
    trained, start = net, time.monotonic()
    for share in _RATES:
        left = max(0.0, plan.seconds - (time.monotonic() - start))
        own = replace(plan, rate=plan.rate * share, seconds=left)
        trained = _trained(copy.deepcopy(net), x, y, own, tick)
        if not _is_dead(trained, x, y):
            break
    return trained


def _is_dead(net: QuickNet, x: Tensor, y: Tensor) -> bool:
    """Does it take nearly all images for one class, though they are of several?"""
    rows = slice(None, None, max(1, len(x) // _LOOKED_AT))
    taken = logits(net, x[rows], mirrored=False).argmax(1).bincount().max()
    of_largest_class = y[rows].bincount().max()
    return float(taken - of_largest_class) > _MOST_TO_ONE * len(y[rows])


def _trained(net: QuickNet, x: Tensor, y: Tensor, plan: Plan,
             tick: Callable[[int], Any]) -> QuickNet:
    batch = min(_BATCH, max(8, len(x) // 8))
    total, done, start = max(1, round(plan.epochs * (len(x) // batch))), 0, time.monotonic()
    optimizer = _optimizer(net, batch, plan.rate)
    peaks = [group["lr"] for group in optimizer.param_groups]
    draw = generator(plan.seed, "batches")
    # Shifted crops without copies: every window of the padded images is a view of it.
    border = F.pad(x, (_PAD,) * 4, mode="reflect" if min(x.shape[2:]) > _PAD else "replicate")
    windows = border.unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)  # (N, C, 5, 5, H, W)
    turned = torch.randint(2, (len(x),), generator=draw).bool()
    net.to(memory_format=torch.channels_last).train()
    epoch, share, looked = 0, 0.0, False
    while share < 1:
        for rows in torch.randperm(len(x), generator=draw)[: len(x) // batch * batch].split(batch):
            dy, dx = torch.randint(2 * _PAD + 1, (2, len(rows)), generator=draw)
            images = windows[rows, :, dy, dx]  # (batch, C, H, W)
            if plan.mirrored:  # each image alternates, which beats a toss
                images = torch.where((turned[rows] ^ bool(epoch % 2))[:, None, None, None],
                                     images.flip(3), images)
            for group, lr in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = lr * _rate(share)
            net.white.bias.requires_grad_(share < _WHITENING_LEARNS)  # type: ignore[union-attr]
            _step(net, optimizer, images, y[rows])
            done += 1
            tick(len(rows))
            # Where the machine is slow or busy, the time says how far the training is; a few steps
            # are taken at any rate.
            share = max(done / total,
                        _share_of_time(start, plan.seconds) if done >= _FIRST_STEPS else 0.0)
            if share >= 1:
                break
            if not looked and done >= _FIRST_STEPS and share > _PEAK:
                looked = True
                if _is_dead(net, x, y):  # it stays so: the time is for a lower rate
                    return net
                net.train()
        epoch += 1
    return net


def _share_of_time(start: float, seconds: float) -> float:
    return (time.monotonic() - start) / seconds if seconds > 0 else 1.0


def _rate(share: float) -> float:
    """A triangle: up to the peak at 21 % of the training, then down."""
    return 0.2 + 0.8 * share / _PEAK if share < _PEAK else 1 - 0.93 * (share - _PEAK) / (1 - _PEAK)


def _optimizer(net: QuickNet, batch: int, rate: float) -> torch.optim.Optimizer:
    shifts = [p for n, p in net.named_parameters() if "norms" in n and p.requires_grad]
    others = [p for n, p in net.named_parameters() if "norms" not in n and p.requires_grad]
    unit, decay = 1024 * (1 + 1 / (1 - 0.85)), 0.0153  # the paper's way of counting
    # The paper's rate is for batches of 1024; smaller ones take the root of the share.
    lr = rate * 8.0 / unit * min(1.0, math.sqrt(256 / batch))
    return torch.optim.SGD(
        [{"params": shifts, "lr": 64 * lr, "weight_decay": decay * batch / unit / 64 / lr},
         {"params": others, "lr": lr, "weight_decay": decay * batch / unit / lr}], momentum=0.85,
        nesterov=True)


def _step(net: QuickNet, optimizer: torch.optim.Optimizer, images: Tensor, y: Tensor) -> None:
    with _autocast():
        predicted = net(images.contiguous(memory_format=torch.channels_last))
    loss = F.cross_entropy(predicted.float(), y, label_smoothing=0.2, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _autocast() -> Any:
    return torch.autocast("cpu", torch.bfloat16, enabled=machine.bf16_is_fast())


@torch.no_grad()
def logits(net: QuickNet, x: Tensor, mirrored: bool) -> Tensor:
    """(N, K) in eval mode, the mean of both ways round where mirrored."""
    net.eval()
    found = []
    for part in x.split(_BATCH):  # 1,000 at a time take twice as long
        ways = [part, part.flip(3)] if mirrored else [part]
        with _autocast():
            found.append(
                sum(net(way.contiguous(memory_format=torch.channels_last)).float()
                    for way in ways) / len(ways))
    return torch.cat(found)


def shifted_logits(net: QuickNet, x: Tensor, mirrored: bool) -> Tensor:
    """(N, K), the mean over images that are shifted by a pixel, too."""
    border = F.pad(x, (1,) * 4, mode="reflect")
    height, width = x.shape[2:]
    views = [logits(net, border[:, :, 1 + dy:1 + dy + height, 1 + dx:1 + dx + width], mirrored)
             for dy, dx in _SHIFTS]
    return torch.stack(views).mean(0)


def image_probabilities(x: Tensor, y: Tensor, classes: int, folds: Tensor, plan: Plan, *,
                        progress: bool = False) -> Array:
    """Out-of-sample probabilities (N, K): each fold is predicted by a net that learnt on the
    others.

    Args:
        folds: (N,) number of the fold of each sample. One net per core learns at a time, on one
            thread.
    """
    x = sized(x)
    count = int(folds.max()) + 1
    # one thread a net: two nets on one thread each are faster than one net on two
    workers = max(1, min(count, machine.cores(), torch.get_num_threads()))
    # in epochs: a prediction costs a third of a training step
    predicting = len(_SHIFTS) * (1 + plan.mirrored) / 3 / (count - 1)
    plan = replace(plan,
                   seconds=plan.seconds * workers / count * plan.epochs /
                   (plan.epochs + predicting))
    out = torch.zeros(len(x), classes)
    with rng_guard():
        torch.manual_seed(plan.seed)
        nets = [QuickNet(x[folds != fold], classes) for fold in range(count)]
    todo = sum(int(plan.epochs * int((folds != fold).sum())) for fold in range(count))
    with tqdm(total=todo, desc="learning", unit=" images", disable=None if progress else True,
              leave=False) as bar:
        def work(fold: int) -> None:
            torch.set_num_threads(1)
            seen, held = (folds != fold).nonzero().flatten(), (folds == fold).nonzero().flatten()
            net = fit(nets[fold], x[seen], y[seen], plan, bar.update)
            scores = shifted_logits(net, x[held], plan.mirrored)
            out[held] = (scores * _sharpness(scores, y[held])).softmax(1)

        threads = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(workers, thread_name_prefix="recipe-check") as pool:
                list(pool.map(work, range(count)))
        finally:
            torch.set_num_threads(threads)
    return out.double().numpy()


def _sharpness(z: Tensor, y: Tensor) -> Tensor:
    """The factor on the logits which makes their probabilities honest (temperature scaling), by
    bisection.
    """
    low, high = torch.tensor(0.05), torch.tensor(50.0)
    # 30 halvings of a range of three decades leave a relative error of 1e-8
    for _ in range(30):
        middle = (low * high).sqrt().requires_grad_()
        with torch.enable_grad():
            slope = torch.autograd.grad(F.cross_entropy(z * middle, y), middle)[0]
        low, high = (middle.detach(), high) if slope < 0 else (low, middle.detach())
    return (low * high).sqrt()


def table_probabilities(x: Array, y: npt.NDArray[np.int64], classes: int,
                        folds: npt.NDArray[np.int64]) -> Array:
    """Out-of-sample probabilities (N, K) by logistic regression and a forest, averaged. x (N, D).

    Columns are standardised; classes which a fold's training part lacks get probability 0.
    """
    out = np.zeros((len(x), classes))  # sums of probabilities, normalised at the end
    for fold in np.unique(folds):
        seen, held = folds != fold, folds == fold
        for model in table_learners(int(seen.sum())):
            model.fit(x[seen], y[seen])
            found = model.predict_proba(x[held])
            out[np.ix_(held, np.asarray(model.classes_, dtype=np.int64))] += found
    out /= np.clip(out.sum(1, keepdims=True), 1e-12, None)
    return out


def table_learners(samples: int) -> list[Any]:
    """Unfitted sklearn classifiers: logistic regression of standardised columns, and a forest."""
    try:
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError:
        raise RecipeError("Learners", found="no scikit-learn", expected="it installed",
                          mend="pip install recipe_widgets[data]") from None
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=200))
    return [
        linear,
        ExtraTreesClassifier(100 if samples < 5000 else 50, min_samples_leaf=1, random_state=0)
    ]


def folds_of(y: npt.NDArray[np.int64], count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """The fold (N,) of each sample, every class dealt evenly."""
    order = torch.randperm(len(y), generator=generator(seed, "split")).numpy()
    order = order[np.argsort(y[order], kind="stable")]
    folds = np.empty(len(y), np.int64)
    folds[order] = np.arange(len(y)) % count  # sorted by class, so each class is dealt evenly
    return folds
