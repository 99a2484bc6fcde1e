"""What is learnt elsewhere: from other classes (pretraining), and from images without labels
(an autoencoder).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from matplotlib.figure import Figure
from torch import nn

from recipe_widgets.core import RecipeError, Run, Settings
from recipe_widgets.data import Data, few, only_classes
from recipe_widgets.evaluation.seed_comparison import SeedComparison
from recipe_widgets.lessons.common.comparison import end_accuracy, quiet_run
from recipe_widgets.models import build_model, new_head
from recipe_widgets.plots import Picture
from recipe_widgets.training import encoded, eval_mode, train_autoencoder


def pretraining(data: Data, settings: Settings, new: Sequence[int | str], per_class: int,
                tune: Settings, draws: int = 4) -> SeedComparison:
    """Whether training on all other classes first is better than training from scratch.

    Args:
        settings: of the pretraining, which happens once. tune: of the training after it.
        new: names or numbers of the classes to learn. per_class: training samples of each of them.
        draws: how often other samples of the new classes and other first weights are taken.

    Judged on all validation samples of the new classes.
    """
    wanted = {data.classes.index(one) if isinstance(one, str) else int(one) for one in new}
    others = [k for k in range(data.num_classes) if k not in wanted]
    if len(others) < 2:
        raise RecipeError("pretraining(new=)", found=repr(list(new)),
                          expected="at least two classes left to pretrain on")
    # the layers below its head are what the new classes get
    trunk = quiet_run(only_classes(data, others), settings).model
    assert trunk is not None
    target = only_classes(data, list(new))
    scores: dict[str, list[float]] = {}
    # each gives a model with as many outputs as there are new classes
    makers: dict[str, Callable[[Settings], nn.Module]] = {
        "from scratch": lambda one: build_model(one, target.shape, target.num_classes),
        "pretrained, head only": lambda one: new_head(trunk, target.num_classes, one, freeze=True),
        "pretrained, all weights": lambda one: new_head(trunk, target.num_classes, one)}
    for way, make in makers.items():
        scores[way] = []
        for seed in range(draws):
            chosen = tune.replace(seed=seed)
            scores[way].append(end_accuracy(few(target, per_class, seed), chosen, make(chosen)))
    return SeedComparison(f"{data.name}, {per_class} per class", scores, repeats="draws")


def autoencoder_of(data: Data, settings: Settings) -> Run:
    """An autoencoder of all training images; labels are not looked at."""
    return train_autoencoder(data, settings)


def reconstructions(run: Run, data: Data, count: int = 8) -> Picture:
    """Validation images above, what comes out of the bottleneck below."""
    assert run.model is not None
    x, _ = data.validation.batch(torch.arange(min(count, data.validation.size)))
    with eval_mode(run.model):
        out = run.model(x)
    low, high = float(x.min()), float(x.max())  # normalised values; pictures need 0 to 1
    figure = Figure(figsize=(1.05 * len(x), 2.5), layout="constrained")
    for line, images in zip(figure.subplots(2, len(x), squeeze=False), (x, out), strict=True):
        for axes, image in zip(line, images, strict=True):
            # (C, H, W) to (H, W, C), or (H, W) for grey
            shown = ((image - low) / (high - low)).clamp(0, 1).permute(1, 2, 0).squeeze(-1)
            axes.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.axis("off")
    error = run.history.last("val_loss")
    width = run.settings.width
    # pixels are normalised: predicting their mean leaves their variance, which is 1
    figure.suptitle(f"{data.name}: through {width} numbers and back; squared error {error:.2f} "
                    "per pixel (the mean image has 1)", fontsize=9)
    return Picture(
        figure, f"{len(x)} images of {data.name} above, their reconstructions from {width} numbers "
        f"below; mean squared error {error:.2f}, where the mean image has 1.", colours=128)


def unlabelled(data: Data, auto: Run, labels: Sequence[int], net: Settings, probe: Settings,
               draws: int = 3) -> list[SeedComparison]:
    """A linear model on pixels, one on the autoencoder's features, and a network trained on the
    labels alone.

    Args:
        auto: the run of the autoencoder, which saw all images. labels: labelled samples per class.
        net: settings of the network. probe: settings of both linear models.

    Returns:
        One `SeedComparison` for each number in `labels`.
    """
    assert auto.model is not None
    # (N, width): what its bottleneck holds of each image
    features = encoded(auto.model.encoder, data)  # type: ignore[arg-type]
    made = []
    ways = {"pixels, linear": (data, probe), "autoencoder, linear": (features, probe),
            "supervised net": (data, net)}
    for count in labels:
        # seed by seed the same samples are drawn for all three
        scores = {way: [end_accuracy(few(source, count, seed), chosen.replace(seed=seed))
                        for seed in range(draws)] for way, (source, chosen) in ways.items()}
        made.append(SeedComparison(f"{data.name}, {count} per class", scores, repeats="draws"))
    return made


def supervised_wins(trials: Sequence[SeedComparison]) -> str:
    """Where labels beat the autoencoder's features, where they do not, in one sentence per
    number of labels.
    """
    return "\n".join(one.verdict("supervised net", "autoencoder, linear") for one in trials)
