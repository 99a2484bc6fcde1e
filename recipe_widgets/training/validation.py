"""Loss and accuracy on a whole split, in eval mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import torch
from torch import nn

from recipe_widgets.core import RecipeError, generator
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import unchecked, validated, whole
from recipe_widgets.data import Split
from recipe_widgets.data.stratified_split import stratified
from recipe_widgets.training.torch_errors import torch_errors_explained

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_THEIRS = user_code("evaluate(model=, loss_fn=)",
                    "a model that maps batches of the split to outputs (N, K), and a loss (output, "
                    "y) that gives one number")


class Evaluation(NamedTuple):
    """loss: mean over all samples (nats); accuracy: share right, 0 to 1; n: number of samples."""

    loss: float
    accuracy: float
    n: int

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}, accuracy {self.accuracy:.2%} on {self.n:,} samples"


@validated
@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """`model` in eval mode and without gradients; afterwards each of its modules is back in the
    mode it had.
    """
    # one by one: a reader may have put BatchNorm in eval mode inside a model that trains
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@validated
def evaluate(model: nn.Module, split: Annotated[Split, unchecked],
             loss_fn: Loss = nn.functional.cross_entropy,
             batch_size: Annotated[int, whole(1)] = 1000) -> Evaluation:
    """The loss and accuracy of `model` on all of `split`, such as `data.validation`.

    The mean is over samples, not over batches, so a smaller last batch does not count for more.
    Modes and gradients of the model stay as they were.

    Raises:
        RecipeError: the split is empty or none of ours.
    """
    if not isinstance(split, Split):
        raise RecipeError("evaluate(model, split)", found=type(split).__name__,
                          expected="a split such as data.validation",
                          mend="Make one with Data.from_arrays(x, y).")
    if len(split.y) == 0:
        raise RecipeError(f"Split {split.name!r}", found="no samples", expected="at least one")
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    split = split.to(device)
    # summed on the device, so that a GPU is waited for once; MPS knows no float64
    loss = torch.zeros((), dtype=torch.float64 if device.type != "mps" else torch.float32,
                       device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    with eval_mode(model), torch_errors_explained():
        for x, y in split.batches(batch_size):
            with _THEIRS:
                output = model(x)  # (n, K)
                loss += loss_fn(output, y) * len(y)
                correct += (output.argmax(1) == y).sum()
    samples = len(split.y)
    return Evaluation(float(loss) / samples, int(correct) / samples, samples)


def stratified_subset(split: Split, samples: int | None) -> Split:
    """The same `samples` of `split` at every call, each class in proportion; None, or more than
    there are: all of them.
    """
    rows = subset_rows(split, samples)
    if rows is None:
        return split
    # kept with the split, by number of samples: every run looks at the same ones
    looks: dict[int, Split] = split.__dict__.setdefault("_looks", {})
    if len(rows) not in looks:
        looks[len(rows)] = Split(split.samples.take(rows), split.name, split.mean, split.std)
    return looks[len(rows)]


def subset_rows(split: Split, samples: int | None) -> torch.Tensor | None:
    """Which samples `stratified_subset` takes, (samples,) int64; None: all of them."""
    if not samples or samples >= split.size:
        return None
    # from seed 0, not the run's: curves of runs from other seeds are of the same samples
    rows, _rest = stratified(split.y, samples, generator(0, "split"))
    return rows
