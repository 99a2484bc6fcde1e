"""MNIST at 14 x 14: a ConvNet pretrained on digits that lie on their side, by number of labels."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets import Data, Run, Settings, train
from recipe_widgets.data.split import Samples, Split
from recipe_widgets.data.stratified_split import split_generator, stratified
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion
from recipe_widgets.models import build_model

from .own_training import Train, model_of
from .samples import mnist

PRETRAINING = {"lr": 0.03, "max_steps": 600, "eval_every": 600}
APART = 20_000  # images for pretraining; the few with labels come from the others


@functools.cache
def halved() -> Data:
    """Images of 14 x 14 pixels, each the mean of four."""
    data = mnist()

    def smaller(split: Split) -> Split:
        x = F.avg_pool2d(split.x.float(), 2).round_().to(torch.uint8)
        old = split.samples
        return Split(Samples(x, old.y, old.index, old.origin), split.name, split.mean, split.std)

    return replace(data, train=smaller(data.train), validation=smaller(data.validation), _copies={})


def of_training(data: Data, rows: torch.Tensor, turned: bool = False) -> Data:
    part = data.train.samples.take(rows)
    x = part.x.rot90(1, (2, 3)).contiguous() if turned else part.x
    made = Samples(x, part.y, part.index, part.origin)
    return replace(data, train=Split(made, "train", data.train.mean, data.train.std), _copies={})


@functools.lru_cache(maxsize=64)
def pretrained(settings: Settings) -> nn.Module:
    """Trained on 20,000 digits that are turned by 90 degrees."""
    data = halved()
    rows, _ = stratified(data.train.y, APART, split_generator(0))
    return model_of(train(of_training(data, rows, turned=True), settings))


def begun(how: str, count: int) -> Train:
    """From scratch, or from the pretrained net with a new last layer: all of it trains on
    ("fine-tuned"), or the last layer alone ("frozen").
    """
    def trained(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
        _, rest = stratified(data.train.y, APART, split_generator(0))
        runs = []
        for seed in seeds:
            own = settings.replace(seed=seed)
            chosen, _ = stratified(data.train.y[rest], count, split_generator(seed))  # others each time
            few = of_training(data, rest[chosen])
            model = build_model(own, data.shape, data.num_classes)
            if how != "scratch":
                last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
                fresh = copy.deepcopy(last.state_dict())
                model.load_state_dict(pretrained(own.replace(**PRETRAINING)).state_dict())
                last.load_state_dict(fresh)
                if how == "frozen":
                    model.requires_grad_(False)
                    last.requires_grad_(True)
            runs.append(train(model, few, own))
        return runs

    trained.__name__ = f"{how}_{count}"
    return trained


COUNTS = (100, 1000)

EXPERIMENT = Experiment(
    name="transfer",
    title="MNIST at 14 x 14, ConvNet pretrained on 20,000 digits on their side",
    asks="What is pretraining worth, by the number of labels?",
    refuted_by="a net from scratch as good with 100 labels",
    equal="300 steps of 50 images with labels",
    page="11",
    data=halved,
    base=Settings(model="convnet", width=64, batch_size=50, max_steps=300, momentum=0.9,
                  schedule="cosine", eval_every=300),
    arms=[Arm(f"{how}, {count:,}", train=begun(how, count))
          for count in COUNTS for how in ("scratch", "frozen", "fine-tuned")],
    questions=[
        *(PairedQuestion(f"Fine-tuning is better than training from scratch with {count:,} labels",
                         f"fine-tuned, {count:,}", f"scratch, {count:,}") for count in COUNTS),
        *(PairedQuestion(f"Fine-tuning is better than a frozen net with {count:,} labels",
                         f"fine-tuned, {count:,}", f"frozen, {count:,}") for count in COUNTS),
        *(PairedQuestion(f"A frozen net is better than one from scratch with {count:,} labels",
                         f"frozen, {count:,}", f"scratch, {count:,}") for count in COUNTS),
    ],
    grid={"lr": (0.01, 0.03, 0.1)},
    matters=0.005,
)
