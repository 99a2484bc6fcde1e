"""The training script that `run.to_script()` fills in.

A line `<<name>>` takes a block of lines, at its own indentation, or goes where there is none;
`<<name>>` inside a line takes a piece of text.
"""

from __future__ import annotations

import ast
import re
import textwrap

SCRIPT = '''\
"""<<title>>

Needs torch, numpy, and the data beside it: <<beside>>
<<notes>>
"""

<<import copy>>
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

STEPS = <<steps>>
<<seeds>>
settings = SimpleNamespace(<<settings>>)
<<changes>>
THREADS = <<threads>>  # sums of floats depend on their number in the last digits

file = Path(__file__).resolve() if "__file__" in globals() else Path("script.py")
file = file.with_name(<<file>>)
<<elsewhere>>
file = Path(sys.argv[1]) if len(sys.argv) > 1 else file
stored = np.load(file)
x_train, y_train, x_val, y_val = (torch.from_numpy(stored[name])
                                  for name in ("x_train", "y_train", "x_val", "y_val"))
<<looks>>
<<scale>>


def inputs(x):
    return x.to(torch.float32).mul(scale).add(shift)  # (<<unit>> - mean) / std


<<layers>>
<<masks>>
model = <<model>>

draw = torch.Generator().manual_seed(INIT)
with torch.no_grad():
    for layer in model.modules():
        <<init>>
<<weight norm>>
<<channels last>>


<<functions>>
<<learning rate>>
<<augment>>
<<evaluate>>
<<augmentation>>
optimizer = <<optimizer>>
<<average>>
<<plateau>>


<<change>>
<<no loss>>
shuffle, order, at = torch.Generator().manual_seed(BATCHES), None, 0
model.train()
for step in range(STEPS):
    if step in THREADS:
        torch.set_num_threads(THREADS[step])
    <<apply changes>>
    size = min(settings.batch_size, len(y_train))
    if order is None or at + size > len(y_train):  # a new epoch; what is left over is dropped
        order, at = torch.randperm(len(y_train), generator=shuffle), 0
    rows, at = order[at:at + size], at + size
    <<batch>>
    <<forward>>
    loss = <<loss>>
    optimizer.zero_grad()
    loss.backward()
    <<set rate>>
    <<clip>>
    optimizer.step()
    <<update average>>
    <<look>>
    if step % 100 == 0:
        print(f"step {step}: loss {loss.item():.4f}")

<<end>>
model.eval()
with torch.no_grad():
    pairs = zip(x_val.split(1000), y_val.split(1000))
    right = sum(int((model(inputs(x)).argmax(1) == y).sum()) for x, y in pairs)
if len(y_val):
    print(f"validation accuracy {right / len(y_val):.2%} on {len(y_val)} samples")
print(f"last training loss {loss.item()}")
'''

# Blocks that a script may hold; `<<...>>` in them are filled in, too.
# Where the run changed knobs on the way.
CHANGE = '''\
def change(changes):
    <<augmentation begins>>
    vars(settings).update(changes)
    for group in optimizer.param_groups:
        group.update(<<group>>(settings))
    <<new plateau>>
    for layer in model.modules():
        if type(layer).__name__ == "Dropout":
            layer.p = settings.dropout
'''
# `at` has the attributes of `schedules.Progress`, which the schedules' functions read.
LEARNING_RATE = '''\
def lr_at(step):
    at = SimpleNamespace(step=step, max_steps=settings.max_steps,
                         share=min(step / settings.max_steps, 1.0),
                         steps_per_epoch=len(y_train) // min(settings.batch_size, len(y_train)))
    climb = min(1.0, (step + 1) / (settings.warmup + 1))
    return settings.lr * <<factor>>(at) * climb


'''
# The order of `Augment.batch`: stored pixels, colours in [0, 1], normalised, pairs of images.
AUGMENT = '''\
def augmented(x, y):
    names, strength = settings.augment.split("+"), settings.augment_strength
    <<pixels>>
    <<unit>>
    x, targets = inputs(x), y
    <<normalised>>
    <<pairs>>
    return x, targets


'''
# Bytes go to [0, 1] and back, since normalising expects what is stored.
UNIT = '''\
if {<<names>>} & set(names):
    <<to unit>>
    <<unit steps>>
    <<from unit>>
'''
# The coin is thrown only where it decides: a throw moves the generator.
PAIRS = '''\
ways = [way for name, way in (<<ways>>) if name in names]
if ways and strength:
    coin = int(torch.randint(2, (1,), generator=augmentation)) if len(ways) == 2 else 0
    targets = F.one_hot(y, <<classes>>).to(torch.float32)
    x, targets = ways[coin](x, targets, strength, augmentation)
'''
# As `validation.evaluate`: batches of 1000, summed in float64, without label smoothing.
EVALUATE = '''\
@torch.no_grad()
def validation_loss(model):
    training, total = model.training, torch.zeros((), dtype=torch.float64)
    model.eval()
    for x, y in zip(x_look.split(1000), y_look.split(1000)):
        total += <<loss>>(model(inputs(x)), y, 0.0) * len(y)
    model.train(training)
    return float(total) / len(y_look)


'''
# Which validation samples are looked at while it trains.
LOOK_ROWS = '''\
rows = torch.from_numpy(stored["look"]) if "look" in stored else torch.arange(len(y_val))
x_look, y_look = x_val[rows], y_val[rows]
'''
LOOK = '''\
per_epoch = len(y_train) // size
if settings.schedule in <<needing>> and len(y_look) \\
        and evaluation_due(step + 1, settings, per_epoch):
    plateau.look(validation_loss(<<judged>>))
'''
# As `Training.change_augmentation`.
AUGMENTATION_BEGINS = '''\
if settings.augment == "none":  # what begins now draws from the beginning
    augmentation.manual_seed(AUGMENTATION)
'''
# As `models.build.finish`: around all weighted layers but the last.
WEIGHT_NORM = '''\
layers = [layer for layer in model.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
for layer in layers[:-1]:
    nn.utils.parametrizations.weight_norm(layer)
'''
CHANNELS_LAST = '''\
model = model.to(memory_format=torch.channels_last)  # fastest for images; the numbers stay
'''
# Products and convolutions in bfloat16; loss and update stay float32.
BF16 = '''\
with torch.autocast("cpu", dtype=torch.bfloat16):
    logits = model(x)
logits = logits.float()
'''
CLIP = '''\
if settings.clip_norm:
    nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
'''


def fill(template: str, blocks: dict[str, str]) -> str:
    """The template with its blocks. One that is empty takes its line away.

    Raises:
        KeyError: the template asks for a block that is not there.
    """
    lines = []
    for line in template.splitlines():
        # a block on a line of its own may be of many lines, or of none
        alone = re.fullmatch(r"( *)<<([a-z ]+)>>", line)
        if alone is None:
            lines.append(re.sub(r"<<([a-z ]+)>>", lambda found: blocks[found[1]], line))
        elif block := blocks[alone[2]].strip("\n"):
            lines.append(textwrap.indent(block, alone[1]))
    return "\n".join(lines) + "\n"


def spaced(script: str) -> str:
    """Two empty lines around each function and class, as is usual."""
    lines = script.splitlines()
    # from the end, so that the line numbers before stay right
    for node in reversed(ast.parse(script).body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1
            lines[node.end_lineno:node.end_lineno] = ["", ""]
            lines[first:first] = ["", ""]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)) + "\n"
