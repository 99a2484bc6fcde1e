"""Notebook 02: loss and accuracy of a whole set."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import (
    ModeRecorder,
    batches,
    close,
    expect,
    number,
    small_net,
)

Batches = list[tuple[torch.Tensor, torch.Tensor]]

_MEANS = ("A small batch counts as much as a large one here: weigh each batch by its size, and divide by "
          "all samples at the end.")


def evaluate(model, loader, loss_fn):
    """Mean loss and accuracy over all samples of `loader`, however they are cut into batches.

    loss_fn(outputs, y) is the mean loss of one batch.
    Returns (loss, accuracy), two Python numbers. In evaluation mode and without gradients; the
    model is in the mode in which it came afterwards.
    """
    was = model.training
    model.eval()
    loss, right, seen = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            outputs = model(x)
            loss += loss_fn(outputs, y).item() * len(y)  # the sum over the batch
            right += (outputs.argmax(dim=1) == y).sum().item()
            seen += len(y)
    model.train(was)
    return loss / seen, right / seen


def _expect_pair(found: Any) -> None:
    expect(isinstance(found, tuple | list) and len(found) == 2,
           "It should return two numbers: loss, accuracy.")


def _judge(yours: Any, net: nn.Module, loader: Batches) -> None:
    net.eval()
    x, y = (torch.cat([batch[part] for batch in loader]) for part in (0, 1))
    with torch.no_grad():
        outputs = net(x)
        losses = torch.stack([F.cross_entropy(net(x), y) for x, y in loader])
        shares = torch.stack([(net(x).argmax(1) == y).double().mean() for x, y in loader])
    model = ModeRecorder(net).eval()
    found = yours(model, loader, F.cross_entropy)
    _expect_pair(found)
    for name, value in zip(("loss", "accuracy"), found, strict=True):
        expect(not isinstance(value, torch.Tensor), f"The {name} is a tensor; a Python number is "
                                                    "wanted: .item().")
    why = ("In training mode dropout switches units off, and BatchNorm uses the batch: call model.eval() "
           "first.") if any(training for training, _ in model.seen) else ""
    close(number(found[0], "The loss is"), F.cross_entropy(outputs, y), "The loss", why,
          slips=[(losses.mean(), _MEANS)])
    right = (outputs.argmax(1) == y).double().mean()
    close(number(found[1], "The accuracy is"), right, "The accuracy", why, slips=[(shares.mean(), _MEANS)])


def equal(yours: Any) -> None:
    """Three batches of one size"""
    _judge(yours, small_net(1), batches(1, [8, 8, 8]))


def unequal(yours: Any) -> None:
    """Batches of 16, 16 and 1 samples"""
    _judge(yours, small_net(2), batches(2, [16, 16, 1]))


def dropout(yours: Any) -> None:
    """A network with dropout and BatchNorm, in float64"""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(),
                              nn.Dropout(0.5), nn.Linear(8, 3)).double()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loader = batches(3, [8, 5], dtype=torch.float64)
    _judge(lambda *args: yours(args[0].train(), *args[1:]), model, loader)
    for name, value in model.state_dict().items():
        expect(torch.equal(value, before[name]), f"It changes {name} of the model.")


def mode(yours: Any) -> None:
    """No gradients, and the mode as it was"""
    for training in (True, False):
        model = ModeRecorder(small_net(4)).train(training)
        yours(model, batches(4, [4, 4]), F.cross_entropy)
        expect(bool(model.seen), "It never calls the model.")
        expect(not any(gradients for _, gradients in model.seen),
               "Gradients are recorded: with torch.no_grad(): around the loop.")
        was = "training" if training else "evaluation"
        expect(model.training is training,
               f"The model came in {was} mode and is in the other one afterwards: training would go "
               "on without dropout. Keep model.training at the start, and put it back.")


def other_loss(yours: Any) -> None:
    """Another loss"""
    model, loader = small_net(5).eval(), batches(5, [6, 2])

    def loss_fn(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs - F.one_hot(y, 3)).abs().mean()

    with torch.no_grad():
        wanted = sum(float(loss_fn(model(x), y)) * len(y) for x, y in loader) / 8
    found = yours(model, loader, loss_fn)
    _expect_pair(found)
    close(number(found[0]), wanted, "The loss")


EXERCISE = Exercise(
    evaluate, "02_skeleton_and_baselines", (equal, unequal, dropout, mode, other_loss),
    hints=(
        "Your accuracy function has the frame. Add the loss: loss_fn(outputs, y) is the mean of a "
        "batch, so times len(y) it is the sum.",
        "Divide both sums once, at the end, by the number of all samples.",
        "was = model.training at the start, model.train(was) at the end.",
    ),
    main=MainLines("report", """loss, share = evaluate(model, val_loader, loss_fn)
print(f"epoch {epoch + 1}: validation loss {loss:.4f}, {share:.2%} right")"""))
