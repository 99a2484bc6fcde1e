"""Watches a training script that nobody changed, and says what is wrong with it.

`recipe watch train.py`, or around code: `with recipe_widgets.watch() as report: ...`.

A call of torch becomes an event (`instrument`), events add up to evidence (`evidence`), the
rulebook judges it (`recipe_widgets.rules`), findings make the report (`judging`).

To add a rule, write `rules/NAME.py`: it is judged as soon as its evidence can be built. New
evidence is a builder in `evidence/build_*.py`, from the records that `evidence/recorder.py` holds.
What no record knows yet is a record of its own, fed by an event of `instrument/events.py`, or by a
single torch call that it lists in `torch_calls()`.
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
