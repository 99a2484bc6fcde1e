"""A run as the short script that one would write by hand: PyTorch's own loader, layers, schedules
and random numbers.

The same recipe, not the same digits: weights, batches and masks are drawn otherwise than in the
run. `script` is the one that ends with the run's own last number.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from recipe_widgets.core import Run, Settings
from recipe_widgets.data import Data
from recipe_widgets.data.augment.policy import AUGMENTATIONS, AugmentationRow
from recipe_widgets.export.layers import class_code
from recipe_widgets.export.source import sources
from recipe_widgets.export.template import WEIGHT_NORM, fill, spaced
from recipe_widgets.models import build_model
from recipe_widgets.models.layers import Dropout, PoolFirstSequential
from recipe_widgets.training.early_stopping import keeps_best
from recipe_widgets.training.losses import LOSSES
from recipe_widgets.training.optimizers import OPTIMIZERS

_WIDTH = 100  # characters of a line
_FEW = 4  # means and standard deviations of so many channels are written out

SCRIPT = '''\
"""<<title>>

<<notes>>
"""

<<import math>>
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

STEPS = <<steps>>
torch.manual_seed(<<seed>>)
stored = np.load(Path(__file__).with_name("<<file>>"))
<<moments>>


def dataset(part):
    x, y = torch.from_numpy(stored[f"x_{part}"]), torch.from_numpy(stored[f"y_{part}"])
    return TensorDataset(<<stored as>>, y)


<<normalise>>
train_loader = DataLoader(dataset("train"), batch_size=<<batch size>>, shuffle=True, drop_last=True)
<<val loader>>


<<classes>>
model = <<model>>
<<init>>
<<weight norm>>
<<functions>>
optimizer = <<optimizer>>
<<schedule>>
<<average>>


<<evaluate>>
step = 0
while step < STEPS:
    for x, y in train_loader:
        <<augment>>
        <<forward>>
        optimizer.zero_grad()
        loss.backward()
        <<clip>>
        optimizer.step()
        <<schedule step>>
        <<update average>>
        step += 1
        if step == STEPS:
            break
    <<look>>
'''
EVALUATE = '''\
@torch.no_grad()
def evaluate(model):
    """Mean loss and accuracy on the validation set."""
    model.eval()
    loss = right = 0
    for x, y in val_loader:
        output = model(<<val inputs>>)
        loss += <<val loss>> * len(y)
        right += (output.argmax(1) == y).sum().item()
    model.train()
    return loss / len(val_loader.dataset), right / len(val_loader.dataset)


'''
LOOK = '''\
val_loss, accuracy = evaluate(<<judged>>)
<<plateau step>>
print(f"step {step}: loss {loss.item():.4f}, "
      f"validation loss {val_loss:.4f}, accuracy {accuracy:.2%}")
'''

# `t`: the share of the run that is done. Each is held against `schedules.lr_at` by a test.
FACTORS = {
    "constant": "1.0",
    "step": "1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01",
    "halve": "0.5 ** math.floor(5 * t + 1e-9)",
    "exponential": "0.01 ** t",
    "epoch": "0.98 ** (step // len(train_loader))",
    "inverse": "1 / (1 + 9 * t)",
    "plateau": "1.0",
    "cosine": "0.5 * (1 + math.cos(math.pi * t))",
    "linear": "1 - t",
    "wsd": "min(1.0, 5 * (1 - t))",
}
FACTOR = '''\
def rate_factor(step):
    <<lines>>
    return factor<<warmup>>


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate_factor)
'''
# of torch.optim.lr_scheduler.OneCycleLR, where a warm-up multiplies it
ONE_CYCLE = '''\
peak, end = 0.3 * {steps} - 1, {steps} - 1
if step <= peak:
    factor = 1 - 0.48 * (1 + math.cos(math.pi * step / peak))
else:
    share = min(1.0, (step - peak) / (end - peak)) if end > peak else 1.0
    factor = 4e-6 + (1 - 4e-6) / 2 * (1 + math.cos(math.pi * share))\
'''
INITS = {
    "he": 'nn.init.kaiming_normal_(weight, nonlinearity="relu")',
    "xavier": "nn.init.xavier_normal_(weight)",
    "lecun": "nn.init.normal_(weight, std=weight[0].numel() ** -0.5)",
    "normal": "nn.init.normal_(weight)",
    "small": "nn.init.normal_(weight, std=0.01)",
    "zeros": "nn.init.zeros_(weight)",
}
INIT = '''\
for name, weight in model.named_parameters():
    if weight.ndim > 1:
        <<draw>>
    elif "bias" in name:
        nn.init.zeros_(weight)
'''
AVERAGE = '''\
average = torch.optim.swa_utils.AveragedModel(
    model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(<<decay>>), use_buffers=True)
'''
NORMALISE = '''\
def normalise(x):
    return <<inputs>>


'''


def plain_text(run: Run, data: Data, file: str) -> str:
    """The script. file: name of the data file in its folder."""
    s = run.settings_at(run.steps_done)
    rows = [row for name in s.augment.split("+") for row in AUGMENTATIONS
            if row.name == name != "none"]
    loss, optimizer = LOSSES[s.loss].function, OPTIMIZERS[s.optimizer]
    ours = not optimizer.make.__module__.startswith("torch.")
    needed: list[Callable[..., Any]] = [row.apply for row in rows]
    needed += [loss] if s.loss != "cross_entropy" else []
    needed += [optimizer.make] if ours else []
    classes, model = _model(s, data)
    scheduled = s.schedule not in ("constant", "plateau") or s.warmup > 0
    maker = optimizer.make.__name__ if ours else f"torch.optim.{optimizer.make.__name__}"
    group = {name: value for name, value in optimizer.group(s).items()
             if not (name in ("weight_decay", "momentum") and value == 0)}
    moments, inputs = _inputs(data)
    blocks = {
        "title": f"{file.removesuffix('.npz')}, {s.model}: {run.steps_done:,} steps.",
        "notes": "\n".join(_notes(run, s, data, file)),
        "steps": str(run.steps_done), "seed": str(s.seed), "file": file,
        "moments": moments,
        "stored as": "x" if rows else inputs,
        "normalise": fill(NORMALISE, {"inputs": inputs}) if rows else "",
        "batch size": str(max(1, min(s.batch_size, data.train.size))),
        "classes": "".join(f"{text}\n\n\n" for text in classes), "model": model,
        "init": fill(INIT, {"draw": INITS[s.init]}) if s.init != "default" else "",
        "weight norm": WEIGHT_NORM if s.norm == "weight" else "",
        "functions": "".join(f"\n\n{text}\n\n\n" for text in sources(needed)),
        "optimizer": _wrapped(f"{maker}(model.parameters(), ",
                              [f"{name}={value!r}" for name, value in group.items()]),
        "schedule": _schedule(s), "schedule step": "scheduler.step()" if scheduled else "",
        "plateau step": "plateau.step(val_loss)" if s.schedule == "plateau" else "",
        "average": fill(AVERAGE, {"decay": repr(s.ema)}) if s.ema else "",
        "update average": "average.update_parameters(model)" if s.ema else "",
        "judged": "average" if s.ema else "model",
        "val inputs": "normalise(x)" if rows else "x",
        "val loss": "F.cross_entropy(output, y).item()" if s.loss == "cross_entropy"
        else f"{loss.__name__}(output, y, 0.0).item()",
        "augment": "\n".join(_augment(rows, s, data)),
        "forward": _forward(s, loss.__name__),
        "clip": f"nn.utils.clip_grad_norm_(model.parameters(), {s.clip_norm!r})"
        if s.clip_norm else "",
    }
    judges = bool(data.validation.size)
    blocks |= {
        "val loader": 'val_loader = DataLoader(dataset("val"), batch_size=1000)' if judges else "",
        "evaluate": fill(EVALUATE, blocks) if judges else "",
        "look": fill(LOOK, blocks) if judges else 'print(f"step {step}: loss {loss.item():.4f}")',
    }
    # only what the text uses is imported
    blocks["import math"] = "import math" if any("math." in text for text in blocks.values()) else ""
    return spaced(fill(SCRIPT, blocks))


def _notes(run: Run, s: Settings, data: Data, file: str) -> Iterator[str]:
    accuracy = run.history.last("val_accuracy")
    if math.isfinite(accuracy):
        size = min(run.settings.eval_samples or data.validation.size, data.validation.size)
        yield f"The run reached {accuracy:.1%} on {size:,} validation samples."
    yield "Weights and batches are drawn anew here: expect about the same, not the same digits."
    yield f"Needs torch, numpy, and {file} beside it."
    if run.changes:
        yield "Knobs were turned on the way: these are the last settings, from the first step on."
    if keeps_best(s):
        yield "The run kept the weights of its best look at the validation set; here the last stay."
    if s.ema:
        yield "Its average of the weights counts from the first step on, without the run's short start."


def _inputs(data: Data) -> tuple[str, str]:
    """Lines that make mean and standard deviation, and the expression that normalises `x`."""
    split = data.train
    byte = split.x.dtype == torch.uint8
    scale, shift = (torch.as_tensor(one, dtype=torch.float32).flatten()
                    for one in (split._scale, split._shift))
    unit = "x.float() / 255" if byte else "x.float()"
    if bool((scale == (1 / 255 if byte else 1)).all()) and bool((shift == 0).all()):
        return "", unit
    if len(scale) > _FEW or len(shift) > _FEW:
        lines = 'scale, shift = torch.from_numpy(stored["scale"]), torch.from_numpy(stored["shift"])'
        return lines, "x.float() * scale + shift"
    # x · scale + shift = (x / 255 - mean) / std
    std = 1 / (scale * (255 if byte else 1))
    mean = -shift * std
    if len(std) == 1:
        return f"MEAN, STD = {float(mean):.6g}, {float(std):.6g}", f"({unit} - MEAN) / STD"
    ones = (1, ) * (split.x.ndim - 2)
    numbers = [", ".join(f"{float(one):.6g}" for one in values) for values in (mean, std)]
    lines = "\n".join(f"{name} = torch.tensor([{values}]).reshape({(-1, *ones)})"
                      for name, values in zip(("MEAN", "STD"), numbers, strict=True))
    return lines, f"({unit} - MEAN) / STD"


def _model(s: Settings, data: Data) -> tuple[list[str], str]:
    """Classes of this package that the model is made of, and the expression that makes it."""
    plain = s.replace(norm="none") if s.norm == "weight" else s
    model = build_model(plain, data.shape, data.num_classes)
    ours = {type(layer) for layer in model.modules()
            if not type(layer).__module__.startswith("torch.")} - {PoolFirstSequential, Dropout}
    return [class_code(kind) for kind in sorted(ours, key=lambda kind: kind.__name__)], \
        _layer(model, "")


def _layer(module: nn.Module, indent: str) -> str:
    """The call that makes a layer, without what is PyTorch's default anyway."""
    deeper = indent + "    "
    if type(module) in (nn.Sequential, PoolFirstSequential):
        inner = "".join(f"{deeper}{_layer(child, deeper)},\n" for child in module.children())
        return f"nn.Sequential(\n{inner}{indent})"
    if type(module) is Dropout:
        return f"nn.Dropout({module.p!r})"
    if isinstance(module, nn.RNNBase):
        more = [repr(module.nonlinearity)] if isinstance(module, nn.RNN) else []
        layers = [str(module.num_layers)] if module.num_layers > 1 or more else []
        given = [str(module.input_size), str(module.hidden_size), *layers, *more]
        return f"nn.{type(module).__name__}({', '.join(given)}, batch_first=True)"
    if type(module).__module__.startswith("torch."):
        return f"nn.{_shortened(module)}"
    parts = {name: value for name, value in vars(module).items()
             if not name.startswith("_") and name != "training"}
    given = [f"{name}={value!r}" for name, value in parts.items()]
    given += [f"{name}={_layer(child, deeper)}" for name, child in module.named_children()]
    return f"{type(module).__name__}({', '.join(given)})"


def _shortened(module: nn.Module) -> str:
    """The repr of a layer of PyTorch: required arguments by position, others where they differ."""
    call = ast.parse(repr(module), mode="eval").body
    assert isinstance(call, ast.Call)
    known = inspect.signature(type(module)).parameters
    names = [name for name in known if name != "self"]
    given = [ast.literal_eval(value) for value in call.args]
    values = dict(zip(names, given, strict=False))
    values |= {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    parts = []
    for name in names:
        if name not in values or name in ("device", "dtype"):
            continue
        value, usual = values[name], known[name].default
        if isinstance(value, tuple) and len(set(value)) == 1 and "shape" not in name:
            value = value[0]  # (3, 3) of a kernel
        if usual is inspect.Parameter.empty:
            parts.append(repr(value))
        elif value != usual and not (name == "stride" and usual is None
                                     and value == values.get("kernel_size")):
            parts.append(f"{name}={value!r}")
    return f"{type(module).__name__}({', '.join(parts)})"


def _schedule(s: Settings) -> str:
    torchs_own = {
        "onecycle": f"OneCycleLR(\n    optimizer, max_lr={s.lr!r}, "
                    f"total_steps={max(1, s.max_steps)}, cycle_momentum=False)",
        "cosine": f"CosineAnnealingLR(optimizer, {max(1, s.max_steps)})",
    }
    made = []
    if s.schedule == "plateau":
        made.append("plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)")
    if s.schedule in torchs_own and not s.warmup:
        made.append(f"scheduler = torch.optim.lr_scheduler.{torchs_own[s.schedule]}")
    elif s.schedule not in ("constant", "plateau") or s.warmup:
        if s.schedule == "onecycle":
            lines = [ONE_CYCLE.format(steps=s.max_steps)]
        else:
            lines = [f"factor = {FACTORS[s.schedule]}"]
            names = {node.id for node in ast.walk(ast.parse(lines[0])) if isinstance(node, ast.Name)}
            if "t" in names:
                lines.insert(0, f"t = min(step / {max(1, s.max_steps)}, 1.0)")
        warmup = f" * min(1.0, (step + 1) / {s.warmup + 1})" if s.warmup else ""
        made.append(fill(FACTOR, {"lines": "\n".join(lines), "warmup": warmup}))
    return "\n".join(made)


def _wrapped(head: str, parts: list[str]) -> str:
    """A call whose last arguments may need a second line."""
    line = head + ", ".join(parts) + ")"
    return line if len(line) + 12 <= _WIDTH else f"{head.rstrip()}\n    {', '.join(parts)})"


def _augment(rows: list[AugmentationRow], s: Settings, data: Data) -> Iterator[str]:
    """Lines of the loop that make a batch of rows of the loader."""
    if not rows:
        return
    call = f"({{}}, {s.augment_strength!r}, torch.default_generator)"
    for takes in ("pixels", "unit"):
        for row in rows:
            if row.takes == takes:
                yield f"x = {row.apply.__name__}{call.format('x')}"
    yield "x = normalise(x)"
    for row in rows:
        if row.takes == "normalised":
            yield f"x = {row.apply.__name__}{call.format('x')}"
    pairs = [row.apply.__name__ for row in rows if row.takes == "pairs"]
    if pairs and s.augment_strength:
        # a coin for each batch, where there are two
        mix = pairs[0] if len(pairs) == 1 else f"({' if torch.rand(()) < 0.5 else '.join(pairs)})"
        yield f"y = F.one_hot(y, {data.num_classes}).float()"
        yield f"x, y = {mix}{call.format('x, y')}"


def _forward(s: Settings, loss: str) -> str:
    if s.loss == "cross_entropy":
        smoothing = f", label_smoothing={s.label_smoothing!r}" if s.label_smoothing else ""
        call = f"F.cross_entropy({{}}, y{smoothing})"
    else:
        call = f"{loss}({{}}, y, {s.label_smoothing!r})"
    if s.precision == "bf16":
        return 'with torch.autocast("cpu", dtype=torch.bfloat16):\n    output = model(x)\n' \
               f"loss = {call.format('output.float()')}"
    return f"loss = {call.format('model(x)')}"
