"""Predict, then look: a question with choices."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Annotated

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import filled, validated
from recipe_widgets.course.questions import QuestionText, predict, question_named
from recipe_widgets.panels.panel_base import AUTO_WIDTH, WRAPPED_ROW, Panel, sheet, status_html


class Question(Panel):
    """Asks, waits for a choice, and says what there is to say to it now.

    >>> Question("which_program")                                          # doctest: +SKIP

    Args:
        text: the name of a question of the course, whose answer stands in the package: the choice
            is kept as a prediction, which `course.answer(name)` comes back to. With `replies`: the
            question itself.
        replies: what to say to each choice; the right one's begins the sentence that explains.
        answer: the right choice. It may be chosen again and again.
    """

    @validated
    def __init__(self, text: str, replies: Annotated[Mapping[str, str], filled()] | None = None,
                 answer: str | None = None) -> None:
        if replies is None or answer is None:
            self._question = question_named(text)
            self._respond: Callable[[str], str] = lambda choice: predict(text, choice)
        else:
            self._question = QuestionText(text, answer, dict(replies), at_once=True)
            self._respond = self._question.reply
        asked = self._question
        if asked.answer not in asked.replies:
            raise RecipeError("Question.answer", found=repr(asked.answer),
                              expected="one of " + ", ".join(map(repr, asked.replies)))
        # not disabled after a press: a reader may try the other answers, and read why not
        self._buttons = [
            widgets.Button(description=choice, layout=AUTO_WIDTH) for choice in asked.replies
        ]
        self._reply = widgets.HTML()
        for button in self._buttons:
            button.on_click(lambda pressed: self.choose(pressed.description))
        self.widget = sheet(widgets.HTML(f"<b>{html.escape(asked.text)}</b>"),
                            widgets.HBox(self._buttons, layout=WRAPPED_ROW), self._reply)

    @validated
    def choose(self, choice: str) -> str:
        """Press a button from code; returns the reply."""
        if choice not in self._question.replies:
            raise RecipeError("Question", found=repr(choice),
                              expected="one of " + ", ".join(map(repr, self._question.replies)))
        reply = self._respond(choice)
        self._reply.value = status_html(f"{choice}: {reply}")  # it may be chosen again
        return reply

    def __repr__(self) -> str:
        return f"Question: {self._question.text} [{' | '.join(self._question.replies)}]"
