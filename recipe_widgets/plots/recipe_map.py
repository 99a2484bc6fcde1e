"""The recipe as a map: its stages in order, each linked to its notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from recipe_widgets.core.validation import validated
from recipe_widgets.course.contents import EXERCISES_OF
from recipe_widgets.course.progress_store import progress


@dataclass(frozen=True)
class Stage:
    notebook: str
    title: str
    question: str  # what must be answered before the next stage


STAGES = (Stage("01_know_your_data", "Know your data", "What would I get wrong myself?"),
          Stage("02_skeleton_and_baselines", "Skeleton and dumb baselines",
                "Does it beat a guess, and is its first loss right?"),
          Stage("03_check_the_machinery", "Check the machinery",
                "Is the code computing what I think?"),
          Stage("04_signals_inside", "Look inside", "Do signals and gradients reach every layer?"),
          Stage("05_overfit", "Overfit", "Can it learn a small set by heart?"),
          Stage("06_optimise", "Optimise", "Is the learning rate right?"),
          Stage("07_regularise_with_data", "Regularise with data", "What would more data do?"),
          Stage("08_regularise_the_model", "Regularise the model",
                "Which gap is left between train and validation?"),
          Stage("09_tune", "Tune", "Which knob matters?"),
          Stage("10_squeeze", "Squeeze", "How good is it, with what certainty?"),
          Stage("11_your_own_model", "Your own model", "And on your data?"),
          )

_CARD = (
    "flex:1 1 150px;max-width:210px;padding:8px 10px;border:2px solid #0072B2;border-radius:6px;"
    "text-decoration:none;"
    "color:inherit;display:block")


class RecipeMap:
    """Shown as the last line of a cell, it is a row of cards; a card links to its notebook where that
    lies in `folder`, and with `with_progress` it says how many of its exercises the reader did.
    """

    @validated
    def __init__(self, folder: str | Path = ".", with_progress: bool = True) -> None:
        self.folder, self.with_progress = Path(folder), with_progress

    def __repr__(self) -> str:
        return " -> ".join(stage.title for stage in STAGES)

    def _repr_html_(self) -> str:
        cards = "".join(self._card(number, stage) for number, stage in enumerate(STAGES, 1))
        return ('<nav aria-label="The recipe, stage by stage" '
                f'style="display:flex;flex-wrap:wrap;gap:8px">{cards}</nav>{self._done_in_all()}')

    def _done_in_all(self) -> str:
        if not self.with_progress:
            return ""
        counts = [progress().done_in(notebook) for notebook in EXERCISES_OF]
        done, exercises = (sum(column) for column in zip(*counts, strict=True))
        return f"<p><small>Exercises done so far: {done} of {exercises}.</small></p>"

    def _card(self, number: int, stage: Stage) -> str:
        title, question = html.escape(stage.title), html.escape(stage.question)
        text = f"<b>{number}. {title}</b><br><small>{question}</small>"
        done, exercises = progress().done_in(stage.notebook)
        if exercises and self.with_progress:
            mark = "✓ " if done == exercises else ""
            text += f"<br><small>{mark}{done} of {exercises} exercises done</small>"
        if (self.folder / f"{stage.notebook}.ipynb").exists():
            return f'<a href="{stage.notebook}.ipynb" style="{_CARD}">{text}</a>'
        return f'<span style="{_CARD};border-style:dotted">{text}</span>'
