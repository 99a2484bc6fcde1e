"""What a panel's page asks, and that it is answered once the panel has done what was asked before."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from recipe_widgets.panels import OptimizerBowl, Question
from recipe_widgets.panels.front_widget import FOLDER
from recipe_widgets.panels.panel_base import widgets_in
from recipe_widgets.panels.sheet_widget import FILES, SheetWidget


def helpers(panel: Any) -> list[SheetWidget]:
    return [one for one in widgets_in(panel.widget) if isinstance(one, SheetWidget)]


def test_a_question_of_the_page_is_answered_with_its_number() -> None:
    explorer = OptimizerBowl()
    (helper,) = helpers(explorer)
    said: list[dict[str, Any]] = []
    helper.send = said.append
    helper._handle_custom_msg({"kind": "ask", "number": 3}, [])
    helper._handle_custom_msg({"kind": "hello"}, [])
    assert said == [{"number": 3}]
    assert "import " not in helper._esm.split("export default")[0].split("\n", 1)[0]
    explorer.close()


def test_what_a_file_takes_from_another_stands_before_it() -> None:
    for place, name in enumerate(FILES):
        taken = re.findall(r'^import .* from "\./(.*?)";', (FOLDER / name).read_text(), re.MULTILINE)
        assert set(taken) <= set(FILES[:place]), name


def test_buttons_have_their_names_without_help() -> None:
    assert helpers(Question("ten_times_lr")) == []


def test_panels_work_without_anywidget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "recipe_widgets.panels.sheet_widget", None)  # an ImportError
    explorer = OptimizerBowl()
    assert helpers(explorer) == []
    assert "after 60 steps" in explorer.words
    explorer.close()
