"""In what order to regularise: a path of questions, each answered by a measurement and linked
to where it is taught.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from recipe_widgets.plots import Picture

Answer = Literal["yes", "no"]


@dataclass(frozen=True)
class Way:
    """A place on the path: a question, or a measure to try."""

    ask: str  # the question, or the name of the measure
    link: str  # where it is taught
    otherwise: str = ""  # what to do on "no"; a measure has none
    other_link: str = ""


_DATA, _MODEL = "07_regularise_with_data.ipynb", "08_regularise_the_model.ipynb"
# in this order: each makes sense only when the one before was answered with yes
QUESTIONS = (
    Way("Does the training loss go down?", "06_optimise.ipynb",
        "Look for the bug, or for another learning rate.", "03_check_the_machinery.ipynb"),
    Way("Can it learn the training set by heart (99 % right)?", "05_overfit.ipynb",
        "Train longer or take a larger model; regularising now makes it worse.",
        "05_overfit.ipynb"),
    Way("Is validation clearly worse than training?", f"{_MODEL}#1.-Read-the-fit",
        "Nothing to regularise: go on to tuning.", "09_tune.ipynb"),
)
# the order of A. Karpathy, A Recipe for Training Neural Networks, 2019: data first
MEASURES = (
    Way("More real data", f"{_DATA}#1.-More-real-data-first-(R1)"),
    Way("Augmentation", f"{_DATA}#2.-Augmentation-(R2)"),
    Way("Creative augmentation", f"{_DATA}#3.-Creative-augmentation-(R3)"),
    Way("Pretraining, with labels", f"{_DATA}#4.-Pretraining-(R4)"),
    Way("Smaller input, model, batch", f"{_DATA}#6.-Smaller-input,-model-and-batch-(R6)"),
    Way("Dropout", f"{_MODEL}#2.-Dropout"),
    Way("Weight decay", f"{_MODEL}#3.-Weight-decay"),
    Way("Early stopping", f"{_MODEL}#5.-Early-stopping"),
    Way("A larger model, stopped early", f"{_MODEL}#6.-A-larger-model,-stopped-early"),
    Way("Averaging several models", f"{_MODEL}#7.-Average-several-models"),
)
_BOX = ("padding:6px 10px;border-radius:6px;border:2px solid {edge};display:inline-block;"
        "margin:2px 0;color:inherit;text-decoration:none")
# colour-blind safe (Okabe and Ito): here, answered, not yet reached
_HERE, _ANSWERED, _AHEAD = "#D55E00", "#0072B2", "#666666"


@dataclass(frozen=True)
class DecisionPath:
    """The path, with the answers so far. Shown as the last line of a cell it is a list of links."""

    answers: tuple[Answer, ...] = ()
    facts: tuple[str, ...] = ()  # what each answer rests on

    @property
    def here(self) -> int:
        """The question to answer next, from 0; as many as there are questions once all say yes."""
        return len(self.answers)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to ask: a "no", or a "yes" to every question."""
        return "no" in self.answers or self.here == len(QUESTIONS)

    @property
    def advice(self) -> str:
        """What to do, or what to answer next."""
        if "no" in self.answers:
            return QUESTIONS[self.answers.index("no")].otherwise
        if self.here < len(QUESTIONS):
            return f"Next question: {QUESTIONS[self.here].ask}"
        measures = ", ".join(way.ask.lower() for way in MEASURES)
        return f"Now regularise, one measure at a time: {measures}."

    def answer(self, value: Answer, fact: str = "") -> DecisionPath:
        """One answer further; the same path once it has ended."""
        return self if self.ended else DecisionPath((*self.answers, value), (*self.facts, fact))

    def __str__(self) -> str:
        rows = [
            f"{number}. {way.ask} {said}" + (f" ({fact})" if fact else "")
            for number, (way, said, fact) in enumerate(
                zip(QUESTIONS, self.answers, self.facts, strict=False), 1)
        ]
        return "\n".join([*rows, self.advice])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Questions from top to bottom, "no" to the right, then the measures in order; every
        place is a link.
        """
        rows = "".join(self._question(number) for number in range(len(QUESTIONS)))
        reached = self.here == len(QUESTIONS) and "no" not in self.answers
        edge = _HERE if reached else "#999"
        here = " (you are here)" if reached else ""
        cards = "".join(
            f'<a href="{html.escape(way.link)}" style="{_BOX.format(edge=edge)}">{number}. '
            f"{html.escape(way.ask)}</a> " for number, way in enumerate(MEASURES, 1))
        return (f'<nav aria-label="In what order to regularise">{rows}<div><b>yes ↓ &nbsp; '
                f"Regularise, in this order, one at a time{here}:</b></div>"
                f"<div>{cards}</div></nav>")

    def _question(self, number: int) -> str:
        """One line of the list: the question as a link, its answer, and the way out on "no"."""
        way = QUESTIONS[number]
        said = self.answers[number] if number < len(self.answers) else ""
        now = number == self.here and not self.ended
        edge = _HERE if now or said == "no" else _ANSWERED if said else "#999"
        mark = f" <b>{said}</b>" if said else " <b>(you are here)</b>" if now else ""
        link = (f'<a href="{html.escape(way.link)}" style="{_BOX.format(edge=edge)}">'
                f"{html.escape(way.ask)}</a>{mark}")
        out = f'no → <a href="{html.escape(way.other_link)}">{html.escape(way.otherwise)}</a>'
        return f'<div>{"yes ↓ &nbsp; " if number else ""}{link} &nbsp; {out}</div>'

    def plot(self) -> Picture:
        """The same as a picture; the place reached is orange."""
        figure = Figure(figsize=(9.5, 4.6))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 10), ylim=(0, 6.1))  # units of all places below
        axes.axis("off")
        for number, way in enumerate(QUESTIONS):
            self._draw_question(axes, number, way)
        reached = self.here == len(QUESTIONS) and "no" not in self.answers
        edge = _HERE if reached else _AHEAD
        axes.text(0.2, 2.15, "Regularise, in this order, one at a time:", fontsize=9, weight="bold")
        for number, way in enumerate(MEASURES):  # five a row
            _box(axes, 0.2 + 1.95 * (number % 5), 1.45 - 0.95 * (number // 5), 1.8,
                 f"{number + 1}. {way.ask}", edge)
        questions = " ".join(f"{way.ask} No: {way.otherwise} Yes: go on." for way in QUESTIONS)
        measures = ", ".join(way.ask for way in MEASURES)
        return Picture(figure, f"A path of questions. {questions} Then, in this order: {measures}. "
                       f"Here: {self.advice}")

    def _draw_question(self, axes: Axes, number: int, way: Way) -> None:
        """Left the question, right what to do on "no", and the arrows to it and downwards."""
        y = 5.45 - 1.15 * number  # from top to bottom
        said = self.answers[number] if number < len(self.answers) else ""
        now = number == self.here and not self.ended
        _box(axes, 0.2, y, 4.2, way.ask, _HERE if now else _ANSWERED if said else _AHEAD)
        _box(axes, 5.6, y, 4.2, way.otherwise, _HERE if said == "no" else _AHEAD)
        # arrow from, to, its word, and where the word stands
        for start, end, word, beside in (((4.4, y), (5.6, y), "no", (4.95, y + 0.1)),
                                         ((2.3, y - 0.34), (2.3, y - 0.8), "yes", (2.4, y - 0.64))):
            chosen = said == word
            style = {"arrowstyle": "->", "color": _HERE if chosen else _AHEAD,
                     "linewidth": 2 if chosen else 1}
            axes.annotate("", end, start, arrowprops=style)
            axes.text(*beside, word, fontsize=9, weight="bold" if chosen else "normal")


def _box(axes: Axes, x: float, y: float, width: float, text: str, edge: str) -> None:
    """A box with a text. x: of its left side; y: of its middle."""
    axes.add_patch(
        FancyBboxPatch((x + 0.05, y - 0.3), width - 0.1, 0.6, boxstyle="round,pad=0.04",
                       edgecolor=edge, facecolor="white", linewidth=2))
    lines = textwrap.wrap(text, round(width * 9.5))  # 9.5 characters of this size a unit
    axes.text(x + width / 2, y, "\n".join(lines), ha="center", va="center", fontsize=8)
