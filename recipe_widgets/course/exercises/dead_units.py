"""Notebook 04: a hook that counts the units which never answer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from recipe_widgets.course.exercise import Exercise, MainLines
from recipe_widgets.course.trial_tools import (
    ModeRecorder,
    Slips,
    batches,
    close,
    copy_of,
    expect,
    number,
    random,
    small_net,
)


def dead_units(model, loader):
    """The share of dead units behind each nn.ReLU of `model`.

    A unit is one number of the ReLU's output for a sample; it is dead if it is 0 for every sample of
    all batches (x, y) of `loader`. Other activations do not count.
    Returns a dictionary: name of the ReLU, as model.named_modules() has it -> share, from 0 to 1.
    In evaluation mode and without gradients. Afterwards the model has its mode and its hooks as before.
    """
    alive, hooks = {}, []

    def hook_for(name):
        def hook(_module, _inputs, output):           # runs after each forward pass of this ReLU
            active = (output > 0).any(dim=0)          # (units,): for some sample of the batch
            alive[name] = alive[name] | active if name in alive else active
        return hook

    for name, module in model.named_modules():
        if isinstance(module, nn.ReLU):
            hooks.append(module.register_forward_hook(hook_for(name)))
    was = model.training
    model.eval()
    with torch.no_grad():
        for x, _ in loader:
            model(x)
    model.train(was)
    for hook in hooks:
        hook.remove()
    return {name: 1 - active.float().mean().item() for name, active in alive.items()}


Batches = list[tuple[torch.Tensor, torch.Tensor]]


def _slips(model: nn.Module, loader: Batches) -> dict[str, Slips]:
    """Name of each ReLU -> the shares that known slips lead to."""
    model, seen = copy_of(model).eval(), dict[str, list[torch.Tensor]]()
    for name, part in model.named_modules():
        if isinstance(part, nn.ReLU):
            seen[name] = []
            part.register_forward_hook(lambda _part, _inputs, out, kept=seen[name]: kept.append(out))
    with torch.no_grad():
        for x, _ in loader:
            model(x)
    return {name: _known(torch.cat(outputs) == 0) for name, outputs in seen.items()}


def _known(zero: torch.Tensor) -> Slips:
    """zero: where a ReLU gave 0, (samples, units) or (samples, channels, height, width)."""
    dead = zero.all(dim=0).double()
    return [
        (1 - dead.mean(), "That is the share of the units that are alive; the dead ones are wanted."),
        (dead.sum(), "That is how many units are dead. The share is wanted: their number by that of all "
                     "units, or the mean."),
        (zero.double().mean(), "That is the share of zeros among all outputs. A unit is dead if it is 0 "
                               "for every sample."),
        (zero.flatten(2).all(dim=2).all(dim=0).double().mean() if zero.ndim > 2 else dead.mean(),
         "That counts whole channels. Each place of each channel is a unit."),
    ]


def _judge(yours: Any, model: nn.Module, loader: Batches, wanted: dict[str, float],
           why: str = "", slips: bool = True) -> None:
    """slips: whether to tell of known ones; not where something else leads to the same shares."""
    known = _slips(model, loader) if slips else {}
    found = yours(model, loader)
    expect(isinstance(found, dict), "It should return a dictionary: name of the ReLU -> share of its "
                                    "units that are dead.")
    names = sorted(map(repr, found))
    expect(set(found) == set(wanted), f"Its names are {', '.join(names) or 'none'}; right is {sorted(wanted)}."
                                    f"{' ' + why if why else ''}")
    for name, share in wanted.items():
        close(number(found[name], f"The share of {name!r} is"), share, f"The share of {name!r}", why,
              slips=known.get(name, ()))


def _positive(x: torch.Tensor) -> torch.Tensor:
    return x.abs() + 0.1


def _one_layer(dead: int, units: int = 8) -> nn.Sequential:
    """Inputs are positive: the first `dead` units have weights below 0, the others above."""
    model = small_net(1, hidden=units)
    first = model[1]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.bias.zero_()
        first.weight.abs_().add_(0.01)
        first.weight[:dead].neg_()
    return model


def one_batch(yours: Any) -> None:
    """Three of eight units are dead; none; all"""
    (x, y), = batches(1, [6])
    for dead in (3, 0, 8):
        _judge(yours, _one_layer(dead), [(_positive(x), y)], {"2": dead / 8})


class _Picks(nn.Module):
    """Unit k answers to pixel k, minus a limit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :8]


def _pixels(rows: list[list[float]]) -> torch.Tensor:
    """Images (n, 1, 4, 4) whose first eight pixels are these."""
    images = torch.zeros(len(rows), 1, 4, 4)
    images.flatten(1)[:, :8] = torch.tensor(rows)
    return images


def rare(yours: Any) -> None:
    """A unit that answers to one sample of forty is alive"""
    x = -torch.ones(40, 8)
    x[17, 2] = 3.0
    model = nn.Sequential(_Picks(), nn.ReLU())
    _judge(yours, model, [(_pixels(x.tolist()), torch.zeros(40).long())], {"1": 7 / 8},
           "Dead is what is 0 for every sample. A unit that seldom answers is a specialist.")


def later_batch(yours: Any) -> None:
    """A unit that wakes in the last, smaller batch only"""
    first, second, last = -torch.ones(8, 8), -torch.ones(8, 8), -torch.ones(2, 8)
    first[0, 0], second[3, 1], last[1, 2] = 1.0, 1.0, 1.0
    loader = [(_pixels(part.tolist()), torch.zeros(len(part)).long()) for part in (first, second, last)]
    _judge(yours, nn.Sequential(_Picks(), nn.ReLU()), loader, {"1": 5 / 8},
           "One unit answers in the first batch, one in the second, one in the last: the other five "
           "of eight are dead. Remember over all batches whether a unit was active.")


def tiny(yours: Any) -> None:
    """Outputs of 1e-12 are small, and not 0"""
    x = torch.full((4, 8), 1e-12)
    x[:, :2] = -1.0
    _judge(yours, nn.Sequential(_Picks(), nn.ReLU()), [(_pixels(x.tolist()), torch.zeros(4).long())],
           {"1": 2 / 8}, "Ask whether the output is exactly 0, without a threshold.")


def names(yours: Any) -> None:
    """Two ReLUs, one inside another module; tanh and leaky ReLU do not count"""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        inner = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh())
        model = nn.Sequential(_one_layer(4)[:3], inner, nn.Linear(4, 6), nn.LeakyReLU())
    first = inner[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight[0], first.bias[0] = -1.0, -1.0
        first.weight[1:], first.bias[1:] = 1.0, 1.0
    (x, y), = batches(5, [6])
    _judge(yours, model, [(_positive(x), y)], {"0.2": 4 / 8, "1.1": 1 / 4},
           "named_modules() goes through all modules, also those inside others; choose those that are "
           "nn.ReLU.")


def convolution(yours: Any) -> None:
    """A convolution: each place of each channel is a unit; float64"""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).double()
    x = torch.randn(5, 1, 4, 4, generator=random(6), dtype=torch.float64)
    conv = model[0]
    assert isinstance(conv, nn.Conv2d)
    with torch.no_grad():
        conv.weight[0], conv.bias[0] = 0.0, -1.0  # type: ignore[index]
        outputs = torch.relu(conv(x))             # (5, 3, 2, 2)
    wanted = (outputs == 0).all(dim=0).double().mean().item()
    _judge(yours, model, [(x, torch.zeros(5).long())], {"1": wanted})


def mode(yours: Any) -> None:
    """Evaluation mode, without gradients; afterwards the mode as it was"""
    norm = nn.BatchNorm1d(8)
    assert norm.running_mean is not None
    norm.running_mean.fill_(50.0)  # in evaluation mode all units end below 0
    inner = nn.Sequential(_Picks(), norm, nn.ReLU())
    for training in (True, False):
        model = ModeRecorder(inner).train(training)
        _judge(yours, model, batches(7, [8, 8]), {"model.2": 1.0},
               "In training mode BatchNorm uses the batch, and dropout switches units off: count in "
               "evaluation mode, model.eval().", slips=False)
        expect(not any(gradients for _, gradients in model.seen),
               "Gradients are recorded, which costs time and memory: with torch.no_grad(): around the "
               "loop.")
        expect(model.training is training, "It leaves the model in the other mode. Note model.training "
                                           "before, and put it back: model.train(was).")


def hooks_removed(yours: Any) -> None:
    """No hook is left behind, and one that was there before stays"""
    model, calls = _one_layer(2), []
    model[2].register_forward_hook(lambda *_: calls.append(1))
    (x, y), = batches(8, [6])
    for _ in range(2):
        _judge(yours, model, [(_positive(x), y)], {"2": 2 / 8}, slips=False)
    left = sum(len(module._forward_hooks) + len(module._forward_pre_hooks)
               for module in model.modules())
    expect(left <= 1, "Its hooks stay at the model, and run at each step from now on. "
                      "register_forward_hook returns a handle: handle.remove().")
    expect(left == 1, "It removes a hook that was not its own. Remove those that you registered.")


EXERCISE = Exercise(
    dead_units, "04_signals_inside",
    (one_batch, rare, later_batch, tiny, names, convolution, mode, hooks_removed),
    hints=(
        "A hook is a function (module, inputs, output) that PyTorch calls after the forward pass of "
        "a module. module.register_forward_hook(hook) sets it, and returns a handle with .remove().",
        "(output > 0).any(dim=0) says for each unit whether some sample of the batch woke it. Keep it "
        "in a dictionary under the name of the ReLU; from the second batch on, combine old and new "
        "with | (or).",
        "Each hook must know the name of its ReLU: a function hook_for(name) that returns the hook. "
        "Then: model.eval(), no_grad, model(x) for each batch, handle.remove() for all, "
        "model.train(was). The share is 1 - alive.float().mean().item().",
    ),
    main=MainLines("after training", """\
print(f"dead units: {dead_units(model, val_loader)}")"""))
