"""Settings that are a good start for a data set; `benchmarks/recipes.py` measures what they
reach.
"""

from __future__ import annotations

import difflib

from recipe_widgets.core import RecipeError, Settings, machine
from recipe_widgets.core.validation import validated
from recipe_widgets.training.device import pick_device

PRESETS: dict[str, Settings] = {
    # CIFAR-10's embedded sample, meant for about five minutes on two CPU cores
    "cifar10_5min": Settings(
        model="vgg", width=128, depth=3, norm="batch", optimizer="nesterov", lr=0.1, momentum=0.9,
        weight_decay=0.0005, schedule="onecycle", label_smoothing=0.1, augment="flip+crop",
        ema=0.99, batch_size=128, max_steps=1600, eval_every=1600, precision="bf16"),
    # MNIST, as well as a small VGG can
    "mnist_strong": Settings(
        model="vgg", width=128, depth=2, norm="batch", optimizer="nesterov", lr=0.05, momentum=0.9,
        weight_decay=0.0005, schedule="onecycle", augment="crop+rotate", augment_strength=0.5,
        ema=0.99, batch_size=128, max_steps=2340, eval_every=2340, precision="bf16"),
}


def recipe_names() -> tuple[str, ...]:
    """The recipes that come with the package."""
    return tuple(PRESETS)


@validated
def recipe(name: str) -> Settings:
    """The settings of a recipe by its name: `train(load("cifar10"), recipe("cifar10_5min"))`.

    A CPU without instructions for bf16 would take many times as long with it: there `precision` is
    "float32".

    Raises:
        RecipeError: no recipe has that name; the message lists those that there are.
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        raise RecipeError("recipe(name)", found=repr(name),
                          expected="one of " + ", ".join(PRESETS),
                          mend=f"Did you mean {near[0]!r}?" if near else "")
    settings = PRESETS[name]
    on_cpu = pick_device(settings.device).type == "cpu"
    slow = settings.precision == "bf16" and on_cpu and not machine.bf16_is_fast()
    return settings.replace(precision="float32") if slow else settings
