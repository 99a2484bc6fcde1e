"""When torch traces a program instead of running it, its tensors hold no numbers: nothing is read.

A read would be recorded as a part of the traced graph, or fail on a value that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx import _symbolic_trace

# (owner, name) of what traces, exports or scripts a program. torch.onnx.export and TensorBoard's
# add_graph call one of them; torch.fx.symbolic_trace calls Tracer.trace.
TRACING_FUNCTIONS: tuple[tuple[Any, str], ...] = tuple(
    (owner, name)
    for owner, name in ((torch.jit, "trace"), (torch.jit, "trace_module"), (torch.jit, "script"),
                        (torch.jit, "_get_trace_graph"), (torch.export, "export"),
                        (torch.export, "draft_export"), (torch.fx.Tracer, "trace"))
    if hasattr(owner, name))


def torch_traces() -> bool:
    """Is a program traced, compiled or transformed at this moment, whoever began it?"""
    # dispatch modes are at work in make_fx, on fake tensors, and where operations are counted or
    # cached (checkpoints); an operation of ours would enter the count, or the cache
    return (torch._C._functorch.peek_interpreter_stack() is not None
            or torch._C._len_torch_dispatch_stack() > 0
            or torch._C._get_tracing_state() is not None
            or torch.compiler.is_compiling()
            or _symbolic_trace._get_is_fx_tracing())


def is_readable(tensor: torch.Tensor) -> bool:
    """Does it hold numbers? Tensors on the meta device, and fake ones, have a shape only."""
    return not (tensor.is_meta or isinstance(tensor, FakeTensor))


def are_readable(things: Iterable[Any]) -> bool:
    """Do all tensors among these hold numbers?"""
    return all(is_readable(one) for one in things if isinstance(one, torch.Tensor))
