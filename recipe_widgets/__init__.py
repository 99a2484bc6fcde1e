"""Learn and practise the craft of training neural networks: live panels and checks for PyTorch.

Names are loaded when they are first used, so that `import recipe_widgets` costs next to nothing
beyond torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recipe_widgets import checks as checks
    from recipe_widgets.core import CheckResult as CheckResult
    from recipe_widgets.core import RecipeError as RecipeError
    from recipe_widgets.core import Run as Run
    from recipe_widgets.core import Settings as Settings
    from recipe_widgets.data import Data as Data
    from recipe_widgets.data import load as load
    from recipe_widgets.panels import LivePanel as LivePanel
    from recipe_widgets.training import evaluate as evaluate
    from recipe_widgets.training import steps as steps
    from recipe_widgets.training import train as train
    from recipe_widgets.watch import watch as watch

__version__ = "0.1.0"

_WHERE = {
    "load": "data", "Data": "data", "Settings": "core", "Run": "core", "CheckResult": "core",
    "RecipeError": "core", "steps": "training", "train": "training", "evaluate": "training",
    "LivePanel": "panels", "watch": "watch",
}
_MODULES = ("checks",)
__all__ = sorted([*_WHERE, *_MODULES])


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
