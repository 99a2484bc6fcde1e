"""The bug clinic: look at the curves, ask for the checks, name the bug."""

from __future__ import annotations

import html
from typing import Annotated, Any

import ipywidgets as widgets

from recipe_widgets.core.files import state_folder
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb03_check_the_machinery import Clinic, findings
from recipe_widgets.panels.panel_base import AUTO_WIDTH, WRAPPED_ROW, Panel, as_html, busy, sheet
from recipe_widgets.plots import Picture


class BugClinic(Panel):
    """Broken runs to be diagnosed; `clinic` is the same without a page. Answers are kept between
    visits.

    >>> ward = BugClinic(load("mnist"), load("cifar10"))                      # doctest: +SKIP
    >>> ward.open(2); ward.examine(); ward.answer("the gradients are never cleared")   # doctest: +SKIP
    """

    @validated
    def __init__(self, *data: Data, seeds: Annotated[int, whole(1, 1000)] = 3) -> None:
        self.clinic = Clinic(*data, seeds=seeds, keep=state_folder() / "clinic.json")
        wide = {"width": "min(100%, 560px)"}
        self.menu = widgets.Dropdown(
            options=[(f"patient {number}", number) for number in range(1, len(self.clinic) + 1)],
            value=1, description="who", layout=wide)
        # "" is no diagnosis: the menu begins with the question
        diagnoses = [("what is wrong?", ""), *((text, text) for text in self.clinic.diagnoses)]
        self.choice = widgets.Dropdown(options=diagnoses, value="", description="diagnosis",
                                       layout=wide)
        self.buttons = {
            key: widgets.Button(description=text, icon=icon, layout=AUTO_WIDTH)
            for key, text, icon in (("examine", "Run the checks", "stethoscope"),
                                    ("answer", "That is it", "check"), ("next", "Next", "forward"),
                                    ("afresh", "Start afresh", "eraser"))
        }
        self._picture, self._evidence, self._reply, self._score = (widgets.HTML() for _ in range(4))
        self.menu.observe(lambda _: self._opened(), names="value")
        self.buttons["examine"].on_click(lambda _: self.examine())
        self.buttons["answer"].on_click(lambda _: self.answer(self.choice.value))
        # after the last patient comes the first
        self.buttons["next"].on_click(lambda _: self.open(self.number % len(self.clinic) + 1))
        self.buttons["afresh"].on_click(lambda _: self.afresh())
        actions = widgets.HBox([self.buttons[key] for key in ("examine", "next", "afresh")],
                               layout=WRAPPED_ROW)
        diagnosis = widgets.HBox([self.choice, self.buttons["answer"]], layout=WRAPPED_ROW)
        self.widget = sheet(self.menu, self._picture, actions, self._evidence, diagnosis,
                            self._reply, self._score)
        self._opened()

    @property
    def number(self) -> int:
        """The patient that is shown."""
        return int(self.menu.value)

    @validated
    def open(self, number: Annotated[int, whole(1)]) -> None:
        """Show a patient; its training takes about a second the first time."""
        self.clinic.patient(number)
        self.menu.value = number

    def examine(self) -> Any:
        """Run the checks on this patient's program, some seconds long, and return their report."""
        # said first: the checks take some seconds
        self._say(self._evidence, "<i>The checks are looking …</i>")
        with busy(self._picture):
            report = self.clinic.examine(self.number, progress=False)
        self._show_evidence()
        return report

    @validated
    def answer(self, diagnosis: str) -> str:
        """Name the bug; returns the reply."""
        reply = self.clinic.answer(self.number,
                                   diagnosis) if diagnosis else "Choose a diagnosis first."
        self._say(self._reply, html.escape(reply))
        self._say(self._score, f"<b>{html.escape(self.clinic.score)}</b>")
        return reply

    def afresh(self) -> None:
        """Forget all answers, those of earlier visits, too."""
        self.clinic.afresh()
        self._opened()

    def plot(self) -> Picture:
        """The curves as a picture that stands still."""
        return self.clinic.plot(self.number)

    def _opened(self) -> None:
        """Another patient: its curves beside a sound program's, and what was found before."""
        if not self._picture.value:
            self._say(self._picture, "<i>Training the patient and a sound program …</i>")
        with busy(self._picture):
            self._picture.value = as_html(self.clinic.plot(self.number))
        self._reply.value, self.choice.value = "", ""
        self._show_evidence()
        self._say(self._score, f"<b>{html.escape(self.clinic.score)}</b>")

    def _show_evidence(self) -> None:
        report = self.clinic.patient(self.number).report  # None before an examination
        lines = "" if report is None else "".join(
            f"<li>{html.escape(line)}</li>" for line in findings(report))
        self._say(self._evidence, f"<ul>{lines}</ul>" if lines else "")

    @staticmethod
    def _say(where: widgets.HTML, text: str) -> None:
        where.value = f'<div role="status" class="recipe-clinic">{text}</div>' if text else ""

    def __repr__(self) -> str:
        return (f"BugClinic({len(self.clinic)} patients, patient {self.number} is shown. "
                f"{self.clinic.score})")
