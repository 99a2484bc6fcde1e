"""What is wrong with each patient: a sound program, and the one change that breaks it.

Every change is one line of the kind that no error message tells of; `line` quotes it from the code
here. (Notebook 03, section 5.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.core import generator
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb03_check_the_machinery import clinic_programs as p
from recipe_widgets.lessons.nb03_check_the_machinery.clinic_programs import Pair, Program


@dataclass(frozen=True)
class Case:
    """One broken run.

    Attributes:
        key: for code. diagnosis: its name among the choices. data: "mnist" or "cifar10". base: the
            sound program.
        plant: what breaks it. line, mended: the wrong line, and the right one. why: what it did to
            the run.
        checks: those that are known to find it, the most telling first; none for a sound program.
    """

    key: str
    diagnosis: str
    data: str
    base: Callable[[Data], Program]
    plant: Callable[[Program], Program]
    line: str
    mended: str
    why: str
    checks: tuple[str, ...]


def no_zero_grad(sound: Program) -> Program:
    def step(model: nn.Module, optimizer: Any, loss_fn: p.Loss, x: torch.Tensor,
             y: torch.Tensor) -> torch.Tensor:
        loss = loss_fn(model(x), y)
        loss.backward()  # the bug: no `optimizer.zero_grad()` before it
        optimizer.step()
        return loss.detach()

    return sound.but(step=step)


@torch.no_grad()
def accuracy_in_training_mode(model: nn.Module, batches: Any) -> float:
    hits = [(model(x).argmax(1) == y).float() for x, y in batches]
    return float(torch.cat(hits).mean())


def never_eval(sound: Program) -> Program:
    return sound.but(evaluate=accuracy_in_training_mode)


def softmax_first(sound: Program) -> Program:
    return sound.but(factory=lambda: nn.Sequential(sound.factory(), nn.Softmax(dim=1)))


def bias_before_norm(sound: Program) -> Program:
    return sound.but(factory=lambda: p.conv_layers(bias=True))


def no_output_bias(sound: Program) -> Program:
    return sound.but(factory=lambda: p.ink_net(bias=False))


def heavy_decay(sound: Program) -> Program:
    # each step shrinks weights by lr times decay: 30 %
    return sound.but(optimizer=p.sgd(0.1, weight_decay=3.0))


def turned_but_not_relabelled(sound: Program) -> Program:
    def upside_down(x: torch.Tensor, y: torch.Tensor) -> Pair:
        chosen = torch.arange(len(x)) % 2 == 0  # every second sample of a batch
        return torch.where(chosen[:, None, None, None], x.flip(2, 3), x), y

    return sound.but(augment=upside_down)


def loss_clipped(sound: Program) -> Program:
    return sound.but(loss_fn=lambda logits, y: F.cross_entropy(logits, y).clamp(max=1.0))


class MixedRows(p.RowReader):
    """View where permute is meant."""

    def samples_first(self, states: torch.Tensor) -> torch.Tensor:
        steps, n, units = states.shape  # (T, N, H)
        return states.view(n, steps, units)


def view_for_permute(sound: Program) -> Program:
    return sound.but(factory=MixedRows)


def labels_shuffled(sound: Program) -> Program:
    x, y = sound.train
    order = torch.randperm(len(x), generator=generator(1, "check"))  # (N,) for the images only
    return sound.but(train=(x[order], y))


def held_not_normalised(sound: Program) -> Program:
    x, y = sound.validation
    raw = (x - x.amin()) / (x.amax() - x.amin())  # back to 0 to 1, as read from the file
    return sound.but(validation=(255 * raw, y))


class Detached(nn.Module):
    """Features that get no gradient."""

    def __init__(self, net: nn.Sequential) -> None:
        super().__init__()
        self.features, self.head = net[:-1], net[-1]  # all layers but the last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.features(x).detach())
        return out


def features_detached(sound: Program) -> Program:
    return sound.but(factory=lambda: Detached(sound.factory()))  # type: ignore[arg-type]


def head_replaced(sound: Program) -> Program:
    def optimizer(model: Any) -> torch.optim.Optimizer:
        made = sound.optimizer(model)  # too early: the new head is not in it
        model[-1] = nn.Linear(model[-1].in_features, 10)
        return made

    return sound.but(optimizer=optimizer)


def saturated(sound: Program) -> Program:
    def factory() -> nn.Module:
        net = sound.factory()
        for layer in net.modules():
            if isinstance(layer, nn.Linear):  # std 1 whatever the number of inputs
                nn.init.normal_(layer.weight, 0.0, 1.0)
        return net

    return sound.but(factory=factory)


def unshuffled(sound: Program) -> Program:
    x, y = sound.train
    order = y.argsort(stable=True)  # by class: first all samples of class 0, and so on
    return sound.but(train=(x[order], y[order]), shuffle=False)


def leaked(sound: Program) -> Program:
    x, y = sound.train
    return sound.but(validation=(x[:p.HELD], y[:p.HELD]))  # the first training samples


def summed(sound: Program) -> Program:
    return sound.but(loss_fn=lambda logits, y: F.cross_entropy(logits, y, reduction="sum"))


def too_high(sound: Program) -> Program:
    return sound.but(optimizer=p.sgd(2.0))  # twenty times the sound rate


def long_epochs(data: Data) -> Program:
    """An MLP that has seen its few photos many times."""
    sound = p.mlp(data)
    x, y = sound.train
    # 600 photos in 400 batches of 64: over 40 epochs
    return sound.but(train=(x[:p.HELD], y[:p.HELD]), steps=400)


def unchanged(sound: Program) -> Program:
    return sound


CASES: tuple[Case, ...] = (
    Case(
        "softmax_first", "softmax before the cross-entropy", "mnist", p.mlp, softmax_first,
        "nn.Sequential(sound.factory(), nn.Softmax(dim=1))", "sound.factory()",
        "Cross-entropy takes logits and applies its own softmax. Fed with probabilities, its "
        "smallest possible value for ten classes is 1.46 and its gradients are small, so the "
        "program learns slowly and stops high.",
        ("output_scale", "overfit_one_batch")),
    Case(
        "no_zero_grad", "the gradients are never cleared", "mnist", p.mlp, no_zero_grad,
        "loss.backward()", "optimizer.zero_grad(); loss.backward()",
        "PyTorch adds to .grad. Without zero_grad each step uses the sum of all gradients so far:"
        " it keeps rushing into directions that were right long ago.", ("grads_are_cleared", )),
    Case(
        "loss_clipped", "the loss is clipped instead of the gradient", "mnist", p.mlp, loss_clipped,
        "F.cross_entropy(logits, y).clamp(max=1.0)",
        "nn.utils.clip_grad_norm_(model.parameters(), 1.0) after backward",
        "Where the loss lies above the bound, clamp is flat: its gradient is exactly zero. At the"
        " start the loss is 2.3, so nothing is ever learnt.", ("gradients_flow", "loss_at_init")),
    Case(
        "never_eval", "the evaluation runs in training mode", "cifar10", p.convnet, never_eval,
        "hits = [(model(x).argmax(1) == y).float() for x, y in batches]",
        "model.eval() before it, model.train() after it",
        "Dropout silences half of the features while the model is judged, BatchNorm takes the "
        "statistics of the validation batch and even learns from them. The weights are fine; the "
        "number is not.",
        ("mode_toggles", )),
    Case(
        "held_not_normalised", "training and validation are normalised differently", "cifar10",
        p.mlp, held_not_normalised, "return sound.but(validation=(255 * raw, y))",
        "the same mean and std for both",
        "The model learns on inputs of mean 0 and std 1 and is judged on 0 to 255. Training looks"
        " healthy; only the validation numbers are poor, which is easily taken for overfitting.",
        ("train_eval_preprocessing", )),
    Case(
        "labels_shuffled", "images shuffled without their labels", "mnist", p.mlp, labels_shuffled,
        "return sound.but(train=(x[order], y))", "train=(x[order], y[order])",
        "The labels have nothing to do with the pictures. The network can only learn them by "
        "heart: the training loss falls slowly, the validation accuracy stays at that of a guess.", ("label_alignment", )),
    Case(
        "features_detached", "layers get no gradient (detach, or frozen)", "cifar10", p.convnet,
        features_detached, "self.head(self.features(x).detach())", "self.head(self.features(x))",
        "Only the last layer learns, on top of random features. It is astonishing how far that "
        "goes, and that is why nobody notices.", ("gradients_flow", )),
    Case(
        "saturated", "the initial weights saturate the units", "mnist", p.tanh_net, saturated,
        "nn.init.normal_(layer.weight, 0.0, 1.0)", "nn.init.xavier_normal_(layer.weight)",
        "With 784 inputs and weights of std 1 the sums have a std near 28: tanh is at +1 or -1, "
        "its slope is almost zero, and the first loss lies far above ln 10.", ("saturation", "loss_at_init")),
    Case(
        "view_for_permute", "view instead of permute: samples are mixed", "mnist", p.row_reader,
        view_for_permute, "return states.view(n, steps, units)", "return states.permute(1, 0, 2)",
        "Both give a tensor of the right shape. But view only cuts the memory anew: the states of"
        " one picture are handed to others.", ("batch_independence", )),
    Case(
        "head_replaced", "the optimiser does not hold all parameters", "mnist", p.mlp,
        head_replaced, "model[-1] = nn.Linear(model[-1].in_features, 10)",
        "replace the head first, then make the optimiser",
        "The optimiser was made before the head was replaced: it moves a layer that is no longer "
        "in the model. The new one keeps its random weights, and the layers in front learn to "
        "live with it.",
        ("optimizer_covers_model", )),
    Case(
        "turned", "the picture is turned, the label is not", "mnist", p.mlp,
        turned_but_not_relabelled, "x.flip(2, 3), x), y", "small shifts and rotations only",
        "A 6 upside down is a 9. Half of the training pictures are turned by 180 degrees and keep"
        " their label, so some of the labels are now wrong, and the rest of the capacity goes "
        "into digits that never occur.",
        ("augmentation_keeps_label", )),
    Case(
        "unshuffled", "sorted data, never shuffled", "mnist", p.mlp, unshuffled, "shuffle=False",
        "shuffle=True",
        "Every batch holds one class. The network forgets the last class while it learns the next"
        " one; the training loss falls to zero within a class and leaps at each change.", ("class_balance", )),
    Case(
        "leaked", "validation samples are in the training set", "cifar10", long_epochs, leaked,
        "validation=(x[:p.HELD], y[:p.HELD])", "validation samples that were never trained on",
        "The validation accuracy rises with the training accuracy, far above what the same model "
        "reaches on new pictures. Nothing is wrong with the training; the number is worthless.", ("split_leak", )),
    Case(
        "summed", "the loss is a sum over the batch", "cifar10", p.mlp, summed,
        'F.cross_entropy(logits, y, reduction="sum")', "F.cross_entropy(logits, y)",
        "The gradient is 64 times as large, and so is the step. The first loss is 64 times ln 10, which tells it at once.",
        ("loss_reduction", "loss_at_init")),
    Case(
        "too_high", "the learning rate is far too high", "mnist", p.mlp, too_high, "p.sgd(2.0)",
        "p.sgd(0.1)",
        "The first steps throw the weights so far that most ReLU units are never active again. "
        "What is left is a guess.", ("loss_decreases", "update_ratio")),
    Case(
        "heavy_decay", "far too much weight decay (not even one batch is learnt by heart)", "mnist",
        p.mlp, heavy_decay, "p.sgd(0.1, weight_decay=3.0)", "p.sgd(0.1)",
        "Each step shrinks all weights by 30 %. The loss cannot even fall on a single batch: had "
        "that been tried first, this would have been found in a second.", ("overfit_one_batch", "overfit_few")),
    Case(
        "no_output_bias", "no bias at the output, although the targets lie far from zero", "mnist",
        p.ink, no_output_bias, "p.ink_net(bias=False)",
        "bias=True, initialised with the mean of the targets",
        "The targets lie near 13. Without a bias the first loss is 13 squared, and the first part"
        " of the training is spent on the mean: a hockey stick.", ("loss_at_init", "output_init")),
    Case(
        "bias_before_norm", "nothing serious: a bias before BatchNorm, which removes it", "cifar10",
        p.convnet, bias_before_norm, "p.conv_layers(bias=True)", "bias=False, if you like",
        "BatchNorm subtracts the mean, and the bias with it. It costs a little memory and harms "
        "nothing: a habit, not a bug. A tool that calls it one teaches you to ignore the tool.", ("bias_before_norm", )),
    Case(
        "sound", "nothing is wrong", "cifar10", p.mlp, unchanged, "return sound", "nothing to mend",
        "Both curves are the same program. A plain MLP on photos is simply not better than this; "
        "knowing that saves a search for a bug that is not there.", ()),
)
