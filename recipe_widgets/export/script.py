"""A run as a standalone script: the same data, weights, batches, steps and numbers, in plain
PyTorch.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipe_widgets.core import RecipeError, Run, Settings, generator
from recipe_widgets.core.files import write_whole
from recipe_widgets.core.seeds import Stream
from recipe_widgets.core.state import state_folder
from recipe_widgets.core.validation import validated
from recipe_widgets.data import Data, Split
from recipe_widgets.export.layers import model_code
from recipe_widgets.models import build_model
from recipe_widgets.models.architectures import ARCHITECTURES

_CANNOT = {"ema": (0.0, ), "augment": ("none", ), "precision":
           ("float32", )}  # knob: values a script can tell of
_STD = {
    "he": "math.sqrt(2 / n_in)", "xavier": "math.sqrt(2 / (n_in + n_out))", "lecun":
    "math.sqrt(1 / n_in)", "normal": "1.0", "small": "0.01", "zeros": "0.0"
}
_SCHEDULES = {
    "step": "1.0 if done < 0.5 else (0.1 if done < 0.75 else 0.01)", "halve":
    "0.5 ** math.floor(5 * done + 1e-9)", "exponential": "0.01 ** done", "inverse":
    "1 / (1 + 9 * done)", "cosine": "0.5 * (1 + math.cos(math.pi * done))", "linear": "1 - done",
    "constant": "1.0",
}


@validated
def script_of(run: Run, data: Data | None = None) -> str:
    """The script of a run; its data are put into the reader's state folder, where the script finds
    them.

    It trains exactly the steps the run has done, knobs turned on the way included, and prints the
    last training loss last. `save_script` puts script and data side by side instead, to take away.

    Raises:
        RecipeError: the run does not know its data any more, is of a reader's own model, loss or
            loop, or uses what no script can tell of.
    """
    chosen = _data_of(run, data)
    content = data_file(chosen)
    cache = state_folder(
    ) / "exported" / f"{_slug(chosen.name)}-{hashlib.sha256(content).hexdigest()[:16]}.npz"
    with _folder_told(cache.parent,
                      "Name another folder in the environment variable RECIPE_STATE."):
        cache.parent.mkdir(exist_ok=True)
        if not cache.exists() or cache.read_bytes() != content:
            write_whole(cache, content)
    return text_of(run, chosen, cache.name, str(cache))


@validated
def save_script(run: Run, folder: str | Path, data: Data | None = None,
                name: str = "train") -> Path:
    """Write `<name>.py` and its data file into `folder` (made where it is missing) and return
    the script's path.
    """
    chosen = _data_of(run, data)
    target, beside = Path(folder), f"{_slug(chosen.name)}.npz"
    path, text = target / f"{_slug(name)}.py", text_of(run, chosen, beside, "")
    with _folder_told(target):
        target.mkdir(parents=True, exist_ok=True)
        write_whole(target / beside, data_file(chosen))
        write_whole(path, text)
    return path


@contextlib.contextmanager
def _folder_told(folder: Path, mend: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecipeError("Folder for the script", found=f"{folder} ({error.strerror or error})",
                          expected="a folder that can be written to", mend=mend) from None


def data_file(data: Data) -> bytes:
    """Train and validation split as they were dealt, and the number of each sample in the
    original set, as an npz.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, split in (("train", data.train), ("val", data.validation)):
        parts = {"x": split.x, "y": split.y, "index": split.index}
        arrays |= {f"{part}_{name}": values.cpu().numpy() for part, values in parts.items()}
    arrays |= {
        name: np.asarray(_home(getattr(data.train, f"_{name}"))) for name in ("scale", "shift")
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _home(value: Any) -> Any:
    return value.cpu().numpy() if isinstance(value, torch.Tensor) else value


def _data_of(run: Run, data: Data | None) -> Data:
    if run.own:
        raise RecipeError("run.to_script()", found="a run that its settings do not describe",
                          expected="a model that they describe, trained with cross-entropy",
                          mend="A model, loss or loop of your own is a script already: yours.")
    chosen = data if data is not None else run.data
    if not isinstance(chosen, Data):
        raise RecipeError("run.to_script()", found="a run that does not hold its data",
                          expected="a Data", mend="Hand it in: run.to_script(data).")
    all_settings = [run.settings_at(at) for at in (0, *(at for at, _ in run.changes))]
    for settings in all_settings:
        for knob, told in _CANNOT.items():
            if getattr(settings, knob) not in told:
                raise RecipeError("run.to_script()", found=f"{knob}={getattr(settings, knob)!r}",
                                  expected=f"{knob}={told[0]!r}",
                                  mend="A script cannot tell of that yet.")
        if settings.schedule in ("plateau", "onecycle",
                                 "epoch") or settings.optimizer == "normalized":
            raise RecipeError(
                "run.to_script()",
                found=f"schedule={settings.schedule!r}, optimizer={settings.optimizer!r}",
                expected="another schedule or optimiser", mend="A script cannot tell of that yet.")
    return chosen


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40] or "data"


def text_of(run: Run, data: Data, beside: str, elsewhere: str) -> str:
    """The script. beside: name of the data file in its folder. elsewhere: where else to look for
    it.
    """
    return "\n".join(_lines(run, data, beside, elsewhere)) + "\n"


def _lines(run: Run, data: Data, beside: str, elsewhere: str) -> Iterator[str]:
    s = run.settings
    shown = build_model(s, data.shape, data.num_classes)
    yield f'"""{_slug(data.name)}, {s.model}: {run.steps_done} steps, seed {s.seed}. Prints the last training loss last.\n'
    yield f'Needs torch, numpy, and the data beside it: {beside}\n"""\n'
    yield "import math\nimport sys\nfrom pathlib import Path\n\nimport numpy as np\nimport torch\nfrom torch import nn\n"
    yield f"STEPS = {run.steps_done}"
    yield f"INIT, BATCHES, DROPOUT = {', '.join(str(generator(s.seed, n).initial_seed()) for n in _STREAMS)}  # seeds"
    yield f"knobs = {_knobs(s)}"
    yield f"CHANGES = {_changes(run)}  # after so many steps, these knobs are turned"
    yield f"THREADS = {dict(run.threads)}  # sums of floats depend on their number in the last digits\n"
    yield from _data_lines(beside, elsewhere, data.train)
    classes, made = model_code(shown)
    if run.settings.norm == "weight":
        raise RecipeError("run.to_script()", found="norm='weight'", expected="another norm",
                          mend="A script cannot tell of that yet.")
    yield from (f"\n{text}" for text in classes)
    yield "masks = torch.Generator().manual_seed(DROPOUT)" if "masks" in made else ""
    yield f"model = {made}\n"
    yield from _init_lines(s)
    if ARCHITECTURES[s.model].convolutional:
        yield "model = model.to(memory_format=torch.channels_last)  # how images are fastest; the numbers stay"
    yield from _training_lines(run)


_STREAMS: tuple[Stream, ...] = ("init", "batches", "dropout")


def _knobs(s: Settings) -> str:
    names = ("lr", "momentum", "weight_decay", "dropout", "batch_size", "schedule", "warmup",
             "clip_norm", "label_smoothing", "max_steps")
    pairs = ", ".join(f"{name}={getattr(s, name)!r}" for name in names)
    return f"dict({pairs})".replace(", schedule=", ",\n             schedule=")


def _changes(run: Run) -> dict[int, dict[str, Any]]:
    merged: dict[int, dict[str, Any]] = {}
    for at, values in run.changes:
        if at < run.steps_done:
            merged.setdefault(at, {}).update(values)
    return merged


def _data_lines(beside: str, elsewhere: str, train: Split) -> Iterator[str]:
    yield f"file = Path(__file__).resolve().with_name({beside!r}) if '__file__' in globals() else Path({beside!r})"
    if elsewhere:
        yield f"file = file if file.exists() else Path({elsewhere!r})"
    kind = "bytes / 255" if train.x.dtype == torch.uint8 else "values"
    yield "file = Path(sys.argv[1]) if len(sys.argv) > 1 else file\nstored = np.load(file)"
    yield 'x_train, y_train, x_val, y_val = (torch.from_numpy(stored[n]) for n in ("x_train", "y_train", "x_val", "y_val"))'
    yield f'scale, shift = stored["scale"], stored["shift"]  # ({kind} - mean) / std = values * scale + shift'
    single = not isinstance(train._scale, torch.Tensor)
    yield "scale, shift = float(scale), float(shift)" if single else \
        "scale, shift = torch.from_numpy(scale), torch.from_numpy(shift)"
    yield "\n\ndef inputs(x):\n    return x.to(torch.float32).mul(scale).add(shift)\n"


def _init_lines(s: Settings) -> Iterator[str]:
    yield "\ndraw = torch.Generator().manual_seed(INIT)\nwith torch.no_grad():"
    yield "    for layer in model.modules():"
    yield "        if isinstance(layer, (nn.Linear, nn.Conv2d)):"
    if s.init == "default":
        yield "            bound = 1 / math.sqrt(layer.weight[0].numel())"
        yield "            for p in (layer.weight, layer.bias):\n                if p is not None:"
        yield "                    p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=draw))"
        if s.model in ("rnn", "gru"):
            yield "        if isinstance(layer, nn.RNNBase):\n            bound = 1 / math.sqrt(layer.hidden_size)"
            yield "            for p in layer.parameters():"
            yield "                p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=draw))"
        return
    if s.model in ("rnn", "gru"):
        raise RecipeError("run.to_script()", found=f"init={s.init!r} of a recurrent net",
                          expected="init='default'", mend="A script cannot tell of that yet.")
    yield "            field = layer.weight[0, 0].numel()"
    yield "            n_in, n_out = layer.weight.shape[1] * field, layer.weight.shape[0] * field"
    yield f"            std = {_STD[s.init]}"
    yield "            layer.weight.copy_(torch.empty(layer.weight.shape).normal_(generator=draw).mul_(std))"
    yield "            if layer.bias is not None:\n                layer.bias.zero_()"


_OPTIMIZERS = {  # constructor, and what of it the knobs set
    "sgd": ("SGD", "momentum=knobs['momentum']", ", fused=True"),
    "nesterov": ("SGD", "momentum=knobs['momentum'], nesterov=knobs['momentum'] > 0", ", fused=True"),
    "rmsprop": ("RMSprop", "momentum=knobs['momentum']", ""),
    "adam": ("Adam", "betas=(knobs['momentum'], 0.999)", ", fused=True"),
    "adamw": ("AdamW", "betas=(knobs['momentum'], 0.999)", ", fused=True"),
    "adagrad": ("Adagrad", "", ""), "adadelta": ("Adadelta", "", ""),
}


def _training_lines(run: Run) -> Iterator[str]:
    s = run.settings
    kind, numbers, fused = _OPTIMIZERS[s.optimizer]
    numbers = ", ".join(
        part for part in ("lr=knobs['lr']", numbers, "weight_decay=knobs['weight_decay']") if part)
    every = [run.settings_at(at) for at in (0, *(at for at, _ in run.changes))]
    varies = any(one.schedule != "constant" or one.warmup for one in every)
    yield f"optimizer = torch.optim.{kind}(model.parameters(), {numbers}{fused})\n"
    yield "\ndef turn(changes):\n    knobs.update(changes)\n    for group in optimizer.param_groups:"
    yield f"        group.update({numbers})"
    yield "    for layer in model.modules():\n        if type(layer).__name__ == 'Dropout':"
    yield "            layer.p = knobs['dropout']\n"
    if varies:
        yield from _schedule_lines({one.schedule for one in every})
    if not run.steps_done:
        yield "loss = torch.tensor(math.nan)  # no steps\n"
    yield "\nshuffle, order, at = torch.Generator().manual_seed(BATCHES), None, 0\nmodel.train()"
    yield "for step in range(STEPS):\n    if step in THREADS:\n        torch.set_num_threads(THREADS[step])"
    yield "    if step in CHANGES:\n        turn(CHANGES[step])\n    size = min(knobs['batch_size'], len(y_train))"
    yield "    if order is None or at + size > len(y_train):  # a new epoch; what is left of the old one is dropped"
    yield "        order, at = torch.randperm(len(y_train), generator=shuffle), 0"
    yield "    rows, at = order[at:at + size], at + size"
    yield "    logits = model(inputs(x_train[rows]))"
    yield "    loss = nn.functional.cross_entropy(logits, y_train[rows], label_smoothing=knobs['label_smoothing'])"
    yield "    optimizer.zero_grad()\n    loss.backward()"
    if varies:
        yield "    for group in optimizer.param_groups:\n        group['lr'] = lr_at(step)"
    if any(one.clip_norm for one in every):
        yield "    if knobs['clip_norm']:\n        nn.utils.clip_grad_norm_(model.parameters(), knobs['clip_norm'])"
    yield "    optimizer.step()\n    if step % 100 == 0:\n        print(f'step {step}: loss {loss.item():.4f}')\n"
    yield "model.eval()\nwith torch.no_grad():"
    yield "    pairs = zip(x_val.split(1000), y_val.split(1000))"
    yield "    right = sum(int((model(inputs(x)).argmax(1) == y).sum()) for x, y in pairs)"
    yield "if len(y_val):\n    print(f'validation accuracy {right / len(y_val):.2%} on {len(y_val)} samples')"
    yield "print(f'last training loss {loss.item()}')"


def _schedule_lines(names: set[str]) -> Iterator[str]:
    yield "\ndef lr_at(step):\n    done = min(step / knobs['max_steps'], 1.0)\n    factor = {"
    yield from (f"        {name!r}: lambda: {_SCHEDULES[name]}," for name in sorted(names))
    yield "    }[knobs['schedule']]()"
    yield "    return knobs['lr'] * factor * min(1.0, (step + 1) / (knobs['warmup'] + 1))\n"
