"""Layer 0: plain records, errors and random generators. Imports nothing of the package above it."""

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.history import History
from recipe_widgets.core.probe import Probe
from recipe_widgets.core.result import CheckResult, Status
from recipe_widgets.core.run import Run, RunStatus, Step
from recipe_widgets.core.runbook import Entry, RunBook
from recipe_widgets.core.seeds import generator, rng_guard
from recipe_widgets.core.settings import Knob, Settings
from recipe_widgets.core.tree import Branch, Tree

__all__ = [
    "Branch", "CheckResult", "Entry", "History", "Knob", "Probe", "RecipeError", "Run", "RunBook",
    "RunStatus", "Settings", "Status", "Step", "Tree", "generator", "rng_guard"
]
