"""One model, one data set, trained by each library in its usual way: seconds per epoch, and seconds
to a test accuracy.

Every way gets the same weights to begin with, the same optimiser (SGD with momentum) and the same
batch size; what it is free to choose is how the batches get to the model, and which numbers it
computes on the way. Progress bars, loggers and checkpoints are off. `Clock.epoch_done` is called by
each library's own hook after an epoch; judging is not counted.
"""

from __future__ import annotations

import copy
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from recipe_widgets import Data, Settings, steps
from recipe_widgets.data import Split
from recipe_widgets.models import build_model
from recipe_widgets.training import evaluate


@dataclass
class Clock:
    """Seconds of each epoch, from the call of the library on; says when to stop."""

    epochs: int
    test: Split | None = None
    target: float = 1.0
    seconds: list[float] = field(default_factory=list)
    accuracy: float = 0.0
    _since: float = 0.0

    def start(self) -> None:
        self._since = time.perf_counter()

    def epoch_done(self, model: nn.Module) -> bool:
        """True when the library shall stop."""
        self.seconds.append(time.perf_counter() - self._since)
        if self.test is not None:
            self.accuracy = evaluate(model, self.test).accuracy
        self._since = time.perf_counter()
        return self.accuracy >= self.target or len(self.seconds) >= self.epochs


Way = Callable[[Data, Settings, Clock], None]
WAYS: dict[str, Way] = {}


def way(name: str) -> Callable[[Way], Way]:
    def keep(function: Way) -> Way:
        WAYS[name] = function
        return function

    return keep


def plain_model(data: Data, settings: Settings) -> nn.Module:
    """The model as anybody would write it down: layers in their order, weights in PyTorch's
    usual memory order.
    """
    model = build_model(settings, data.shape, data.num_classes)
    assert isinstance(model, nn.Sequential)
    return nn.Sequential(*model).to(memory_format=torch.contiguous_format)


def floats(data: Data) -> TensorDataset:
    """The training set normalised beforehand, as float32: the quickest thing to give a
    DataLoader.
    """
    x, y = data.train.batch(torch.arange(len(data.train.y)))
    return TensorDataset(x.contiguous(), y)


def sgd(model: nn.Module, settings: Settings) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.momentum)


@way("bare loop")
def bare(data: Data, settings: Settings, clock: Clock) -> None:
    """Resident tensors and a shuffled index: as little as there can be between the batches and
    the model.
    """
    x, y = floats(data).tensors
    model = plain_model(data, settings)
    clock.start()
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.lr, momentum=settings.momentum,
                                fused=True)
    while True:
        for rows in torch.randperm(len(y)).split(settings.batch_size):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        if clock.epoch_done(model):
            return


def ours(data: Data, settings: Settings, clock: Clock) -> None:
    model = build_model(settings, data.shape, data.num_classes)
    per_epoch = -(-len(data.train.y) // settings.batch_size)
    clock.start()
    for step in steps(model, data, settings.replace(max_steps=10**6)):
        step.loss  # noqa: B018  the bare loop reads it too
        if (step.index + 1) % per_epoch == 0 and clock.epoch_done(model):
            return


@way("recipe_widgets")
def full_precision(data: Data, settings: Settings, clock: Clock) -> None:
    ours(data, settings, clock)


@way("recipe_widgets, bf16")
def half_precision(data: Data, settings: Settings, clock: Clock) -> None:
    ours(data, settings.replace(precision="bf16"), clock)


def by_loader(loader: DataLoader[Any], model: nn.Module, settings: Settings,
              clock: Clock) -> None:
    clock.start()
    optimizer = sgd(model, settings)
    while True:
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        if clock.epoch_done(model):
            return


@way("DataLoader of tensors")
def tensors(data: Data, settings: Settings, clock: Clock) -> None:
    by_loader(DataLoader(floats(data), settings.batch_size, shuffle=True),
              plain_model(data, settings), settings, clock)


class Images(Dataset[tuple[torch.Tensor, int]]):
    """Transforms of a PIL image at each access, as torchvision's data sets do."""

    def __init__(self, data: Data) -> None:
        from torchvision import transforms

        x, y = data.train
        self.arrays, self.labels = x.permute(0, 2, 3, 1).squeeze(-1).numpy(), y.tolist()
        self.convert = transforms.Compose(
            [transforms.ToTensor(),
             transforms.Normalize(data.mean, data.std)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        return self.convert(Image.fromarray(self.arrays[index])), self.labels[index]


@way("DataLoader of PIL images")
def pictures(data: Data, settings: Settings, clock: Clock) -> None:
    by_loader(DataLoader(Images(data), settings.batch_size, shuffle=True),
              plain_model(data, settings), settings, clock)


@way("skorch")
def skorch(data: Data, settings: Settings, clock: Clock) -> None:
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Callback

    class Stop(Callback):
        def on_epoch_end(self, net: NeuralNetClassifier, **_: object) -> None:
            if clock.epoch_done(net.module_):
                raise KeyboardInterrupt  # how skorch is told to stop

    set_, model = floats(data), plain_model(data, settings)
    clock.start()
    net = NeuralNetClassifier(model, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.SGD,
                              lr=settings.lr, optimizer__momentum=settings.momentum,
                              batch_size=settings.batch_size, max_epochs=10**6,
                              iterator_train__shuffle=True, train_split=None, verbose=0,
                              classes=list(range(data.num_classes)), callbacks=[Stop()])
    net.fit(set_, y=None)


@way("Lightning")
def lightning(data: Data, settings: Settings, clock: Clock) -> None:
    import lightning as L

    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
            x, y = batch
            return nn.functional.cross_entropy(self.model(x), y)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return sgd(self.model, settings)

    class Stop(L.Callback):
        def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
            trainer.should_stop = clock.epoch_done(module.model)
            module.train()

    loader, model = DataLoader(floats(data), settings.batch_size,
                               shuffle=True), Module(plain_model(data, settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clock.start()
        L.Trainer(max_epochs=10**6, min_epochs=1, accelerator="cpu", logger=False,
                  enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                  callbacks=[Stop()]).fit(model, loader)


@way("fastai")
def fastai(data: Data, settings: Settings, clock: Clock) -> None:
    import fastai.callback.progress  # noqa: F401  # gives a Learner its no_bar
    from fastai.callback.core import Callback, CancelFitException
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader as FastLoader
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    class Stop(Callback):
        def after_epoch(self) -> None:
            if clock.epoch_done(self.learn.model):
                raise CancelFitException

    loader = FastLoader(floats(data), bs=settings.batch_size, shuffle=True, num_workers=0)
    model = plain_model(data, settings)
    clock.start()
    learn = Learner(
        DataLoaders(loader, loader), model,
        loss_func=nn.CrossEntropyLoss(), train_bn=True, opt_func=lambda params, lr: OptimWrapper(
            params, torch.optim.SGD, lr=lr, momentum=settings.momentum))
    with learn.no_bar(), learn.no_logging():
        learn._do_epoch_validate = lambda *_, **__: None  # there is nothing to validate here
        learn.fit(10**6, lr=settings.lr, cbs=[Stop()])


def timed(name: str, data: Data, settings: Settings, clock: Clock) -> Clock:
    """Run one way; the clock comes back with its figures."""
    torch.manual_seed(settings.seed)
    clock = copy.copy(clock)
    clock.seconds = []
    WAYS[name](data, settings, clock)
    return clock
