"""What an import of a panel costs: a panel loads what it shows, and no lesson of another notebook."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from recipe_widgets import panels
from tests.test_package import modules_after


def ours(code: str) -> set[str]:
    return {name for name in modules_after(code) if name.startswith("recipe_widgets.")}


def lessons(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("recipe_widgets.lessons")}


def test_the_live_panel_loads_no_lesson_and_few_modules() -> None:
    loaded = ours("from recipe_widgets import LivePanel")
    assert "recipe_widgets.panels.live_panel" in loaded
    assert lessons(loaded) == set()
    assert len(loaded) <= 110  # 104 when this was written; 222 before the rooms became lazy


def test_a_panel_on_the_page_loads_nothing_that_it_does_not_use() -> None:
    """Pictures that stand still, searches, statistics, and the compiler (before a run) load on
    use.
    """
    loaded = modules_after(
        "import numpy as np\nfrom recipe_widgets import Data, LivePanel, Settings\n"
        "data = Data.from_arrays(np.eye(12, dtype='f4'), np.arange(12) % 2)\n"
        "panel = LivePanel(data, Settings(max_steps=5)); panel.widget._repr_mimebundle_()\n"
        "assert 'recipe-curves' in panel._session.picture()")
    assert "recipe_widgets.panels.live_panel" in loaded
    unused = {"matplotlib", "pandas", "optuna", "scipy", "sklearn", "torchvision", "sqlalchemy",
              "torch._dynamo", "sympy"}
    assert loaded & unused == set()


def test_live_sessions_load_neither_lessons_nor_panels() -> None:
    code = ("import recipe_widgets.live, importlib, pkgutil\n"
            "for one in pkgutil.iter_modules(recipe_widgets.live.__path__):\n"
            "    importlib.import_module(f'recipe_widgets.live.{one.name}')")
    loaded = ours(code)
    assert "recipe_widgets.live.session" in loaded
    assert lessons(loaded) == set()
    assert not any(name.startswith("recipe_widgets.panels") for name in loaded)


def test_a_panel_of_one_notebook_loads_no_lesson_of_another() -> None:
    loaded = lessons(ours("from recipe_widgets.panels import ConvExplorer"))
    notebooks = {name.split(".")[2] for name in loaded if ".nb" in name}
    assert notebooks == {"nb05_overfit"}


@pytest.mark.parametrize("name", [one.name for one in pkgutil.iter_modules(panels.__path__)])
def test_every_public_panel_is_offered_by_the_room(name: str) -> None:
    module = importlib.import_module(f"recipe_widgets.panels.{name}")
    made_here = {key for key, one in vars(module).items() if isinstance(one, type)
                 and issubclass(one, importlib.import_module("recipe_widgets.panels.panel_base").
                                Panel) and one.__module__ == module.__name__}
    bases = {"Panel", "WorkingPanel", "Explorer", "StopExplorer", "MeasuredExplorer"}
    assert made_here - bases <= set(panels.__all__)
