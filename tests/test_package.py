"""The package as a whole: what importing it costs, what is pinned where, what the wheel carries."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
NO_GPU = "No GPU is found"
WIDGET_PACKAGES = ("ipywidgets", "IPython", "matplotlib.pyplot", "ipykernel")


def modules_after(code: str) -> set[str]:
    """The names of all modules that a fresh Python has loaded after running `code`."""
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True,
                       text=True).stdout.split())


@pytest.mark.parametrize("code", [
    "import recipe_widgets",
    "from recipe_widgets import load, Settings, train, steps, evaluate, RecipeError, Data, Run, CheckResult",
    "from recipe_widgets import Settings, train, Data; import numpy as np\n"
    "train(Data.from_arrays(np.eye(12, dtype='f4'), np.arange(12) % 2), Settings(max_steps=2)).plot().png()",
])
def test_scripts_and_ci_need_no_widgets(code: str) -> None:
    assert modules_after(code).isdisjoint(WIDGET_PACKAGES)


def test_the_test_above_can_fail() -> None:
    assert set(WIDGET_PACKAGES[:2]) <= modules_after("from recipe_widgets import LivePanel")


def test_a_plain_import_loads_no_room_and_no_torch() -> None:
    loaded = modules_after("import recipe_widgets")
    assert {name for name in loaded if name.startswith("recipe_widgets")} == {
        "recipe_widgets", "recipe_widgets._moved", "recipe_widgets._services",
        "recipe_widgets.core", "recipe_widgets.core.hooks"
    }
    assert loaded.isdisjoint({"torch", "numpy", "matplotlib"})


def test_every_service_is_found_where_the_records_ask_for_it() -> None:
    from recipe_widgets.core import hooks

    asked = {
        name
        for path in (ROOT / "recipe_widgets").rglob("*.py")
        for name in re.findall(r'\bservice\("(\w+)"\)', path.read_text(encoding="utf-8"))
    }
    assert asked
    assert asked == set(hooks._services)


def test_all_names_are_there_and_unknown_ones_are_not() -> None:
    import recipe_widgets

    for name in recipe_widgets.__all__:
        assert getattr(recipe_widgets, name) is not None
    with pytest.raises(AttributeError):
        recipe_widgets.nothing  # noqa: B018


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().split()
    return {
        name.lower().replace("_", "-"): version
        for name, version in (line.split("==") for line in lines)
    }


def pip_part() -> list[str]:
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]


def test_environment_holds_the_versions_of_the_constraints() -> None:
    pins = dict(line.split("==") for line in pip_part() if "==" in line)
    assert {"torch", "torchvision", "ipywidgets", "matplotlib", "jupyterlab", "nbval"} <= set(pins)
    assert pins == {name: constraints()[name] for name in pins}
    assert "-c constraints.txt" in pip_part()


def test_everything_the_project_asks_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [
        one for group in project["optional-dependencies"].values() for one in group
    ]
    names = {re.split(r"[><=\[ ]", one)[0].lower().replace("_", "-") for one in asked}
    assert names <= set(constraints())
    installs = next(line for line in pip_part() if line.startswith("-e"))
    assert set(re.search(r"\[(.*)\]",
                         installs).group(1).split(",")) == set(project["optional-dependencies"])


def test_make_setup_installs_the_pip_part() -> None:
    command = re.search(r"sed -n '(.*?)' environment.yml", (ROOT / "Makefile").read_text()).group(1)
    shown = subprocess.run(["sed", "-n", command, ROOT / "environment.yml"], capture_output=True,
                           text=True, check=True)
    assert shown.stdout.splitlines() == pip_part()


def test_make_takes_torch_from_the_index_that_is_named(tmp_path: Path) -> None:
    for file in ("Makefile", "environment.yml", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)

    def installs(*words: str) -> list[str]:
        shown = subprocess.run(["make", "-n", "setup", *words], capture_output=True, text=True,
                               check=True, cwd=tmp_path).stdout
        return [line for line in shown.splitlines() if "pip install" in line]

    first, *rest = installs("TORCH_INDEX=https://index.invalid/cpu")
    assert first.endswith("--no-deps --index-url https://index.invalid/cpu")
    lines = re.search(r"sed -n '(.*?)' environment.yml", first).group(1)
    shown = subprocess.run(["sed", "-n", lines, ROOT / "environment.yml"], capture_output=True,
                           text=True, check=True)
    assert shown.stdout.split() == [line for line in pip_part() if line.startswith("torch")]
    assert rest == installs()


@pytest.mark.parametrize(("cuda", "gpu", "told"), [
    ("13.0", False, True), ("13.0", True, False), (None, False, False)])
def test_set_up_says_where_gpu_libraries_are_not_used(
        cuda: str | None, gpu: bool, told: bool, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    script = re.search(r"^define FIRST_CELL\n(.*?)^endef", (ROOT / "Makefile").read_text(),
                       re.DOTALL | re.MULTILINE).group(1)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    exec(script, {})
    assert capsys.readouterr().out[:len(NO_GPU)] == (NO_GPU if told else "")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_a_terminal_in_jupyterlab_finds_this_environments_programs(tmp_path: Path) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    for name, text in (("jupyter", "command -v recipe; command -v python"), ("recipe", ":"), ("python", ":")):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    for name in ("Makefile", "environment.yml", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / ".reader").touch()  # set up already
    told = subprocess.run(["make", "--silent", "lab"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == [str(folder / "recipe"), str(folder / "python")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist, as an installer without wheels would build it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir",
         str(folder),
         str(ROOT)], check=True, capture_output=True)
    assert len(list(folder.glob("*.tar.gz"))) == 1
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_code_types_and_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "recipe_widgets/py.typed", "recipe_widgets/__init__.pyi", "recipe_widgets/core/__init__.pyi",
        "recipe_widgets/_embedded/mnist/train-00.png",
        "recipe_widgets/_embedded/cifar10/manifest.json", "recipe_widgets/panels/live_panel.py",
        "recipe_widgets/panels/front/front.js", "recipe_widgets/panels/front/front.css"
    } <= names
    tracked = {
        str(path.relative_to(ROOT / "data"))
        for path in (ROOT / "data").rglob("*")
        if path.is_file()
    }
    assert {f"recipe_widgets/_embedded/{name}" for name in tracked
            if "__pycache__" not in name} <= names
    records = {path.name for path in (ROOT / "studies" / "records").iterdir()}
    assert {f"recipe_widgets/_studies/records/{name}" for name in records} <= names
    assert not {name for name in names if name.startswith(("tests", "docs", "notebooks", "studies"))}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    import recipe_widgets

    files = zipfile.ZipFile(wheel)
    (place,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
    about = email.message_from_bytes(files.read(place))
    assert (about["Name"], about["Version"]) == ("recipe_widgets", recipe_widgets.__version__)
    assert about["License-Expression"] == "MIT"
    assert "Typing :: Typed" in about.get_all("Classifier", [])
    assert "recipe = recipe_widgets.cli:main" in files.read(
        place.replace("METADATA", "entry_points.txt")).decode()


def test_what_the_wheel_unpacks_loads_its_own_data(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = ("import recipe_widgets as r; from recipe_widgets.data.embedded import data_folder\n"
            "print(data_folder(), r.load('mnist').train.size, r.load('cifar10').train.size)")
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH":
                                             str(tmp_path)}).stdout.split()
    assert said == [str(tmp_path / "recipe_widgets" / "_embedded"), "50000", "8333"]
    # in a script of its own, as they need more packages
    code = ("from recipe_widgets.lessons.common.recorded import catalogue, recorded\n"
            "print(catalogue().__file__, recorded('deep_init').experiment.page)")
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}).stdout.split()
    assert said == [str(tmp_path / "recipe_widgets" / "_studies" / "catalogue.py"), "05"]


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])


def test_binder_installs_what_the_project_has() -> None:
    lines = (ROOT / ".binder" / "requirements.txt").read_text().splitlines()
    constrained = next(line.split()[1] for line in lines if line.startswith("-c"))
    assert (ROOT / ".binder" / constrained).resolve() == ROOT / "constraints.txt"
    extras = re.search(r"^-e \.\[(.*)\]$", "\n".join(lines), re.M).group(1).split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)


@pytest.mark.parametrize("form", [
    form for form in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    if form.stem != "config"
], ids=lambda form: form.stem)
def test_issue_forms_are_whole(form: Path) -> None:
    """As GitHub reads them: a name, a description, parts of known kinds with different ids and
    labels.
    """
    told = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert told["name"]
    assert told["description"]
    assert {part["type"] for part in told["body"]
            } <= {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    for key in ("id", "label"):
        given = [part[key] if key == "id" else part["attributes"][key] for part in told["body"]]
        assert len(set(given)) == len(given)


def test_the_front_page_leads_nowhere_that_is_not_there() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "guide.md"):
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent /
                                                   link).exists(), f"{page.name}: {link}"
