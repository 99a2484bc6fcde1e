"""Every knob a learner can turn, with its range, unit and default in one place."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.json_files import parse_json
from recipe_widgets.core.validation import is_finite_number, validated

Kind = Literal["hot", "warm", "cold", "fixed"]
LONGEST = 2**20  # characters of a file of settings

# What other libraries call a knob, so that an error can say which one is meant.
SYNONYMS = {
    "learning_rate": "lr", "eta": "lr", "step_size": "lr", "bs": "batch_size",
    "batchsize": "batch_size", "batch": "batch_size", "minibatch_size": "batch_size",
    "epochs": "max_steps", "n_epochs": "max_steps", "num_epochs": "max_steps",
    "max_epochs": "max_steps", "steps": "max_steps", "iterations": "max_steps",
    "max_iter": "max_steps", "architecture": "model", "arch": "model", "net": "model",
    "network": "model", "hidden_size": "width", "hidden_dim": "width", "units": "width",
    "channels": "width", "layers": "depth", "num_layers": "depth", "n_layers": "depth",
    "act": "activation", "nonlinearity": "activation", "initializer": "init",
    "initialization": "init", "normalization": "norm", "batch_norm": "norm",
    "dropout_rate": "dropout", "drop": "dropout", "p": "dropout", "optim": "optimizer",
    "beta1": "momentum", "betas": "momentum", "wd": "weight_decay", "l2": "weight_decay",
    "decay": "weight_decay", "lr_schedule": "schedule", "scheduler": "schedule",
    "lr_scheduler": "schedule", "warmup_steps": "warmup", "clip": "clip_norm",
    "grad_clip": "clip_norm", "max_norm": "clip_norm", "max_grad_norm": "clip_norm",
    "gradient_clip_val": "clip_norm", "criterion": "loss", "loss_fn": "loss",
    "smoothing": "label_smoothing", "augmentation": "augment", "transforms": "augment",
    "ema_decay": "ema", "random_state": "seed", "random_seed": "seed",
    "early_stopping": "patience", "dtype": "precision", "amp": "precision",
    "validate_every": "eval_every", "val_check_interval": "eval_every",
}


@dataclass(frozen=True)
class Knob:
    """How one setting may be turned.

    Attributes:
        label: the field's standard name, as a slider shows it.
        kind: *hot* reaches a running optimiser or module, *warm* takes a new batch iterator, *cold*
            begins a new run, *fixed* is no slider at all.
        low, high: the slider's range. `least` and `most` bound what a `Settings` accepts at all.
        scale: "log" where the quantity is logarithmic, "log2" for powers of two.
        unit: what the number counts; empty for a pure number.
        choices: the values of a knob that is not a number.
        several: whether choices may be joined by "+"; the first choice stands alone and means none
            of them.
        value_type: of a value that is there: int, float or str.
        none_means: what None says, such as "off"; empty where a value must be there. 0 is taken
            for None then: older files write "off" so.
    """

    label: str
    help: str
    kind: Kind = "cold"
    low: float | None = None
    high: float | None = None
    least: float | None = None
    most: float | None = None
    scale: Literal["linear", "log", "log2"] = "linear"
    unit: str = ""
    choices: tuple[str, ...] = ()
    several: bool = False
    value_type: type = str
    none_means: str = ""


def knob(default: Any, label: str, help: str, kind: Kind = "cold", **more: Any) -> Any:
    more.setdefault("value_type", type(default))
    return field(default=default, metadata={"knob": Knob(label, help, kind, **more)})


def _refuses_unknown_knobs(made: type) -> None:
    """Let a call of the dataclass with a keyword that it lacks say which one may be meant.

    The call keeps its signature, for help() and editors.
    """
    initialise: Callable[..., None] = made.__init__  # type: ignore[misc]

    @functools.wraps(initialise)
    def checked(self: Any, *args: Any, **knobs: Any) -> None:
        for name in knobs:
            known_knob(name)
        initialise(self, *args, **knobs)

    made.__init__ = checked  # type: ignore[misc]


# optimisers whose first beta is `momentum`; the table in training/optimizers.py is held against it
MOMENTUM_IS_BETA = ("adam", "adamw")


@dataclass(frozen=True)
class Settings:
    """The settings of one training run.

    Frozen: make a changed copy with `settings.replace(lr=0.1)`. `a - b` gives the knobs that
    differ. Every value is checked when the object is made; a slip is a `RecipeError`. What is
    switched off is None.
    """

    # --- the model

    model: str = knob(
        "mlp", "model", "what is trained",
        choices=("linear", "mlp", "convnet", "lenet", "vgg", "inception", "resnet", "plainnet",
                 "rnn", "gru"))
    width: int = knob(
        128, "width",
        "units per hidden layer; a ConvNet's stages have width/8, width/4, ... channels", low=8,
        high=1024, least=1, most=65536, scale="log2", unit="units")
    depth: int = knob(
        1, "depth",
        "hidden layers of an MLP or RNN, stages of a ConvNet less one, blocks per ResNet stage",
        low=1, high=8, least=1, most=256, unit="layers")
    activation: str = knob(
        "relu", "activation", "the non-linearity between layers",
        choices=("relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "maxout", "tanh", "sigmoid",
                 "identity"))
    init: str = knob("default", "init", "how the weights begin",
                     choices=("default", "he", "xavier", "lecun", "normal", "small", "zeros"))
    norm: str = knob("none", "norm",
                     "normalisation before each activation; weight: of the weights instead",
                     choices=("none", "batch", "layer", "group", "weight"))
    dropout: float = knob(0.0, "dropout", "share of hidden units silenced at each step", "hot",
                          low=0.0, high=0.9, least=0.0, most=0.99)

    # --- optimiser, loss and what regularises

    optimizer: str = knob(
        "sgd", "optimizer", "the rule that turns gradients into updates",
        choices=("sgd", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta",
                 "normalized"))
    lr: float = knob(0.05, "learning rate", "size of one update", "hot",
                     low=1e-4, high=10.0, least=0.0, most=1e6, scale="log")
    momentum: float = knob(0.9, "momentum",
                           "how much of the last update is kept; under Adam its first beta", "hot",
                           low=0.0, high=0.99, least=0.0, most=1.0)
    weight_decay: float = knob(0.0, "weight decay", "pull of every weight towards zero", "hot",
                               low=1e-6, high=0.1, least=0.0, most=1e3, scale="log")
    schedule: str = knob(
        "constant", "schedule", "how the learning rate changes over the run", "hot",
        choices=("constant", "step", "halve", "exponential", "epoch", "inverse", "plateau",
                 "cosine", "linear", "onecycle", "wsd"))
    warmup: int = knob(0, "warm-up", "steps in which the learning rate climbs from near zero",
                       "hot", low=0, high=1000, least=0, most=10**9, unit="steps")
    clip_norm: float | None = knob(
        None, "gradient clipping", "largest allowed norm of the whole gradient", "hot", low=0.01,
        high=100.0, least=0.0, most=1e9, scale="log", value_type=float, none_means="off")
    loss: str = knob("cross_entropy", "loss", "what the outputs of the model are judged by", "hot",
                     choices=("cross_entropy", "focal", "hinge", "mse", "brier"))
    label_smoothing: float = knob(0.0, "label smoothing",
                                  "share of each target spread over all classes", "hot", low=0.0,
                                  high=0.5, least=0.0, most=1.0)
    augment: str = knob(
        "none", "augmentation", 'what is done to the images of a batch, such as "flip+crop"',
        "warm", choices=("none", "flip", "crop", "rotate", "colour", "erase", "mixup", "cutmix",
                         "backgrounds"), several=True)
    augment_strength: float = knob(1.0, "strength of augmentation", "1 is usual, 0 is off", "warm",
                                   low=0.0, high=2.0, least=0.0, most=4.0)
    ema: float | None = knob(
        None, "averaging", "decay of the moving average of the weights that is judged and kept",
        low=0.9, high=0.9999, least=0.0, most=0.999999, value_type=float, none_means="off")

    # --- length and randomness

    batch_size: int = knob(64, "batch size", "samples per step", "warm",
                           low=1, high=1024, least=1, most=2**24, scale="log2", unit="samples")
    max_steps: int = knob(1000, "steps", "length of the run", "warm",
                          low=100, high=100_000, least=0, most=10**9, scale="log", unit="steps")
    seed: int = knob(0, "seed", "where all random numbers of the run come from",
                     low=0, high=99, least=0, most=2**63 - 1)  # what generator() takes

    # --- how it is judged, kept and computed

    eval_every: int | None = knob(
        None, "evaluate every", "steps between looks at the validation set", "fixed", least=0,
        most=10**9, unit="steps", value_type=int, none_means="once per epoch")
    eval_samples: int | None = knob(
        None, "evaluate on", "validation samples per look, stratified", "fixed", least=0,
        most=10**9, unit="samples", value_type=int, none_means="all of them")
    patience: int | None = knob(
        None, "patience", "looks without a lower validation loss before the run stops early and "
        "its best weights come back", "fixed", least=0, most=10**9, unit="looks", value_type=int,
        none_means="off")
    final: str = knob(
        "last", "final weights", "which weights a run ends with: the last, or those of the lowest "
        "validation loss", "fixed", choices=("last", "best"))
    checkpoint_every: int | None = knob(
        None, "checkpoint every", "steps between checkpoints, where a folder for them is named",
        "fixed", least=0, most=10**9, unit="steps", value_type=int, none_means="once per epoch")
    precision: str = knob("float32", "precision",
                          "numbers of the forward pass; bf16 is faster where the machine has it",
                          choices=("float32", "bf16"))
    device: str = knob("auto", "device", "where it runs; auto takes CUDA, then MPS, then CPU",
                       "fixed")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = _checked(item.name, getattr(self, item.name), item.metadata["knob"])
            object.__setattr__(self, item.name, value)  # the dataclass is frozen
        # such an optimiser divides by 1 - beta1 at its first step
        if self.momentum == 1.0 and self.optimizer in MOMENTUM_IS_BETA:
            raise RecipeError("Settings.momentum", found=1.0,
                              expected=f"less than 1 under {self.optimizer}",
                              mend="Try momentum=0.9, Adam's usual first beta.")

    @staticmethod
    @validated
    def knob(name: str) -> Knob:
        """Range, unit and help of one setting."""
        return _KNOBS[known_knob(name)]

    def replace(self, **changes: Any) -> Settings:
        """A copy with some knobs turned."""
        return dataclasses.replace(self, **changes)

    def simplest(self) -> Settings:
        """The same run without regularisation, schedule or clipping: what to begin with
        (Karpathy's recipe, stage 2).
        """
        return self.replace(dropout=0.0, weight_decay=0.0, schedule="constant", warmup=0,
                            clip_norm=None, label_smoothing=0.0, augment="none",
                            augment_strength=1.0, ema=None)

    def __sub__(self, other: Settings) -> dict[str, tuple[Any, Any]]:
        """The knobs that differ: `{name: (mine, theirs)}`."""
        pairs = {
            item.name: (getattr(self, item.name), getattr(other, item.name))
            for item in fields(self)
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a mapping; missing knobs take their defaults, unknown ones are an error."""
        if not isinstance(values, Mapping):
            raise RecipeError("Settings", found=type(values).__name__,
                              expected="a mapping of knobs to values",
                              mend='For example {"lr": 0.1, "batch_size": 64}.')
        return cls().replace(**{str(name): value for name, value in values.items()})

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1)

    @classmethod
    @validated
    def from_json(cls, text: str) -> Settings:
        return cls.from_dict(
            parse_json(text, "Settings file", "a JSON object", "Write one with settings.to_json().",
                   LONGEST))


_refuses_unknown_knobs(Settings)
_KNOBS: dict[str, Knob] = {item.name: item.metadata["knob"] for item in fields(Settings)}


def known_knob(name: str) -> str:
    """The name itself.

    Raises:
        RecipeError: there is no such knob; says which one may be meant.
    """
    if name in _KNOBS:
        return name
    plain = str(name).lower().replace("-", "_")
    near = SYNONYMS.get(plain) or next(iter(difflib.get_close_matches(plain, _KNOBS, n=1)), "")
    mend = f"Did you mean {near!r}?" if near in _KNOBS else ""
    if near == "max_steps" and "epoch" in plain:
        mend += " One epoch is len(data.train) // batch_size steps."
    raise RecipeError("Settings", found=f"the knob {name!r}",
                      expected="one of " + ", ".join(_KNOBS), mend=mend)


def _checked(name: str, value: Any, knob: Knob) -> Any:
    """`value` as a plain Python value of its knob's type, or a `RecipeError`."""
    what, kind = f"Settings.{name}", knob.value_type
    if knob.none_means and value is None:
        return None
    if kind is str:
        # "flip+crop": each part must be a choice; the first that is none is named
        parts = value.split("+") if isinstance(value, str) and knob.several else [value]
        wrong = next((part for part in parts
                      if not isinstance(part, str) or (knob.choices and part not in knob.choices)),
                     None)
        if wrong is not None or value is None:
            raise RecipeError(what, found=repr(value),
                              expected="one of " + ", ".join(knob.choices or ("a text", )),
                              mend=_nearest(wrong, knob.choices))
        return _several(what, parts, knob) if knob.several else value
    wanted = numbers.Integral if kind is int else numbers.Real
    bounds = f"{'a whole number' if kind is int else 'a number'} from {knob.least:g} to {knob.most:g}"
    bounds += f", or None ({knob.none_means})" if knob.none_means else ""
    # bool is an Integral, and True as a batch size is a slip
    if isinstance(value, bool) or not isinstance(value, wanted) or not is_finite_number(value):
        raise RecipeError(what, found=repr(value), expected=bounds, mend=_example(name, knob))
    assert knob.least is not None
    assert knob.most is not None
    if not knob.least <= float(value) <= knob.most:
        raise RecipeError(what, found=repr(value), expected=bounds, mend=_example(name, knob))
    return None if knob.none_means and value == 0 else kind(value)  # numpy's become Python's


def _several(what: str, parts: list[str], knob: Knob) -> str:
    """The chosen names, each once, in the order of the choices; so that equal choices are equal
    texts.
    """
    if len(set(parts)) < len(parts) or (knob.choices[0] in parts and len(parts) > 1):
        raise RecipeError(what, found=repr("+".join(parts)),
                          expected=f"each name once, {knob.choices[0]!r} alone")
    return "+".join(name for name in knob.choices if name in parts)


def _nearest(value: Any, choices: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(str(value).lower(), choices, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def _example(name: str, knob: Knob) -> str:
    default = next(item.default for item in fields(Settings) if item.name == name)
    return f"Try {name}={default!r}" + (f" ({knob.unit})." if knob.unit else ".")
