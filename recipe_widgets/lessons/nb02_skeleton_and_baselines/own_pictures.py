"""Pictures of what a learner's own lines computed: weights, predictions over time. (Notebook 02,
sections 2 and 8.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from matplotlib.figure import Figure

from recipe_widgets.core.validation import filled, tensor, validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.common.images import photos
from recipe_widgets.lessons.common.loss_curves import draw_losses as draw_losses
from recipe_widgets.plots import Picture


@validated
def draw_templates(weights: Annotated[torch.Tensor, tensor("K", "D")], data: Data) -> Picture:
    """The weights of a linear layer (K, D), one picture a class: grey where 0, bright where a
    bright pixel speaks for the class.
    """
    images = weights.detach().cpu().reshape(len(weights), *data.shape)
    # averaged over 3 x 3 pixels, for the eye only: single weights are noisy
    images = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
    largest = images.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    shown = (127.5 + 127.5 * images / largest).round().byte()  # 0 ... 255, and 0 becomes 127.5
    return photos(shown, list(data.classes), f"{data.name}: the weights of each class as a picture",
                  f"Weights of a linear classifier of {data.name} as {len(shown)} images, one per "
                  "class.", columns=5)


@validated
def draw_predictions(runs: Annotated[Mapping[str, torch.Tensor], filled()], labels: Sequence[str],
                     every: Annotated[int, whole(1)]) -> Picture:
    """Probability of the right class over time: for each name a row of colour per sample.

    runs: name -> (T, n). labels: of the n samples. every: steps between two looks.
    """
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    said = []
    for axes, (name, chances) in zip(figure.subplots(1, len(runs), sharey=True), runs.items(),
                                     strict=True):
        shown = axes.imshow(chances.T, aspect="auto", vmin=0, vmax=1, cmap="viridis",
                            interpolation="nearest",
                            extent=(0, every * len(chances), len(labels) - 0.5, -0.5))
        axes.set(title=name, xlabel="step")
        axes.set_yticks(range(len(labels)), labels, fontsize=6)
        moves = float(chances.diff(dim=0).abs().mean())
        said.append(f"{name}: ends at {float(chances[-1].mean()):.2f} on average, and moves by "
                    f"{moves:.3f} from look to look")
    figure.colorbar(shown, ax=figure.axes, label="probability of the right class")
    return Picture(figure, "; ".join(said) + ".", colours=128)
