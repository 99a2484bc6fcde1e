"""What an exercise is: a reference solution, trials that judge a learner's version, hints."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Trial = Callable[[Any], None]  # called with the learner's function; its docstring says what it tries
Place = Literal["split", "data", "baseline", "network", "model", "loss", "parameters", "optimizer",
                "before training", "report", "after epoch", "after training"]


class Wrong(Exception):  # noqa: N818  reads as the sentence it is
    """Raised by a trial: what the learner's function does otherwise than it should, in words."""


@dataclass(frozen=True)
class MainLines:
    """Lines for the `main()` of my_recipe.py that use the learner's function.

    place: where in `main()`; `recipe_file.py` has the text around, and the lines that stand at a
        place by default: those are replaced.
    """

    place: Place
    lines: str


@dataclass(frozen=True)
class Exercise:
    """One thing that the learner writes.

    Attributes:
        reference: our solution, a function or class. Its name is that of the exercise; its
            signature and docstring are what the learner begins with.
        notebook: stem of the page, such as "00_start_here".
        trials: each is called with the learner's function, in this order, and raises `Wrong`
            where something is not as it should be. The first line of its docstring names it.
        hints: from a nudge to almost the code.
        main: how my_recipe.py uses it, at one place or several; None where the script only holds it.
        needs: other exercises whose functions these lines call.
        in_recipe: whether it is a piece of my_recipe.py at all.
        seconds: longest that one trial may take.
    """

    reference: Callable[..., Any]
    notebook: str
    trials: tuple[Trial, ...]
    hints: tuple[str, ...]
    main: MainLines | tuple[MainLines, ...] | None = None
    needs: tuple[str, ...] = ()
    in_recipe: bool = True
    seconds: float = 20.0

    @property
    def name(self) -> str:
        return self.reference.__name__

    @property
    def main_lines(self) -> tuple[MainLines, ...]:
        """What `main` holds, always as a tuple."""
        if self.main is None:
            return ()
        return (self.main,) if isinstance(self.main, MainLines) else self.main

    @property
    def signature(self) -> str:
        """Such as "train_epoch(model, loader, loss_fn, optimizer)"."""
        parameters = ", ".join(
            str(one.replace(annotation=inspect.Parameter.empty))
            for one in inspect.signature(self.reference).parameters.values())
        return f"{self.name}({parameters})"

    @property
    def source(self) -> str:
        """The reference solution as text."""
        return textwrap.dedent(inspect.getsource(self.reference)).rstrip()

    @property
    def starter(self) -> str:
        """What the learner's cell holds at first: head and docstring, and no body."""
        lines = self.source.splitlines()
        quotes = [at for at, line in enumerate(lines) if '"""' in line]
        # a docstring of one line opens and closes on it
        last = quotes[0] if lines[quotes[0]].count('"""') == 2 else quotes[1]
        indent = " " * (len(lines[last]) - len(lines[last].lstrip()))
        return "\n".join([*lines[: last + 1], f"{indent}...  # your lines"])


def trial_name(trial: Trial) -> str:
    """What a trial tries, from the first line of its docstring."""
    return (trial.__doc__ or trial.__name__).strip().splitlines()[0].rstrip(".")
