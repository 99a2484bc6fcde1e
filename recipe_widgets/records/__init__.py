"""Layer 0: plain records, errors and random generators. Imports nothing of the package above it."""

from recipe_widgets.records.errors import RecipeError
from recipe_widgets.records.history import History
from recipe_widgets.records.probe import Probe
from recipe_widgets.records.result import CheckResult, Status
from recipe_widgets.records.run import Run, RunStatus, Step
from recipe_widgets.records.runbook import Entry, RunBook
from recipe_widgets.records.seeds import generator, rng_guard
from recipe_widgets.records.settings import Knob, Settings
from recipe_widgets.records.tree import Branch, Tree

__all__ = ["Branch", "CheckResult", "Entry", "History", "Knob", "Probe", "RecipeError", "Run", "RunBook", "RunStatus",
           "Settings", "Status", "Step", "Tree", "generator", "rng_guard"]
