"""A run as a standalone script: the same data, weights, batches, steps and numbers, in plain
PyTorch.

Formulas are not written here a second time: `sources` takes the functions of the tables of
optimisers, schedules, losses and augmentations as they stand, and `template` holds the loop around
them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from recipe_widgets.core import RecipeError, Run, Settings, generator
from recipe_widgets.core.files import state_folder, write_atomically
from recipe_widgets.core.randomness import Stream
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data
from recipe_widgets.data.augment.policy import AUGMENTATIONS
from recipe_widgets.export import template
from recipe_widgets.export.layers import model_code
from recipe_widgets.export.plain import plain_text
from recipe_widgets.export.source import plain_source, sources
from recipe_widgets.export.template import fill, spaced
from recipe_widgets.models import build_model
from recipe_widgets.models.architectures import ARCHITECTURES
from recipe_widgets.models.init import INIT_SCHEMES
from recipe_widgets.training.early_stopping import keeps_best
from recipe_widgets.training.losses import LOSSES
from recipe_widgets.training.optimizers import OPTIMIZERS
from recipe_widgets.training.schedules import SCHEDULES, Plateau, varies
from recipe_widgets.training.trainer import evaluation_due
from recipe_widgets.training.validation import subset_rows
from recipe_widgets.training.weight_averaging import blend, newest_share


@validated
def script_of(run: Run, data: Data | None = None, plain: bool = False) -> str:
    """The script of a run; its data are put into the reader's state folder, where the script finds
    them.

    plain: the short script of the same recipe (`export.plain`) instead. Its data file belongs
    beside it: `save_script(run, folder, plain=True)` writes both.

    It trains exactly the steps the run has done, knobs changed on the way included, and prints the
    last training loss last. `save_script` puts script and data side by side instead, to take away.

    Raises:
        RecipeError: the run does not know its data any more, or is of a reader's own model, loss or
            loop.
    """
    chosen = _data_of(run, data)
    if plain:
        return plain_text(run, chosen, f"{_slug(chosen.name)}.npz")
    content = data_file(chosen, run)
    # named by its content, so that scripts of one data set share a file
    digest = hashlib.sha256(content).hexdigest()[:16]
    cache = state_folder() / "exported" / f"{_slug(chosen.name)}-{digest}.npz"
    with _folder_errors(cache.parent,
                        "Name another folder in the environment variable RECIPE_STATE."):
        cache.parent.mkdir(exist_ok=True)
        # compared whole: half a file of a process that was killed is written anew
        if not cache.exists() or cache.read_bytes() != content:
            write_atomically(cache, content)
    return text_of(run, chosen, cache.name, str(cache))


@validated
def save_script(run: Run, folder: str | Path, data: Data | None = None,
                name: str = "train", plain: bool = False) -> Path:
    """Write `<name>.py` and its data file into `folder` (made where it is missing) and return
    the script's path. plain: the short script of the same recipe, with other random numbers.
    """
    chosen = _data_of(run, data)
    target, beside = Path(folder), f"{_slug(chosen.name)}.npz"
    text = plain_text(run, chosen, beside) if plain else text_of(run, chosen, beside, "")
    path = target / f"{_slug(name)}.py"
    with _folder_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        write_atomically(target / beside, data_file(chosen, run))
        write_atomically(path, text)
    return path


@contextlib.contextmanager
def _folder_errors(folder: Path, mend: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecipeError("Folder for the script", found=f"{folder} ({error.strerror or error})",
                          expected="a folder that can be written to", mend=mend) from None


def data_file(data: Data, run: Run) -> bytes:
    """Train and validation split as they were dealt, and the number of each sample in the
    original set, as an npz. "look": which validation samples steer the schedule, where not all do.
    """
    # the test set stays in its vault: it is no part of the file
    arrays: dict[str, np.ndarray] = {}
    for name, split in (("train", data.train), ("val", data.validation)):
        parts = {"x": split.x, "y": split.y, "index": split.index}
        arrays |= {f"{part}_{name}": values.cpu().numpy() for part, values in parts.items()}
    arrays |= {
        name: np.asarray(_on_cpu(getattr(data.train, f"_{name}"))) for name in ("scale", "shift")
    }
    # such as `eval_samples=500`: the schedule "plateau" follows the loss on these
    rows = subset_rows(data.validation, run.settings.eval_samples)
    if rows is not None:
        arrays["look"] = rows.cpu().numpy()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _on_cpu(value: Any) -> Any:
    return value.cpu().numpy() if isinstance(value, torch.Tensor) else value


def _data_of(run: Run, data: Data | None) -> Data:
    if run.own:
        raise RecipeError("run.to_script()", found="a run that its settings do not describe",
                          expected="a model and a loss that they describe",
                          mend="A model, loss or loop of your own is a script already: yours.")
    chosen = data if data is not None else run.data
    if not isinstance(chosen, Data):
        raise RecipeError("run.to_script()", found="a run that does not hold its data",
                          expected="a Data", mend="Hand it in: run.to_script(data).")
    return chosen


def _slug(name: str) -> str:
    # it goes into file names and into the script's docstring: nothing in it may end either
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40] or "data"


def text_of(run: Run, data: Data, beside: str, elsewhere: str) -> str:
    """The script. beside: name of the data file in its folder. elsewhere: where else to look for
    it.
    """
    # all settings that the run went through, the first ones first
    history = [run.settings_at(at) for at in (0, *(at for at, _ in run.changes))]
    parts = [
        _head(run, data, beside, elsewhere),
        Part({"import copy": "import copy" if run.settings.ema else ""}),
        _settings(run, history),
        _model(run.settings, data),
        _optimizer(run.settings),
        _learning_rate(history),
        _looks(run.settings, history),
        _loss(history),
        _batch(history, data),
        _rest_of_step(run.settings, history),
    ]
    # each name is in one part only; `fill` raises where one is missing
    blocks = {name: text for part in parts for name, text in part.blocks.items()}
    blocks["change"] = fill(template.CHANGE, blocks) if _changes(run) else ""
    blocks["functions"] = _apart(sources([one for part in parts for one in part.functions]))
    return spaced(fill(template.SCRIPT, blocks))


class Part(NamedTuple):
    """What one side of a run puts into the script: texts for the template, and the functions of
    this package that they call.
    """

    blocks: dict[str, str]
    functions: list[Callable[..., Any]] = []  # noqa: RUF012  never written to


def _apart(texts: Iterable[str]) -> str:
    """Functions and classes, two empty lines behind each."""
    return "".join(f"{text}\n\n\n" for text in texts)


def _head(run: Run, data: Data, beside: str, elsewhere: str) -> Part:
    s, split, changes = run.settings, data.train, _changes(run)
    # each stream has a generator of its own, seeded by its name and `settings.seed`
    streams: list[Stream] = ["init", "batches", "dropout", "augmentation"]
    seeds = [str(generator(s.seed, stream).initial_seed()) for stream in streams]
    scale = "float(stored[{!r}])"
    if isinstance(split._scale, torch.Tensor):  # one number per channel or column
        scale = "torch.from_numpy(stored[{!r}])"
    return Part({
        "title": f"{_slug(data.name)}, {s.model}: {run.steps_done} steps, seed {s.seed}. Prints "
                 "the last training loss last.",
        "beside": beside,
        "notes": "\n".join(_notes(run)),
        "steps": str(run.steps_done),
        "seeds": f"{', '.join(stream.upper() for stream in streams)} = {', '.join(seeds)}  # seeds",
        "changes": f"CHANGES = {changes}  # after so many steps, these knobs are changed"
                   if changes else "",
        "apply changes": "if step in CHANGES:\n    change(CHANGES[step])" if changes else "",
        "no loss": "" if run.steps_done else "loss = torch.tensor(math.nan)  # no steps",
        "threads": str(dict(run.threads)),
        "file": repr(beside),
        "elsewhere": f"file = file if file.exists() else Path({elsewhere!r})" if elsewhere else "",
        "scale": f"scale, shift = {scale.format('scale')}, {scale.format('shift')}",
        "unit": "bytes / 255" if split.x.dtype == torch.uint8 else "values",
    })


def _notes(run: Run) -> Iterator[str]:
    weights = list(run.model.parameters()) if run.model is not None else []
    device = weights[0].device if weights else None
    if device is not None and device.type != "cpu":
        yield f"The run computed on {device}: here, on the CPU, the last digits differ."
    if run.settings.precision == "bf16":
        yield "bfloat16 rounds otherwise on other machines: there the last digits differ."
    if keeps_best(run.settings):
        yield "The run kept the weights of its best look at the validation set; here the last stay."


def _settings(run: Run, history: list[Settings]) -> Part:
    """The knobs that the script reads, as arguments of a call."""
    names = ["lr", "momentum", "weight_decay", "dropout", "batch_size", "label_smoothing"]
    if any(varies(one) for one in history):
        names += ["max_steps", "schedule", "warmup"]
    if any(one.clip_norm for one in history):
        names += ["clip_norm"]
    if len({one.loss for one in history}) > 1:
        names += ["loss"]
    if any(one.augment != "none" for one in history):
        names += ["augment", "augment_strength"]
    if any(SCHEDULES[one.schedule].needs_validation for one in history):
        names += ["eval_every"]
    lines, line = [], ""  # wrapped by hand: a script is read, too
    for name in names:
        pair = f"{name}={getattr(run.settings, name)!r}"
        if line and len(line) + len(pair) > 70:  # characters, behind 27 of indentation
            lines.append(line)
            line = ""
        line = f"{line}, {pair}" if line else pair
    return Part({"settings": (",\n" + 27 * " ").join([*lines, line])})


def _changes(run: Run) -> dict[int, dict[str, Any]]:
    merged: dict[int, dict[str, Any]] = {}
    for step, values in run.changes:
        # a knob that was moved after the last step has done nothing
        if step < run.steps_done:
            merged.setdefault(step, {}).update(values)
    return merged


def _model(s: Settings, data: Data) -> Part:
    # weight normalisation is put around layers that have their weights already
    plain = s.replace(norm="none") if s.norm == "weight" else s
    classes, made = model_code(build_model(plain, data.shape, data.num_classes))
    std = INIT_SCHEMES[s.init].std
    if std is not None:
        classes.append(plain_source(std))
    return Part({
        "layers": _apart(classes),
        "masks": "masks = torch.Generator().manual_seed(DROPOUT)" if "masks" in made else "",
        "model": made,
        "init": "\n".join(_init_lines(s)),
        "weight norm": template.WEIGHT_NORM if s.norm == "weight" else "",
        "channels last": template.CHANNELS_LAST if ARCHITECTURES[s.model].convolutional else "",
    })


def _init_lines(s: Settings) -> Iterator[str]:
    """How each layer draws its weights; `layer` and `draw` are those of the template."""
    yield "if isinstance(layer, (nn.Linear, nn.Conv2d)):"
    row = INIT_SCHEMES[s.init].std
    if row is None:
        # PyTorch's own bound, from a generator of our own: one row of the weight holds n_in numbers
        yield "    bound = 1 / math.sqrt(layer.weight[0].numel())"
        yield "    for p in layer.parameters():"
        yield "        p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=draw))"
        if s.model in ("rnn", "gru"):
            yield "if isinstance(layer, nn.RNNBase):"
            yield "    bound = 1 / math.sqrt(layer.hidden_size)"
            yield "    for p in layer.parameters():"
            yield "        p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=draw))"
        return
    std = row.__name__
    normal = "normal_(generator=draw).mul_(std)"
    yield "    field = layer.weight[0, 0].numel()  # pixels under a filter; 1 for a matrix"
    yield "    n_in, n_out = layer.weight.shape[1] * field, layer.weight.shape[0] * field"
    yield f"    std = {std}(n_in, n_out)"
    yield f"    layer.weight.copy_(torch.empty(layer.weight.shape).{normal})"
    yield "    if layer.bias is not None:\n        layer.bias.zero_()"
    if s.model in ("rnn", "gru"):
        yield "if isinstance(layer, nn.RNNBase):"
        yield "    for name, values in layer.named_parameters():"
        yield "        if name.startswith('bias'):"
        yield "            values.zero_()\n            continue"
        # a GRU keeps its three gates in one matrix, each drawn as a layer of its own
        yield "        for gate in values.split(layer.hidden_size):"
        yield f"            std = {std}(gate.shape[1], gate.shape[0])"
        yield f"            gate.copy_(torch.empty(gate.shape).{normal})"


def _optimizer(s: Settings) -> Part:
    row = OPTIMIZERS[s.optimizer]
    group = row.group.__name__
    # PyTorch's classes are called by name, a function of this package goes into the script
    ours = not row.make.__module__.startswith("torch.")
    make = row.make.__name__ if ours else f"torch.optim.{row.make.__name__}"
    fused = ", fused=True" if row.fused else ""
    return Part({"optimizer": f"{make}(model.parameters(), **{group}(settings){fused})",
                 "group": group}, [row.group, *([row.make] if ours else [])])


def _learning_rate(history: list[Settings]) -> Part:
    if not any(varies(s) for s in history):
        return Part({"learning rate": "", "set rate": ""})
    # by name, each once: a run may have gone through several
    rows = {s.schedule: SCHEDULES[s.schedule] for s in history}
    factor = _chosen("schedule", {name: row.factor for name, row in rows.items()})
    # the factor of a plateau stays 1 while another schedule is on
    steered = any(row.needs_validation for row in rows.values())
    rate = "lr_at(step) * plateau.factor" if steered else "lr_at(step)"
    return Part({
        "learning rate": fill(template.LEARNING_RATE, {"factor": factor}),
        "set rate": f"for group in optimizer.param_groups:\n    group['lr'] = {rate}",
    }, [row.factor for row in rows.values()])


def _looks(first: Settings, history: list[Settings]) -> Part:
    """Looks at the validation set, where a schedule needs them."""
    names = [s.schedule for s in history]
    needing = {name for name in names if SCHEDULES[name].needs_validation}
    if not needing:
        return Part(dict.fromkeys(("looks", "evaluate", "plateau", "new plateau", "look"), ""))
    losses = {s.loss: LOSSES[s.loss].function for s in history}
    # the averaged weights are judged where there are any, as in the run
    judged = "average" if first.ema else "model"
    return Part({
        "looks": template.LOOK_ROWS,
        "evaluate": fill(template.EVALUATE, {"loss": _chosen("loss", losses)}),
        "plateau": "plateau = Plateau()",
        "new plateau": "if 'schedule' in changes:\n    plateau.__init__()",
        "look": fill(template.LOOK, {"judged": judged, "needing": repr(needing)}),
    }, [Plateau, evaluation_due, *losses.values()])


def _loss(history: list[Settings]) -> Part:
    functions = {s.loss: LOSSES[s.loss].function for s in history}
    call = f"{_chosen('loss', functions)}(logits, targets, settings.label_smoothing)"
    return Part({"loss": call}, list(functions.values()))


def _chosen(knob: str, functions: dict[str, Callable[..., Any]]) -> str:
    """The function that the knob names, as an expression: by itself where a run knows only one."""
    names = {name: function.__name__ for name, function in functions.items()}
    if len(names) == 1:
        return next(iter(names.values()))
    return "{" + ", ".join(f"{name!r}: {f}" for name, f in names.items()) \
        + f"}}[settings.{knob}]"


def _batch(history: list[Settings], data: Data) -> Part:
    """How a batch is made of rows: normalised, and augmented where the run did that."""
    # a run may have begun to augment half-way: then "none" is one of the names
    used = {name for s in history for name in s.augment.split("+")}
    rows = [row for row in AUGMENTATIONS if row.name in used and row.name != "none"]
    if not rows:
        return Part({"augmentation": "", "augment": "", "augmentation begins": "",
                     "batch": "x, targets = inputs(x_train[rows]), y_train[rows]"})
    is_bytes = not data.train.x.is_floating_point()

    # the names are asked at every step, since the knob may have moved
    def applied(takes: str) -> str:
        return "\n".join(f"if {row.name!r} in names:\n"
                         f"    x = {row.apply.__name__}(x, strength, augmentation)"
                         for row in rows if row.takes == takes)

    unit = {row.name for row in rows if row.takes == "unit"}
    pairs = {row.name: row.apply.__name__ for row in rows if row.takes == "pairs"}
    ways = "".join(f"({name!r}, {function}), " for name, function in pairs.items()).rstrip()
    augment = {
        "pixels": applied("pixels"),
        "unit": fill(template.UNIT, {
            "names": ", ".join(map(repr, sorted(unit))), "unit steps": applied("unit"),
            "to unit": "x = x.to(torch.float32).div_(255)" if is_bytes else "",
            "from unit": "x = x.mul(255)" if is_bytes else "",
        }) if unit else "",
        "normalised": applied("normalised"),
        "pairs": fill(template.PAIRS, {"ways": ways, "classes": str(data.num_classes)})
        if pairs else "",
    }
    return Part({
        "augmentation": "augmentation = torch.Generator().manual_seed(AUGMENTATION)",
        "augment": fill(template.AUGMENT, augment),
        "augmentation begins": template.AUGMENTATION_BEGINS,
        "batch": "x, targets = augmented(x_train[rows], y_train[rows])",
    }, [row.apply for row in rows])


def _rest_of_step(first: Settings, history: list[Settings]) -> Part:
    """Precision, clipping, and the average of the weights."""
    # a function of the run's decay, so that the script shows the number itself
    averages = "average, updates = copy.deepcopy(model).requires_grad_(False), 0"
    update = (f"share = newest_share({first.ema}, updates)\n"
              "blend(average, model, share, share)\nupdates += 1")
    return Part({
        "forward": template.BF16 if first.precision == "bf16" else "logits = model(x)",
        "clip": template.CLIP if any(s.clip_norm for s in history) else "",
        "average": averages if first.ema else "",
        "update average": update if first.ema else "",
        "end": "if updates:\n    model.load_state_dict(average.state_dict())" if first.ema else "",
    }, [newest_share, blend] if first.ema else [])
