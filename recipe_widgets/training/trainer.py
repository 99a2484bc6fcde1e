"""One training in progress: model, data, optimiser, and the textbook step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from recipe_widgets.core import History, Probe, RecipeError, Run, Settings, Step
from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import validated
from recipe_widgets.training.batch_indices import BatchIndices
from recipe_widgets.training.device import pick_device
from recipe_widgets.training.early_stopping import BestEvaluation
from recipe_widgets.training.losses import LossFunction, loss_function, validation_loss
from recipe_widgets.training.optimizers import OPTIMIZERS, make_optimizer
from recipe_widgets.training.schedules import learning_rate, plateau_of, varies

if TYPE_CHECKING:
    from recipe_widgets.data import Data, Split
    from recipe_widgets.data.augment import Augment
    from recipe_widgets.training.validation import Evaluation
    from recipe_widgets.training.weight_averaging import WeightAverage

# Early looks at the validation set, after so many steps: most happens in the beginning.
EARLY_LOOKS = frozenset(10 * 4**power for power in range(12))
ACCURACY_EVERY = 10  # steps; counting hits at each step would cost a small model 3 % of its speed

# Around the reader's own code: their model, and a loss that they may have handed in.
_MODEL = user_code("Training(model=)", "a model that maps the data's batches to outputs (N, K)")
_LOSS = user_code("Training(model=, loss_fn=)",
                  "a loss (output, y) that gives one number per batch, with a gradient")


class OneProcess:
    """How a training computes its steps when it is alone: every batch is whole.

    `distributed.ManyProcesses` has the same methods for batches that processes share.
    """

    def begin(self, training: Training) -> None:
        """Called once, when the training has been made."""

    def rows(self, batch: torch.Tensor) -> torch.Tensor:
        """Which samples of a batch are computed here. batch: indices (n,)."""
        return batch

    def forward(self, model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The output (n, K) of the model in training mode."""
        output: torch.Tensor = model(x)
        return output

    def backward(self, loss: torch.Tensor) -> None:
        """Leave in `.grad` the gradient of the mean loss of the whole batch."""
        loss.backward()

    def whole_batch(self, loss: torch.Tensor, hits: torch.Tensor | None,
                    size: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Mean loss and accuracy of the whole batch, 0-d.

        Args:
            loss: mean over the `size` samples computed here. hits: how many of them are right;
                None where nobody asks.
        """
        return loss, None if hits is None else hits.float() / size

    def evaluate(self, model: nn.Module, split: Split, loss_fn: LossFunction) -> Evaluation:
        """Loss and accuracy of `model` on all of `split`."""
        from recipe_widgets.training.validation import evaluate

        return evaluate(model, split, loss_fn)


class Training:
    """All that a run in progress consists of; `step()` is one turn of the textbook loop.

    It trains `model` in place, on `settings.device`. Nobody else's generator is used or changed.

    Args:
        loss_fn: `(output (n, K), y) -> mean loss`, instead of the one that `settings.loss` names;
            y are labels (n,), or probabilities (n, K) after mixup or cutmix.
        processes: who computes the steps; by default this process alone.
    """

    @validated
    def __init__(self, model: nn.Module, data: Data, settings: Settings,
                 probes: Sequence[Probe] = (), loss_fn: LossFunction | None = None,
                 processes: OneProcess | None = None) -> None:
        check_data("Training(data=)", data)
        self.device = pick_device(settings.device)
        self.probes = self._sound_probes(probes)
        self.model = model.to(self.device).train()  # in place: the reader's module itself
        self.data = data.to(self.device)
        self.split = self.data.train
        if len(self.split.y) == 0:
            raise RecipeError("Training data", found="no samples", expected="at least one")
        self.history = History()  # columns of numbers by step
        self.batches = BatchIndices(len(self.split.y), settings.batch_size, settings.seed,
                                    self.device)
        self.optimizer = make_optimizer(model.parameters(), settings)
        self.best = BestEvaluation(settings)
        self.loss_fn = loss_fn
        self.augment = self._augmentation(settings)
        self.average = self._weight_average(settings)
        self.plateau = plateau_of(settings)
        self._validation_subset: Split | None = None
        self._at_once = self.device.type == "cpu"  # reading a number there waits for nothing
        self.loss = math.nan  # newest loss that is known on the CPU
        self.done = 0  # steps
        self.follow(settings)
        self.processes = processes if processes is not None else OneProcess()
        self.processes.begin(self)

    @staticmethod
    def _sound_probes(probes: Sequence[Probe]) -> Sequence[Probe]:
        for probe in probes:
            if not all(hasattr(probe, name) for name in ("every", "before", "after")):
                raise RecipeError("Training(probes=)", found=describe_value(probe),
                                  expected="probes such as UpdateRatio()")
        return probes

    def follow(self, settings: Settings) -> None:
        """From the next step on, take loss, learning rate and precision from these settings."""
        self.settings = settings
        self._varies = varies(settings)
        own = self.loss_fn
        self._loss = own if own is not None else loss_function(settings)
        # a reader's own loss may be of training only: the validation set keeps the usual one
        self._validation_loss = validation_loss(settings if own is None else Settings())

    def _augmentation(self, settings: Settings) -> Augment | None:
        if settings.augment == "none":
            return None
        from recipe_widgets.data.augment import Augment

        return Augment(self.split, settings.augment, settings.augment_strength,
                       self.data.num_classes, settings.seed)

    def _weight_average(self, settings: Settings) -> WeightAverage | None:
        if not settings.ema:
            return None
        from recipe_widgets.training.weight_averaging import WeightAverage

        return WeightAverage(self.model, settings.ema)

    def change_augmentation(self, settings: Settings) -> None:
        """Augment as these settings say. One that goes on keeps drawing from its generator."""
        made = self._augmentation(settings)
        if made is not None and self.augment is not None:
            made.generator = self.augment.generator
        self.augment = made

    def new_run(self) -> Run:
        """The record of this training; it grows as the training goes on."""
        threads = [(0, torch.get_num_threads())]
        return Run(self.settings, self.history, self.model, data_name=self.data.name,
                   threads=threads, data=self.data)

    def parts(self) -> dict[str, Any]:
        """All that has a state of its own, by the name that it has in a checkpoint."""
        parts = {
            "model": self.model, "optimizer": self.optimizer, "batches": self.batches,
            "best": self.best, "average": self.average, "plateau": self.plateau,
            "loss_fn": self.loss_fn if isinstance(self.loss_fn, nn.Module) else None
        }
        return {name: part for name, part in parts.items() if part is not None}

    def step(self) -> Step:
        """One batch: forward, loss, zero_grad, backward, update; its numbers go into the
        history.
        """
        index = self.done
        probes = [probe for probe in self.probes
                  if index % probe.every == 0] if self.probes else ()
        for probe in probes:
            probe.before(self.model)
        x, y, targets = self.batch()
        with _MODEL:
            output = self.forward(x)
        with _LOSS:
            loss = self.loss_of(output, targets)
            self.optimizer.zero_grad()  # after the forward pass: its memory is free until here
            self.processes.backward(loss)
        self._before_update(index)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        self.done = index + 1
        # after the update: waiting for the numbers holds nothing up
        mean = self._record(index, loss.detach(), output.detach(), y)
        for probe in probes:
            for name, value in probe.after(self.model, output.detach(), y).items():
                self.history.append(name, index, value)
        return Step(index, self.batches.epoch, mean, self.history)

    def batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The next batch: inputs, labels (n,), and what the loss aims at: the labels, or
        probabilities (n, K) where images were mixed.
        """
        rows = self.processes.rows(next(self.batches))
        if self.augment is not None:
            return self.augment.batch(rows)
        x, y = self.split.batch(rows)
        return x, y, y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Output (n, K) of the training forward pass, float32."""
        if self.settings.precision == "float32":
            return self.processes.forward(self.model, x)
        # matrix products and convolutions in bfloat16; weights, loss and update stay float32
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            output = self.processes.forward(self.model, x)
        return output.float()

    def loss_of(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss of a batch, with its graph."""
        return self._loss(output, targets)

    def _before_update(self, index: int) -> None:
        if self._varies:
            lr = learning_rate(index, self.settings, self.batches.steps_per_epoch)
            # after warm-up and schedule, so that a cut holds whatever they do
            lr *= self.plateau.factor if self.plateau is not None else 1.0
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.history.append("lr", index, lr)
        if self.settings.clip_norm:  # over all weights together (Pascanu et al. 2013)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)

    def _record(self, index: int, loss: torch.Tensor, output: torch.Tensor,
                y: torch.Tensor) -> torch.Tensor:
        """Write down the numbers of the whole batch; returns its mean loss."""
        counts = index % ACCURACY_EVERY == 0
        with _MODEL:
            hits = (output.argmax(1) == y).sum() if counts else None
        # `y` are the images' own labels, also where the loss aimed at mixed ones
        loss, accuracy = self.processes.whole_batch(loss, hits, len(y))
        if self._at_once:
            self.loss = loss.item()
            self.history.append("train_loss", index, self.loss)
        else:
            self.history.append_later("train_loss", index, loss)
        if accuracy is not None:
            self.history.append_later("train_accuracy", index, accuracy)
        # waiting for a GPU at every step would leave it idle: every tenth, and the last
        if not self._at_once and (counts or index + 1 == self.settings.max_steps):
            self.loss = self.history.last("train_loss")
        return loss

    def finite(self) -> bool:
        """Whether the newest known loss is a number (on a GPU one is known up to ten steps
        later, the last one at once).
        """
        return self.done == 0 or math.isfinite(self.loss) or first_bad_step(self.history) is None

    @property
    def judged(self) -> nn.Module:
        """The model that looks at the validation set judge: the averaged one where there is one."""
        return self.model if self.average is None else self.average.model

    def finish(self) -> None:
        """The run has ended: the averaged weights, where there are any, become those of the
        model.
        """
        if self.average is not None and self.average.updates:
            self.average.copy_to(self.model)

    def evaluate(self) -> Evaluation:
        """Look at the validation set and write `val_loss` and `val_accuracy` of the newest step."""
        from recipe_widgets.training.validation import stratified_subset

        if self._validation_subset is None:  # chosen once: curves compare the same samples
            self._validation_subset = stratified_subset(self.data.validation,
                                                        self.settings.eval_samples)
        result = self.processes.evaluate(self.judged, self._validation_subset,
                                         self._validation_loss)
        if self.plateau is not None:
            self.plateau.look(result.loss)
        self.history.append("val_loss", self.done - 1, result.loss)
        self.history.append("val_accuracy", self.done - 1, result.accuracy)
        self.best.note(self.done - 1, result.loss, self.judged)
        return result

    def due(self) -> bool:
        """Whether the settings ask for a look at the validation set after the step just done."""
        return evaluation_due(self.done, self.settings, self.batches.steps_per_epoch)


def evaluation_due(done: int, settings: Settings, steps_per_epoch: int) -> bool:
    """Whether a look at the validation set is due after `done` steps: every `eval_every` steps (None:
    every epoch) and at the end; early in the run also after 10, 40, 160, ... steps, since most
    happens there.
    """
    every = settings.eval_every or steps_per_epoch
    early = done < every and done in EARLY_LOOKS
    return early or done % every == 0 or done == settings.max_steps


def check_data(what: str, data: object) -> None:
    """Raises RecipeError: it is no `Data`."""
    # imported here: whoever has data has loaded its class, and the loop stays small without
    from recipe_widgets.data import Data

    if not isinstance(data, Data):
        raise RecipeError(what, found=describe_value(data), expected="a Data",
                          mend="Make one with load(name) or Data.from_arrays(x, y).")


@validated
def first_bad_step(history: History) -> int | None:
    """The first step whose training loss is NaN or infinite, or None."""
    pairs = zip(history.steps("train_loss"), history.series("train_loss"),
                strict=True) if len(history) else ()
    return next((step for step, loss in pairs if not math.isfinite(loss)), None)


@validated
def why_diverged(history: History, settings: Settings, inputs_finite: bool = True) -> str:
    """One sentence: what became of the loss, at which step, the likely cause and what to try; ""
    where all losses are numbers.

    Args:
        inputs_finite: whether the batch of that step held only numbers.
    Raises:
        RecipeError: `settings.optimizer` has no row in `OPTIMIZERS`; the message lists the names.
    """
    from recipe_widgets.rules import divergence

    step = first_bad_step(history)
    if step is None:
        return ""
    loss = history.series("train_loss")[history.steps("train_loss").index(step)]
    row = OPTIMIZERS[settings.optimizer]
    return divergence.why_diverged(loss, step, lr=settings.lr, sound_lr=row.sound_lr,
                                   momentum=settings.momentum if row.amplifies else 0.0,
                                   weight_decay=settings.weight_decay, init=settings.init,
                                   inputs_finite=inputs_finite)
