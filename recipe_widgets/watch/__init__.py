"""Layer 4: watches a training script that nobody changed, and says what is wrong with it.

`recipe watch train.py`, or around code: `with recipe_widgets.watch() as report: ...`.
"""

import sys
import types
from contextlib import AbstractContextManager

from recipe_widgets.core import Finding, Report
from recipe_widgets.watch.session import run_script
from recipe_widgets.watch.session import watch as _watch

__all__ = ["Finding", "Report", "run_script", "watch"]


class _Callable(types.ModuleType):
    """So that `recipe_widgets.watch` is the function, whichever was imported first."""

    def __call__(self, steps: int | None = None,
                 show: bool = False) -> AbstractContextManager[Report]:
        return _watch(steps, show)


watch = _watch
sys.modules[__name__].__class__ = _Callable
