"""Questions that a page asks before it measures. Their answers stand here, not on the page.

One file for each notebook, of its name, with a dictionary `QUESTIONS`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from recipe_widgets.core import RecipeError
from recipe_widgets.course.help_texts import Text
from recipe_widgets.course.progress_store import progress


@dataclass(frozen=True)
class QuestionText:
    """replies: by choice, what to say to it afterwards. answer: the right choice.

    at_once: nothing is measured, so the reply comes with the choice. Else the page measures
    first, and `answer(name)` comes back to what was predicted.
    """

    text: str
    answer: str
    replies: Mapping[str, str]
    at_once: bool = False

    def reply(self, choice: str) -> str:
        return f"{'Yes.' if choice == self.answer else 'No.'} {self.replies[choice]}"


def question_named(name: str) -> QuestionText:
    """Raises RecipeError: there is no such question."""
    found: dict[str, QuestionText] = {}
    for file in pkgutil.iter_modules(__path__):
        found |= import_module(f"{__package__}.{file.name}").QUESTIONS
    if name not in found:
        raise RecipeError("Question", found=repr(name), expected="one of " + ", ".join(found))
    return found[name]


def predict(name: str, choice: str) -> str:
    """Note what the learner predicts; returns what to say to it now.

    Raises:
        RecipeError: there is no such question or choice.
    """
    question = question_named(name)
    if choice not in question.replies:
        raise RecipeError(f"Question {name}", found=repr(choice),
                          expected="one of " + ", ".join(map(repr, question.replies)))
    state = progress()
    state.predictions[name] = choice
    state.save()
    return question.reply(choice) if question.at_once else (
        "Noted. The cells below measure it, and come back to your answer.")


def answer(name: str) -> Text:
    """After the measurement: what you predicted, and what is right.

    Raises:
        RecipeError: there is no such question.
    """
    question = question_named(name)
    said = progress().predictions.get(name)
    right = f"{question.answer}. {question.replies[question.answer]}"
    if said is None or said not in question.replies:
        return Text(f"{question.text}\nYou made no prediction. The answer: {right}")
    if said == question.answer:
        return Text(f"{question.text}\nYou said: {said}. Yes. {question.replies[said]}")
    return Text(f"{question.text}\nYou said: {said}. {question.replies[said]}\n"
                f"The answer: {right}")
