"""The widget that names the sliders and menus of a panel for screen readers, and says what was asked for while the kernel is
at it: `front/sheet.js` on anywidget.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import anywidget

from recipe_widgets.panels.front_widget import one_module

FILES = ("dom.js", "scale.js", "controls.js", "sheet.js")  # in the order in which one needs the other


@cache
def _module_text() -> str:
    return one_module(FILES)


class SheetWidget(anywidget.AnyWidget):
    """Answers each question of its page: what was asked before it is done by then."""

    _esm = _module_text()

    def __init__(self) -> None:
        super().__init__()
        self.on_msg(_answer)


def _answer(widget: SheetWidget, message: dict[str, Any], _: object) -> None:
    if message.get("kind") == "ask":
        widget.send({"number": message.get("number", 0)})
