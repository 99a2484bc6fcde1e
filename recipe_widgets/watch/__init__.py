"""Watches a training script that nobody changed, and says what is wrong with it.

`recipe watch train.py`, or around code: `with recipe_widgets.watch() as report: ...`.

A call of torch becomes an event (`instrument`), events add up to evidence (`evidence`), the
rulebook judges it (`recipe_widgets.rules`), findings make the report (`judging`).
"""

import sys
import types
from typing import Any

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


class _CallableModule(types.ModuleType):
    """`recipe_widgets.watch` is the room and the function of the same name, whichever of them was
    imported first.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from recipe_widgets.watch.session import watch

        return watch(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
