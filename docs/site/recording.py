"""Trains every combination of a plan with the package and writes down what the live panel would
have shown.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

import recipe_widgets
from docs.site.plans import Plan
from recipe_widgets import Data, Settings, evaluate, train
from recipe_widgets.core import Run, Step
from recipe_widgets.core.files import write_atomically
from recipe_widgets.live.diagnosis import diagnose
from recipe_widgets.models import build_model
from recipe_widgets.plots import downsample
from recipe_widgets.plots.images import bytes_of, contact_sheet
from recipe_widgets.training import UpdateRatio, model_statistics
from recipe_widgets.training.validation import stratified_subset

# shown: predictions, units of the first layer, points of a training curve
SAMPLES, FILTERS, POINTS = 10, 8, 100
# folders of the package that numbers, words and pictures depend on
CODE = ("core", "data", "models", "training", "rules", "plots", "live")


def record(data: Data, settings: Settings, plan: Plan) -> dict[str, Any]:
    """One run, trained from its seed, as plain values: its curve, and what was seen at each of the
    plan's looks.

    Shares are from 0 to 1, losses in nats; a value that is no number is None.
    """
    model = build_model(settings, data.shape, data.num_classes)
    looks = [_look(model, data, 0, plan) | _untrained(model, data, settings)]

    def after(step: Step) -> bool:
        if step.index + 1 in plan.looks:
            looks.append(_look(model, data, step.index + 1, plan))
        return False

    # as the live panel does
    run = train(data, settings, model, probes=[UpdateRatio(every=40)], until=after)
    if run.status == "done":  # the last step of a run is not handed to `until`
        looks.append(_look(model, data, run.steps_done, plan))
    for look in looks[1:]:
        look.update(_numbers(run, look["step"]))
    x, y = downsample(*run.history.arrays("train_loss"), POINTS)
    return {
        "status": run.status, "message": run.message, "diagnosis": diagnose(run), "steps":
        run.steps_done, "curve": [[round(float(step), 1), _short(loss)]
                                  for step, loss in zip(x, y, strict=True)], "looks": looks
    }


def _look(model: nn.Module, data: Data, step: int, plan: Plan) -> dict[str, Any]:
    """What the net takes some fixed samples for, and the first layer's weights where the plan
    wants them.
    """
    inside = model_statistics(model, _samples(data))
    sure, guesses = inside.probabilities.nan_to_num().max(1)
    seen = {
        "step": step, "guesses": guesses.tolist(), "sure":
        [round(value, 2) for value in sure.tolist()]
    }
    if step in plan.pictures and inside.weights is not None and bool(
            inside.weights.isfinite().all()):
        seen["filters"] = filters_png(inside.weights[:FILTERS])
    return seen


def _samples(data: Data) -> Any:
    return stratified_subset(data.validation, SAMPLES)


def _untrained(model: nn.Module, data: Data, settings: Settings) -> dict[str, Any]:
    result = evaluate(model, stratified_subset(data.validation, settings.eval_samples))
    return {
        "train_loss": None, "val_loss": _short(result.loss), "val_accuracy": _short(result.accuracy)
    }


def _numbers(run: Run, done: int) -> dict[str, Any]:
    """The history's numbers of the step after which the look was; columns that have none there
    are None.
    """
    found: dict[str, Any] = {}
    for name in ("train_loss", "val_loss", "val_accuracy"):
        values = dict(zip(run.history.steps(name), run.history.series(name),
                          strict=True)) if name in run.history else {}
        found[name] = _short(values.get(done - 1, math.nan))
    return found


def _short(value: float) -> float | None:
    """Four digits, which is more than a curve shows; None where it is no number."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def filters_png(weights: torch.Tensor) -> str:
    """Weights (F,C,h,w) side by side, each stretched from its lowest to its highest, as the
    address of a small PNG.
    """
    flat = weights.flatten(1)
    low, high = flat.min(1).values.view(-1, 1, 1, 1), flat.max(1).values.view(-1, 1, 1, 1)
    scaled = 255 * (weights - low) / (high - low).clamp_min(1e-12)
    sheet = contact_sheet(
        bytes_of(nn.functional.pad(scaled, (0, 1, 0, 1), value=128).round().byte()), 4)
    picture = Image.fromarray(sheet)
    if weights.shape[1] == 1:  # sixteen greys are enough for the eye
        picture = picture.convert("L").quantize(16)
    return png_url(picture)


def png_url(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def recorded(plan: Plan, data: Data, folder: Path) -> dict[str, Any]:
    """The whole replay. Runs that were recorded before, by the same code on the same data, are
    read from `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, int] = {}
    runs = [_shared(run, pictures) for run in _runs(plan, data, folder)]
    samples = _samples(data)
    x, y = bytes_of(samples.x), samples.y.tolist()
    return {
        "what":
        f"{data.name} {plan.base.model}", "steps":
        plan.base.max_steps, "looked":
        plan.base.eval_samples, "knobs": [_knob(plan, name) for name in plan.choices], "classes":
        list(data.classes), "looks":
        list(plan.looks), "samples":
        [{"label": label, "picture": png_url(Image.fromarray(contact_sheet(x[k:k + 1], 1)))}
         for k, label in enumerate(y)], "pictures":
        list(pictures), "runs":
        runs
    }


def _runs(plan: Plan, data: Data, folder: Path) -> Iterator[dict[str, Any]]:
    code = code_digest()
    for settings in tqdm(list(plan.settings()), desc=f"recording {plan.name}", unit="run",
                         leave=False):
        asked = [
            settings.to_dict(), plan.looks, plan.pictures, data.name, data.sha256, code,
            torch.__version__
        ]
        file = folder / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]}.json"
        if not file.exists():
            write_atomically(file, json.dumps(record(data, settings, plan), allow_nan=False))
        yield json.loads(file.read_text())


def code_digest() -> str:
    """Of the package's source that decides about what is recorded, and of this file."""
    package = Path(recipe_widgets.__file__).parent
    digest = hashlib.sha256()
    for path in [
            Path(__file__),
            *sorted(path for name in CODE for path in (package / name).rglob("*.py"))
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _shared(run: dict[str, Any], pictures: dict[str, int]) -> dict[str, Any]:
    """The same run with numbers in place of pictures: equal ones, such as those before the first
    step, are kept once.
    """
    for look in run["looks"]:
        if "filters" in look:
            look["filters"] = pictures.setdefault(look["filters"], len(pictures))
    return run


def _knob(plan: Plan, name: str) -> dict[str, Any]:
    values = plan.choices[name]
    knob, start = Settings.knob(name), getattr(Settings(), name)
    return {
        "name": name, "label": knob.label, "help": knob.help, "unit": knob.unit, "values":
        list(values), "start": values.index(start) if start in values else 0
    }
