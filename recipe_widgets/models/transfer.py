"""Networks with weights that others trained, and heads for new classes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.core import RecipeError, Settings, generator
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.models.architectures import SAMPLE_SHAPE, image_shape
from recipe_widgets.models.init import init_weights

# mean and std that torchvision's weights expect
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Frozen(nn.Module):
    """A trunk whose weights and BatchNorm statistics stay as they are, also while the rest is in
    training mode.
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Frozen:
        self.training = mode
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.trunk(x)
        return features


@validated
def new_head(model: nn.Module, num_classes: Annotated[int, whole(1, 10**6)],
             settings: Settings | None = None, *, freeze: bool = False) -> nn.Sequential:
    """A copy of `model` without its last Linear, followed by a fresh one for `num_classes` classes.

    Args:
        settings: init and seed of the new head; by default those of `Settings()`.
        freeze: train the head only.
    Returns:
        `Sequential(trunk, head)`; the given model is not changed.
    Raises:
        RecipeError: the model has no Linear layer.
    """
    settings = settings or Settings()
    with user_code("new_head(model=)", "a model that can be copied"):
        trunk = copy.deepcopy(model)
    linear = [(name, module) for name, module in trunk.named_modules()
              if isinstance(module, nn.Linear)]
    name, last = linear[-1] if linear else ("", None)
    if last is None or not name:  # a model that is itself a Linear has no trunk
        raise RecipeError("new_head(model)", found=type(model).__name__,
                          expected="a model that holds a Linear layer")
    trunk.set_submodule(name, nn.Identity())
    with torch.device("meta"):  # no global random numbers for weights that are drawn below
        head = nn.Linear(last.in_features, num_classes)
    head = head.to_empty(device=last.weight.device)
    init_weights(head, settings.init, generator(settings.seed, "init"))
    return nn.Sequential(Frozen(trunk) if freeze else trunk, head)


class ToImageNet(nn.Module):
    """Turns batches normalised with a data set's mean and std into what ImageNet networks expect:
    three colours, `size` pixels a side, ImageNet's mean and std.

    (N, C, H, W) to (N, 3, size, size).
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], size: int) -> None:
        super().__init__()
        self.size = size
        ours, theirs = (torch.tensor(values).view(1, -1, 1, 1) for values in (std, IMAGENET[1]))
        our_mean, their_mean = (torch.tensor(values).view(1, -1, 1, 1)
                                for values in (mean, IMAGENET[0]))
        # (x·our std + our mean - their mean) / their std, as a factor and a summand (1, C, 1, 1)
        self.register_buffer("scale", ours / theirs, persistent=False)
        self.register_buffer("shift", (our_mean - their_mean) / theirs, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x * self.scale + self.shift  # one grey channel spreads over three
        return nn.functional.interpolate(x, (self.size, self.size), mode="bilinear", antialias=True)


@validated
def pretrained(name: str, shape: Annotated[tuple[int, ...], SAMPLE_SHAPE],
               num_classes: Annotated[int, whole(1, 10**6)], mean: Sequence[float],
               std: Sequence[float], settings: Settings | None = None, *,
               size: Annotated[int, whole(1, 4096)] = 128, freeze: bool = True) -> nn.Sequential:
    """A torchvision network, such as "resnet18", with its ImageNet weights and a fresh head: data's
    batches in, logits out.

    Args:
        shape, mean, std: of the data, as `data.shape`, `data.mean`, `data.std`.
        size: pixels a side that images are resized to.
    Raises:
        RecipeError: no such network, or its weights are neither in torch's cache nor to be had over
            the network.
    """
    image_shape(name, shape)  # raises for tables
    import torchvision

    try:
        weights = torchvision.models.get_model_weights(name).DEFAULT
    except (ValueError, AttributeError):
        raise RecipeError("pretrained(name)", found=repr(name),
                          expected="a classifier of torchvision",
                          mend='Try "resnet18" or "mobilenet_v3_small".') from None
    try:
        # torchvision itself would unpickle whatever lies there
        weights.get_state_dict(check_hash=True, weights_only=True)
        net = torchvision.models.get_model(name, weights=weights)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        # no network, or a torn file
        folder = f"{torch.hub.get_dir()}/checkpoints"
        raise RecipeError(
            f"Pretrained weights of {name}",
            found=f"no way to get them ({type(error).__name__}: {error})", expected=weights.url,
            mend=f"Put that file into {folder}, or pretrain on other classes of your "
            "data: only_classes, train, new_head.") from None
    return nn.Sequential(ToImageNet(mean, std, size),
                         *new_head(net, num_classes, settings, freeze=freeze))
