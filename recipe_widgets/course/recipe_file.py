"""my_recipe.py: the training script that a learner owns. It grows by a piece with each exercise, and
runs by itself with torch and numpy.

The file is the only record of what is in it. A piece is found by its name and replaced where it
stands; `main()` is written anew as long as it is as the course wrote it, and left alone from the
first line on that the learner changes in it.
"""

from __future__ import annotations

import ast
import builtins
import os
import runpy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from recipe_widgets.core import RecipeError
from recipe_widgets.core.describe import describe_value
from recipe_widgets.core.errors import describe_error
from recipe_widgets.core.files import save_file
from recipe_widgets.core.json_files import read_text
from recipe_widgets.course.exercise import Exercise, Place
from recipe_widgets.course.exercises import NAMES, exercise_named, exercise_of
from recipe_widgets.course.guarded_call import run_guarded
from recipe_widgets.course.judge import check
from recipe_widgets.course.learner_source import names_from_outside, source_of
from recipe_widgets.data import load

FILE, DATA = "my_recipe.py", "mnist.npz"
OURS = "# From the course, until I keep my own."
RUN = "# --- The run: the course adds a line with each piece, until I change it myself. ---"
NEEDED = ("train_epoch", "accuracy")  # without these main() cannot run

HEADER = '''"""My training script, written piece by piece in the course.

    python my_recipe.py                 trains, and says how good the network is
    recipe watch my_recipe.py           looks for silent bugs while it does
    recipe check my_recipe:build        tries the network, the batches and the loss
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


# --- From the course: digits and a network. ---


def load_mnist():
    """60,000 digits as x (N, 1, 28, 28) float32, mean 0 and std 1, and their classes y (N,).

    The first 50,000 are the training set, the others the validation set.
    """
    with np.load(Path(__file__).with_name("mnist.npz")) as file:
        images, y = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"])
    return (images[:, None] / 255 - 0.1307) / 0.3081, y


# From the course, until I keep my own.
def make_model():
    """784 pixels, 128 hidden units, one output for each of the ten digits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


# --- My pieces. ---
'''

# The lines of main() at each place; what a piece brings takes their place, or is added.
_SPLIT = "train_rows, val_rows = torch.arange(50_000), torch.arange(50_000, 60_000)"
_OPTIMIZER = "optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)"
_REPORT = 'print(f"epoch {epoch + 1}: {accuracy(model, val_loader):.2%} of the validation set right")'
DEFAULTS: dict[Place, str] = {
    "split": _SPLIT, "data": "", "baseline": "", "network": "model = make_model()", "model": "",
    "loss": "loss_fn = F.cross_entropy", "parameters": "parameters = model.parameters()",
    "optimizer": _OPTIMIZER, "before training": "", "report": _REPORT, "after epoch": "",
    "after training": "",
}
_IN_LOOP = ("report", "after epoch")  # places that stand in the loop over epochs
_MAIN = '''def main():
    torch.manual_seed(0)
    x, y = load_mnist()
{split}
    train_loader = DataLoader(TensorDataset(x[train_rows], y[train_rows]), 64, shuffle=True)
    val_loader = DataLoader(TensorDataset(x[val_rows], y[val_rows]), 1000)
{data}
{baseline}
{network}
{model}
{loss}
{parameters}
{optimizer}
{before training}
    for epoch in range(5):
        losses = train_epoch(model, train_loader, loss_fn, optimizer)
{report}
{after epoch}
{after training}
'''
_BUILD = '''

def build():
    """What `recipe check` looks at."""
    x, y = load_mnist()
    training, validation = TensorDataset(x[:50_000], y[:50_000]), TensorDataset(x[50_000:], y[50_000:])
    return {
        "model": make_model, "loss_fn": F.cross_entropy, "num_classes": 10,
        "batches": DataLoader(training, 64, shuffle=True), "validation": DataLoader(validation, 1000),
        "optimizer": lambda model: torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
    }


if __name__ == "__main__":
    main()
'''


def keep(piece: Any, folder: str | Path | None = None) -> Any:
    """Put a piece into my_recipe.py and return the function that the page goes on with.

    What the piece takes from other cells goes into the file, too: imports, small constants,
    functions written with def. With anything else in it, such as a tensor, it is not put there.

    Args:
        piece: your function, once `check` accepts it; until then ours is taken in its place. Or
            the name of an exercise: then ours is taken.
        folder: where my_recipe.py lies; default: the environment variable RECIPE_FOLDER, or else
            the folder of the notebook.
    """
    path = Path(folder or os.environ.get("RECIPE_FOLDER") or ".") / FILE
    shown = str(path) if folder else FILE
    # what goes wrong is told in a sentence: a learner's slip is no reason for a traceback
    try:
        exercise = exercise_of(piece, "keep")
    except RecipeError as error:
        print(error)
        return piece
    mine = not isinstance(piece, str) and check(piece).accepted
    try:
        print(_put(exercise, piece if mine else None, path, shown))
    except RecipeError as error:
        print(f"{error}\n{exercise.name}: the page goes on with {'yours' if mine else 'ours'}; "
              f"{shown} is as it was.")
    return piece if mine else exercise.reference


def kept(*names: str, folder: str | Path | None = None) -> Any:
    """The functions of my_recipe.py with these names: one, or several as a tuple.

    Ours stands in for one that is not there, and for all where the file does not load; both are
    said.

    Raises:
        RecipeError: no exercise has this name.
    """
    path = Path(folder or os.environ.get("RECIPE_FOLDER") or ".") / FILE
    found: dict[str, Any] = {}
    if path.exists():
        outcome = run_guarded(lambda: found.update(runpy.run_path(str(path), run_name="my_recipe")),
                              seconds=60)
        if outcome.error is not None or outcome.out_of_time:
            said = describe_error(outcome.error) if outcome.error else "it does not end"
            print(f"{path} does not load ({said}): the page goes on with our functions.")
            found = {}
    ours = [name for name in names if name not in found]
    if ours and path.exists() and found:
        print(f"Not in {FILE} yet, so ours: {', '.join(ours)}.")
    chosen = [found.get(name) or exercise_named(name).reference for name in names]
    return chosen[0] if len(chosen) == 1 else tuple(chosen)


def _put(exercise: Exercise, mine: Callable[..., Any] | None, path: Path, shown: str) -> str:
    """Write the piece; says what was done. mine: None takes ours, if there is none yet.

    shown: how the file is named in what is said.
    """
    if not exercise.in_recipe:
        return f"{exercise.name}: this page uses {'yours' if mine else 'ours'} (it is not part of my_recipe.py)."
    text = _existing(path)
    before, pieces = text, _pieces_in(text)
    if mine is not None:
        text = _with_piece(text, exercise.name, source_of(mine).text)
        text = _with_surroundings(text, mine, source_of(mine).text)
    elif exercise.name not in pieces or _as_begun(text, exercise.name):
        text = _with_piece(text, exercise.name, f"{OURS}\n{exercise.source}")
        text = _with_surroundings(text, exercise.reference, exercise.source)
    for name in (*NEEDED, *exercise.needs):
        if name not in _pieces_in(text):
            text = _with_piece(text, name, f"{OURS}\n{exercise_named(name).source}")
    text, kept_main = _with_main(text, _pieces_in(before))
    save_file(path, text, what=FILE)
    _save_data(path.with_name(DATA))
    note = " main() there is your own: use the piece where you want it." if kept_main else ""
    if mine is not None:
        return f"{exercise.name}: yours is in {shown} now.{note}"
    if exercise.name in pieces and not _is_ours(before, exercise.name):
        return f"{exercise.name}: the page goes on with ours. The one you kept is still in {shown}."
    return (f"{exercise.name}: the page goes on with ours, which is in {shown} until you keep "
            f"yours.{note}")


def _existing(path: Path) -> str:
    """The file as it is, or a first one. Raises RecipeError: it is no Python."""
    if not path.exists():
        return HEADER + "\n\n" + RUN + "\n\n\n" + _main_for(()) + _BUILD
    text = read_text(path, FILE, "a Python file", most=10**6)
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        where = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        raise RecipeError(FILE, found=f"{where}{getattr(error, 'msg', error)}",
                          expected="Python", mend=f"Mend {path}, or give it another name.") from None
    return text


def _definitions(text: str) -> dict[str, tuple[int, int]]:
    """Top-level functions and classes: first and last line from 0, with decorators and our
    comment above.
    """
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1
            if first and lines[first - 1] == OURS:
                first -= 1
            found[node.name] = (first, (node.end_lineno or first + 1) - 1)
    return found


def _pieces_in(text: str) -> tuple[str, ...]:
    """Exercises whose function the file has, in the order of the course."""
    there = _definitions(text)
    return tuple(name for name in NAMES if name in there)


def _is_ours(text: str, name: str) -> bool:
    return text.splitlines()[_definitions(text)[name][0]] == OURS


def _as_begun(text: str, name: str) -> bool:
    """Whether the definition is still that of a new file: make_model begins as an MLP."""
    def lines_of(file: str) -> list[str]:
        first, last = _definitions(file).get(name, (0, -1))
        return file.splitlines()[first : last + 1]

    return lines_of(text) == lines_of(HEADER)


def _with_piece(text: str, name: str, piece: str) -> str:
    """`piece` in place of the definition of that name, or as the last one before the run."""
    lines, there = text.splitlines(), _definitions(text)
    if name in there:
        first, last = there[name]
        return "\n".join([*lines[:first], *piece.splitlines(), *lines[last + 1 :]]) + "\n"
    at = _start_of_run(lines, there)
    return "\n".join([*lines[:at], *piece.splitlines(), "", "", *lines[at:]]) + "\n"


def _start_of_run(lines: list[str], there: Mapping[str, tuple[int, int]]) -> int:
    """The line before which a new piece goes, also in a file that the learner rearranged."""
    if RUN in lines:
        return lines.index(RUN)
    return there["main"][0] if "main" in there else len(lines)


def _main_for(pieces: Iterable[str]) -> str:
    """main() as the course writes it for these pieces."""
    places = dict(DEFAULTS)
    added: dict[Place, list[str]] = {}
    for lines in (one for name in pieces for one in exercise_named(name).main_lines):
        if DEFAULTS[lines.place]:
            places[lines.place] = lines.lines
        else:
            added.setdefault(lines.place, []).append(lines.lines)
    places |= {place: "\n".join(lines) for place, lines in added.items()}
    indents = {place: 8 if place in _IN_LOOP else 4 for place in places}
    filled = {place: "\n".join(" " * indents[place] + line for line in lines.splitlines())
              for place, lines in places.items()}
    return "\n".join(line for line in _MAIN.format(**filled).splitlines() if line) + "\n"


def _with_main(text: str, before: tuple[str, ...]) -> tuple[str, bool]:
    """The file with main() for its pieces; True where main() is the learner's own by now."""
    there = _definitions(text)
    if "main" not in there:
        return text, True
    first, last = there["main"]
    lines = text.splitlines()
    if "\n".join(lines[first : last + 1]) + "\n" != _main_for(before):
        return text, True
    new = _main_for(_pieces_in(text)).splitlines()
    return "\n".join([*lines[:first], *new, *lines[last + 1 :]]) + "\n", False


def _with_surroundings(text: str, mine: Any, source: str) -> str:
    """What the learner's function takes from the notebook, put above it: imports, small constants,
    functions of their own.

    Raises:
        RecipeError: it uses something that no file can hold, such as a tensor of the notebook.
    """
    around = getattr(mine, "__globals__", None) or vars(_init_of(mine)).get("__globals__", {})
    for name in sorted(names_from_outside(source) - set(dir(builtins))):
        if name in _top_level_names(text) or name not in around:
            continue
        value = around[name]
        if callable(value) and getattr(value, "__module__", "") == "__main__":
            if getattr(value, "__name__", "") == "<lambda>":
                raise RecipeError(f"keep({mine.__name__})", found=f"{name}, a lambda, in it",
                                  expected="functions written with def",
                                  mend=f"Write def {name}(...).")
            helper = source_of(value).text
            text = _before_piece(text, mine.__name__, helper)
            text = _with_surroundings(text, value, helper)
        elif (line := _import_of(name, value)) is not None:
            text = _after_imports(text, line)
        elif (constant := _constant(value)) is not None:
            text = _before_piece(text, mine.__name__, f"{name} = {constant}")
        else:
            raise RecipeError(
                f"keep({mine.__name__})", found=f"the notebook's variable {name} "
                f"({describe_value(value)}) in it", expected="a function that stands alone",
                mend="Hand it in as an argument, or make it inside the function.")
    return text


def _init_of(mine: Any) -> Any:
    return getattr(mine, "__init__", mine)


def _top_level_names(text: str) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return names


def _import_of(name: str, value: Any) -> str | None:
    """The line that imports a name; None where it comes from no library."""
    if isinstance(value, ModuleType):
        return f"import {name}" if value.__name__ == name else f"import {value.__name__} as {name}"
    home, called = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not callable(value) or not home or not called or home == "__main__":
        return None
    if home.partition(".")[0] == "recipe_widgets":
        raise RecipeError("keep", found=f"{name} of recipe_widgets in it",
                          expected="plain PyTorch", mend="my_recipe.py runs without this package.")
    return f"from {home} import {called}" + (f" as {name}" if called != name else "")


def _constant(value: Any) -> str | None:
    """A small value as Python writes it; None where it is no such thing."""
    if isinstance(value, torch.device):
        return f"torch.device({str(value)!r})"
    if isinstance(value, bool | int | float | str | torch.dtype):
        return repr(value)
    if isinstance(value, tuple) and all(_constant(one) is not None for one in value):
        return repr(value)
    return None


def _before_piece(text: str, name: str, piece: str) -> str:
    lines, first = text.splitlines(), _definitions(text)[name][0]
    return "\n".join([*lines[:first], *piece.splitlines(), "", "", *lines[first:]]) + "\n"


def _after_imports(text: str, line: str) -> str:
    """The line below the last import at the top of the file."""
    imports = [node.end_lineno or 0 for node in ast.parse(text).body
               if isinstance(node, ast.Import | ast.ImportFrom)]
    lines, at = text.splitlines(), max(imports, default=0)
    return "\n".join([*lines[:at], line, *lines[at:]]) + "\n"


def _save_data(path: Path) -> None:
    """The digits beside the script, once: training and validation set, never the test set."""
    if path.exists():
        return
    data = load("mnist")
    parts = (data.train, data.validation)
    images = np.concatenate([part.x[:, 0].cpu().numpy() for part in parts])  # (60000, 28, 28) uint8
    labels = np.concatenate([part.y.cpu().numpy() for part in parts])
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, images=images, labels=labels)
    except OSError as error:
        raise RecipeError(str(path), found=str(error.strerror), expected="a file that can be written"
                          ) from None
