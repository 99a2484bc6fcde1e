"""Settings worth trying, good ones and bad ones, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recipe_widgets.core import Settings


@dataclass(frozen=True)
class Preset:
    """A few knobs to set at once. good: whether it is meant to train well."""

    name: str
    good: bool
    reason: str
    changes: Mapping[str, Any] = field(default_factory=dict)

    def on(self, settings: Settings) -> Settings:
        """These settings with the preset's knobs; model, length and seed stay unless it names
        them.
        """
        calm = {
            "lr": 0.05, "momentum": 0.9, "batch_size": 64, "dropout": 0.0, "optimizer": "sgd",
            "init": "default", "activation": "relu", "norm": "none"
        }
        return settings.simplest().replace(**{**calm, **self.changes})


PRESETS = (Preset("plain SGD with momentum", True, "a sound beginning on both data sets"),
           Preset("Adam at 3e-4", True, "the safe choice when nothing is known yet",
                  {"optimizer": "adam", "lr": 3e-4}),
           Preset("He init, cosine decay", True,
                  "weights scaled for ReLU, and a rate that ends at zero",
                  {"init": "he", "schedule": "cosine", "lr": 0.1}),
           Preset("learning rate too high", False,
                  "each step leaps over the valley; the loss jumps or becomes no number",
                  {"lr": 3.0, "momentum": 0.9}),
           Preset("learning rate too low", False, "the curve is calm and goes nowhere",
                  {"lr": 1e-4, "momentum": 0.0}),
           Preset("pure momentum", False, "nothing ever brakes: the run swings for ever",
                  {"momentum": 0.99, "lr": 0.1}),
           Preset("dropout of 0.9", False, "hardly any unit is left to learn with",
                  {"dropout": 0.9}),
           Preset("saturated sigmoids", False,
                  "weights of size one push every sigmoid to its flat ends",
                  {"activation": "sigmoid", "init": "normal"}),
           Preset("all weights zero", False, "all units are the same, so all get the same gradient",
                  {"init": "zeros"}),
           )

# data set -> a learning rate of SGD with momentum 0.9 at which the MLP trains on it, where the one that
# suits digits is too high: photographs have more inputs, and these agree more
SOUND_RATES = {"cifar10": 0.01}


def start_on(data_name: str, settings: Settings) -> Settings:
    """These settings with a learning rate at which a run on that data set trains."""
    sound = SOUND_RATES.get(data_name)
    plain_sgd = settings.optimizer in ("sgd", "nesterov")
    return settings.replace(lr=sound) if sound is not None and plain_sgd and settings.lr > sound else settings


def start_words(data_name: str, before: Settings, start: Settings) -> str:
    """What was changed for a data set, and why; "" where nothing was."""
    if start.lr == before.lr:
        return ""
    why = "that it had before"
    if start.lr == SOUND_RATES.get(data_name) and start.lr < before.lr:
        why = f"at {before.lr:g} the loss may leap out of the valley"
    return f"For {data_name} the learning rate goes from {before.lr:g} to {start.lr:g}, {why}."
