"""A model as Python text: PyTorch's own layers by their constructors, ours by the text of their
classes.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import torch
from torch import nn

from recipe_widgets.export.source import plain_source
from recipe_widgets.models.layers import PoolFirstSequential

_WIDTH = 100  # characters of one line of the script


def model_code(model: nn.Module) -> tuple[list[str], str]:
    """Class definitions, and the expression that makes the model (with weights still to be
    drawn).
    """
    # PoolFirstSequential is only a faster nn.Sequential: the same numbers
    ours = {type(layer) for layer in model.modules()
            if not type(layer).__module__.startswith("torch.")} - {PoolFirstSequential}
    return [class_code(kind)
            for kind in sorted(ours, key=lambda kind: kind.__name__)], expression(model, "")


def class_code(kind: type[nn.Module]) -> str:
    """A class that takes its parts by name and computes as the original does."""
    doc = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    forward = textwrap.indent(plain_source(kind.forward), "    ")
    doc = f'    """{textwrap.shorten(doc, _WIDTH - 10, placeholder=" ...")}"""'
    return (
        f"class {kind.__name__}(nn.Module):\n{doc}"
        "\n\n    def __init__(self, **parts):\n        super().__init__()\n"
        "        for name, part in parts.items():\n"
        f"            setattr(self, name, part)\n\n{forward}")


def expression(module: nn.Module, indent: str) -> str:
    """The call that makes `module`."""
    deeper = indent + "    "
    if isinstance(module, nn.Sequential) and type(module) in (nn.Sequential, PoolFirstSequential):
        line = f"nn.Sequential({', '.join(expression(child, deeper) for child in module)})"
        if "\n" not in line and len(line) <= _WIDTH and indent:
            return line
        inner = "".join(f"{deeper}{expression(child, deeper)},\n" for child in module)
        return f"nn.Sequential(\n{inner}{indent})"
    if isinstance(module, (nn.RNN, nn.GRU)):  # their repr leaves out what is given by position
        more = f', "{module.nonlinearity}"' if isinstance(module, nn.RNN) else ""
        return f"nn.{type(module).__name__}({module.input_size}, {module.hidden_size}, " \
               f"{module.num_layers}{more}, " \
               f"batch_first=True)"
    if type(module).__module__.startswith("torch."):  # the repr is the call that makes it
        return f"nn.{module!r}"
    # plain attributes first, layers after them: as keyword arguments of `class_code`
    parts = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training"
    }
    values = [f"{name}={_value(value)}" for name, value in parts.items()]
    values += [f"{name}={expression(child, deeper)}" for name, child in module.named_children()]
    return f"{type(module).__name__}({', '.join(values)})"


def _value(value: Any) -> str:
    return "masks" if isinstance(value, torch.Generator) else repr(value)
