"""Find the bug: the line is named, and a mend is judged by what the program does."""

from __future__ import annotations

import html
import re

import pytest

from recipe_widgets.core import RecipeError
from recipe_widgets.course import progress
from recipe_widgets.course.bug_hunt import PROGRAMS, BugHunt
from recipe_widgets.panels import FindTheBug

NO_ZERO_GRAD = PROGRAMS.index("13_no_zero_grad") + 1


@pytest.mark.parametrize("number", range(1, len(PROGRAMS) + 1))
def test_a_program_tells_nothing_about_its_bug_and_its_twin_is_accepted(number: int) -> None:
    hunt = BugHunt(number)
    for word in ("BUG =", "CAUSE", "CHECKS", "VISIBLE", "LINE =", "def build"):
        assert word not in hunt.text
    assert 0 < len(hunt.wrong_lines()) <= 4
    assert "Nothing is changed" in hunt.mend(hunt.text + "\n# a comment")
    assert hunt.mend(hunt._twin).startswith("Mended.")
    assert progress().bugs == {hunt.name: "mended"}


def test_the_line_is_named() -> None:
    hunt = BugHunt(NO_ZERO_GRAD)
    backward = next(number for number, line in enumerate(hunt.text.splitlines(), 1)
                    if "loss.backward()" in line)
    assert hunt.name_line(backward).startswith("Yes")
    assert "is sound" in hunt.name_line(1)
    assert "is sound" in hunt.name_line(10_000)


def test_mends_are_judged_by_running_them() -> None:
    hunt = BugHunt(NO_ZERO_GRAD)
    own = hunt.text.replace("    optimizer.step()\n", "    optimizer.step()\n    model.zero_grad()\n")
    assert hunt.mend(own).startswith("Mended")
    # another way that draws other random numbers: the result decides
    other = own.replace("torch.manual_seed(0)", "torch.manual_seed(5)")
    assert "in a way of your own" in hunt.mend(other)
    # no mend: slower, and the gradients still add up
    still = hunt.text.replace("lr=0.05", "lr=0.0001")
    assert "not cleared" in hunt.mend(still)
    assert "stops: NameError" in hunt.mend(hunt.text.replace("loss.backward()", "lost.backward()"))
    assert "no Python, line" in hunt.mend("def half(:")
    renamed = hunt.text.replace("running_loss", "total")
    assert "the bug is still there" in hunt.mend(renamed)
    assert "Hand in" in hunt.mend("")
    # the bug taken out together with the training
    idle = hunt.text.replace("    loss.backward()\n    optimizer.step()\n", "")
    assert "Not yet" in hunt.mend(idle)


def test_watch_says_what_is_wrong_with_its_line() -> None:
    found = BugHunt(NO_ZERO_GRAD).watch()
    assert any("grads_are_cleared" in line and "(line " in line for line in found)


def test_no_such_program() -> None:
    for number in (0, len(PROGRAMS) + 1, "one", None):
        with pytest.raises(RecipeError, match="1 to"):
            BugHunt(number)  # type: ignore[arg-type]


def test_the_panel() -> None:
    panel = FindTheBug()
    panel.open(NO_ZERO_GRAD)
    assert panel.editor.value == panel.hunt.text
    assert "is sound" in panel.name_line(1)
    mine = panel.hunt._twin
    panel.editor.value = mine
    panel.buttons["mend"].click()
    assert "Mended" in panel._mend_reply.value
    assert panel.editor.value == mine  # what was written stays
    assert "1 mended" in repr(panel)
    assert any(label.startswith("✓") for label, _ in panel.menu.options)
    assert repr(FindTheBug()).startswith("FindTheBug(program 1 of")
    panel.close()


def test_the_program_is_coloured_and_numbered_and_whole() -> None:
    panel = FindTheBug()
    shown = panel._program.value
    assert 'class="kn">import' in shown
    assert 'class="linenos"> 1<' in shown
    plain = html.unescape(re.sub(r"<[^>]*>", "", re.sub(r'<span class="linenos">.*?</span>', "", shown)))
    assert plain.split() == panel.hunt.text.split()
    panel.close()
