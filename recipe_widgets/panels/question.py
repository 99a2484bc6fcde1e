"""Predict, then look: a question with choices."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Annotated

import ipywidgets as widgets

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import filled, validated
from recipe_widgets.panels.panel_base import AUTO_WIDTH, Panel, status_html


class Question(Panel):
    """Asks, waits for a choice, then says what is right about it or wrong.

    Args:
        replies: what to say to each choice; the right one's begins the sentence that explains.
        answer: the right choice. It may be chosen again and again.
    """

    @validated
    def __init__(self, text: str, replies: Annotated[Mapping[str, str], filled()],
                 answer: str) -> None:
        if answer not in replies:
            raise RecipeError("Question.answer", found=repr(answer),
                              expected="one of " + ", ".join(map(repr, replies)))
        self.text, self.replies, self.answer = text, dict(replies), answer
        # not disabled after a press: a reader may try the other answers, and read why not
        self._buttons = [
            widgets.Button(description=choice, layout=AUTO_WIDTH) for choice in replies
        ]
        self._reply = widgets.HTML()
        for button in self._buttons:
            button.on_click(lambda pressed: self.choose(pressed.description))
        self.widget = widgets.VBox(
            [widgets.HTML(f"<b>{html.escape(text)}</b>"),
             widgets.HBox(self._buttons), self._reply])

    @validated
    def choose(self, choice: str) -> str:
        """Press a button from code; returns the reply."""
        if choice not in self.replies:
            raise RecipeError("Question", found=repr(choice),
                              expected="one of " + ", ".join(map(repr, self.replies)))
        reply = f"{'Yes.' if choice == self.answer else 'No.'} {self.replies[choice]}"
        self._reply.value = status_html(f"{choice}: {reply}")  # it may be chosen again
        return reply

    def __repr__(self) -> str:
        return f"Question: {self.text} [{' | '.join(self.replies)}]"
