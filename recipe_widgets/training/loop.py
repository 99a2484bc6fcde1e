"""The training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from recipe_widgets.core import History, Probe, RecipeError, Run, Settings, Step
from recipe_widgets.core.fitting import blamed, fitting
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data, Split
from recipe_widgets.data.augment import Augment
from recipe_widgets.models import build_model
from recipe_widgets.training.batch_indices import BatchIndices
from recipe_widgets.training.checkpointing import Checkpointing
from recipe_widgets.training.device import pick_device
from recipe_widgets.training.diverged import first_bad_step, why_diverged
from recipe_widgets.training.early_stopping import BestEvaluation
from recipe_widgets.training.optimizers import make_optimizer
from recipe_widgets.training.processes import count
from recipe_widgets.training.schedules import Plateau, learning_rate
from recipe_widgets.training.torch_errors import torch_errors_explained
from recipe_widgets.training.validation import Evaluation, evaluate, stratified_subset
from recipe_widgets.training.weight_averaging import WeightAverage

EARLY_LOOKS = frozenset(10 * 4**power for power in range(12))  # steps
LossOfBatch = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
_FITS = "a model that maps the data's batches to logits (N, K), and a loss that gives one number per batch"
ACCURACY_EVERY = 10  # steps; counting hits at each step would cost a small model 3 % of its speed


class Training:
    """All that a run in progress consists of; `step()` is one turn of the textbook loop.

    It trains `model` in place, on `settings.device`. Nobody else's generator is used or changed.

    Args:
        loss_fn: `(logits (n,K), targets, x (n, ...)) -> mean loss`, instead of cross-entropy;
            targets are labels (n,), or probabilities (n,K) after mixup or cutmix.
    """

    @validated
    @fitting("a model with weights to train, on numbers of the data's type")
    def __init__(self, model: nn.Module, data: Data, settings: Settings,
                 probes: Sequence[Probe] = (), loss_fn: LossOfBatch | None = None) -> None:
        self.device = pick_device(settings.device)
        self.settings, self.probes = settings, probes
        self.model = model.to(self.device).train()
        self.data = data.to(self.device)
        self.split = self.data.train
        if len(self.split.y) == 0:
            raise RecipeError("Training data", found="no samples", expected="at least one")
        self.history = History()
        self.batches = BatchIndices(len(self.split.y), settings.batch_size, settings.seed,
                                    self.device)
        self.optimizer = make_optimizer(model.parameters(), settings)
        self.best = BestEvaluation(settings)
        self.loss_fn = loss_fn
        self.augment = None if settings.augment == "none" else Augment(
            self.split, settings.augment, settings.augment_strength, self.data.num_classes,
            settings.seed)
        self.average = WeightAverage(self.model, settings.ema) if settings.ema else None
        self.plateau = Plateau() if settings.schedule == "plateau" else None
        self._varies = settings.schedule != "constant" or settings.warmup > 0
        self._looked_at: Split | None = None
        self._at_once = self.device.type == "cpu"
        self.loss = math.nan  # newest loss that is known on the CPU
        self.done = 0  # steps

    def new_run(self) -> Run:
        """The record of this training; it grows as the training goes on."""
        threads = [(0, torch.get_num_threads())]
        return Run(self.settings, self.history, self.model, data_name=self.data.name,
                   threads=threads, data=self.data)

    def step(self) -> Step:
        """One batch: forward, loss, zero_grad, backward, update; its numbers go into the
        history.
        """
        index = self.done
        watching = [probe for probe in self.probes
                    if index % probe.every == 0] if self.probes else ()
        for probe in watching:
            probe.before(self.model)
        x, y, targets = self._batch(next(self.batches))
        logits = self.forward(x)
        loss = self._loss(logits, targets, x)
        self.optimizer.zero_grad()
        loss.backward()
        self._before_update(index)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        self.done = index + 1
        self._record(index, loss.detach(), logits.detach(), y)
        for probe in watching:
            for name, value in probe.after(self.model, logits.detach(), y).items():
                self.history.append(name, index, value)
        return Step(index, self.batches.epoch, loss.detach(), self.history)

    def _batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Inputs, labels, and what the loss aims at: the labels, unless images were mixed."""
        if self.augment is not None:
            return self.augment.batch(rows)
        x, y = self.split.batch(rows)
        return x, y, y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, K) of the training forward pass."""
        logits: torch.Tensor = self._through(
            x) if self.settings.precision == "float32" else self._in_bf16(x)
        return logits

    def _through(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(x)
        return logits

    def _in_bf16(self, x: torch.Tensor) -> torch.Tensor:
        """Matrix products and convolutions in bfloat16; weights, loss and update stay float32."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self._through(x)
        return logits.float()

    def _loss(self, logits: torch.Tensor, targets: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        if self.loss_fn is not None:
            return self.loss_fn(logits, targets, x)
        return nn.functional.cross_entropy(logits, targets,
                                           label_smoothing=self.settings.label_smoothing)

    def _before_update(self, index: int) -> None:
        if self._varies:
            lr = learning_rate(index, self.settings, self.batches.steps_per_epoch)
            lr *= self.plateau.factor if self.plateau is not None else 1.0
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.history.append("lr", index, lr)
        if self.settings.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)

    def _record(self, index: int, loss: torch.Tensor, logits: torch.Tensor,
                y: torch.Tensor) -> None:
        if self._at_once:
            self.loss = loss.item()
            self.history.append("train_loss", index, self.loss)
        else:
            self.history.append_later("train_loss", index, loss)
        if index % ACCURACY_EVERY == 0:
            hits = (logits.argmax(1) == y).float().mean()
            self.history.append_later("train_accuracy", index, hits)
        if not self._at_once and (index % ACCURACY_EVERY == 0
                                  or index + 1 == self.settings.max_steps):
            self.loss = self.history.last("train_loss")

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
        if self._looked_at is None:
            self._looked_at = stratified_subset(self.data.validation, self.settings.eval_samples)
        result = self._look(self._looked_at)
        if self.plateau is not None:
            self.plateau.look(result.loss)
        self.history.append("val_loss", self.done - 1, result.loss)
        self.history.append("val_accuracy", self.done - 1, result.accuracy)
        self.best.note(self.done - 1, result.loss, self.judged)
        return result

    def _look(self, split: Split) -> Evaluation:
        return evaluate(self.judged, split)

    def due(self) -> bool:
        """Whether the settings ask for a look at the validation set after the step just done.

        After every `eval_every` steps (0: every epoch) and at the end; early in the run also after
            10, 40, 160, ...
        steps, since most happens there.
        """
        every = self.settings.eval_every or self.batches.steps_per_epoch
        early = self.done < every and self.done in EARLY_LOOKS
        return early or self.done % every == 0 or self.done == self.settings.max_steps


@validated
def advance(training: Training, run: Run) -> Iterator[Step]:
    """Train and evaluate until the run ends; keeps `run.status` and `run.message` true at every
    yield.
    """
    while training.done < training.settings.max_steps and not training.best.exhausted:
        step = training.step()
        if not training.finite():
            inputs = bool(torch.isfinite(
                training.split.x.float()).all()) if training.split.x.is_floating_point() else True
            run.status, run.message = "diverged", why_diverged(training.history, training.settings,
                                                               inputs)
            yield step
            return
        if training.due() and len(training.data.validation.y):
            training.evaluate()
        if training.done == training.settings.max_steps:
            training.finish()
            run.status = "done"
        elif training.best.exhausted:
            run.status, run.message = "stopped", stopped_early(training)
        yield step
    if training.done < training.settings.max_steps:
        run.status, run.message = "stopped", stopped_early(training)
    else:
        run.status = "done"


def stopped_early(training: Training) -> str:
    best = training.best
    return f"stopped early: {best.looks_since} looks without a validation loss under the {best.loss:.4g} of step {best.step}"


@validated
def end_with_best(training: Training, run: Run) -> None:
    """Give an ended run's model the weights of its best look, where the settings ask for it;
    says so in `run.message`.
    """
    best = training.best
    if best.weights is not None and best.step < training.done - 1:
        training.model.load_state_dict(best.weights)
        back = f"the weights are those of step {best.step} (validation loss {best.loss:.4g})"
        run.message = f"{run.message}; {back}" if run.message else back


@validated
def steps(model: nn.Module, data: Data, settings: Settings,
          probes: Sequence[Probe] = ()) -> Iterator[Step]:
    """Train `model` in place and yield after every iteration; whoever consumes it decides when to
    stop.

    >>> for step in steps(model, data, Settings(lr=0.1)):      # doctest: +SKIP
    ...     print(step.index, step.loss)

    At most `settings.max_steps` steps; it looks at the training set only, so schedule="plateau"
    finds none. The numbers are in `step.history`. After the last step `model` has the averaged
    weights where `settings.ema` asks for them.
    """
    with blamed("steps(model, data)", _FITS), torch_errors_explained(settings):
        training = Training(model, data, settings, probes)
        for index in range(settings.max_steps):
            step = training.step()
            if index == settings.max_steps - 1:
                training.finish()
            yield step


def _kind() -> type[Training]:
    """How to train: in one process, or in those that torchrun has started."""
    if count() == 1:
        return Training
    from recipe_widgets.training.distributed import DistributedTraining

    return DistributedTraining


@validated
@fitting(_FITS)
def train(data: Data, settings: Settings, model: nn.Module | None = None, *,
          probes: Sequence[Probe] = (), until: Callable[[Step], bool] | None = None,
          loss_fn: LossOfBatch | None = None, checkpoints: str | os.PathLike[str] | None = None,
          resume: bool = False) -> Run:
    """Train to the end of `settings.max_steps` and return the `Run`.

    Args:
        model: your own module, trained in place; by default the one that `settings` describe.
        until: called after each step; the run stops when it says True.
        loss_fn: `(logits, targets, x) -> mean loss`, instead of cross-entropy.
        checkpoints: a folder for the newest three and the best, written every
            `settings.checkpoint_every` steps.
        resume: go on from the newest whole checkpoint there, to the same bit; from the beginning
            where there is none. A model of your own must be built as it was then, and the global
            random generators are put back too.
    Returns:
        a Run that is whole also when it was stopped or diverged: a loss that is no number ends it,
            with the likely cause.
        `val_loss` and `val_accuracy` are of the whole validation set (unless
        `settings.eval_samples` says otherwise). With `settings.patience` or `final="best"` the
        model ends with the weights of its best look.

    In processes that torchrun started (inside `processes.together`) all must call this alike,
    `until` too; the first one writes the checkpoints.
    """
    if resume and checkpoints is None:
        raise RecipeError("train(resume=True)", found="no folder",
                          expected="checkpoints=, the folder of the run")
    with torch_errors_explained(settings):
        own = model is not None
        if model is None:
            model = build_model(settings, data.shape, data.num_classes)
        training = _kind()(model, data, settings, probes, loss_fn)
        run = training.new_run()
        run.own = own or loss_fn is not None
        saving = None if checkpoints is None else Checkpointing(checkpoints, training, run, own)
        if saving is not None:
            saving.begin(resume)
        for step in advance(training, run):
            stop = until is not None and run.status == "running" and until(step)
            if saving is not None and (stop or saving.due()):
                saving.save()
            if stop:
                training.finish()
                run.status, run.message = "stopped", f"stopped after step {step.index}"
                break
        end_with_best(training, run)
        return run
