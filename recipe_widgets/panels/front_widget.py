"""The widget whose page draws by itself: the ES module of `panels/front/` on anywidget."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import anywidget

FOLDER = Path(__file__).parent / "front"
# in the order in which one needs the other
FILES = ("dom.js", "store.js", "scale.js", "chart.js", "sound.js", "curves.js", "pictures.js", "unit.js", "drawing.js",
         "network.js", "controls.js", "front.js")


@cache
def module_text() -> str:
    """The live panel's."""
    return one_module(FILES)


def one_module(names: Sequence[str]) -> str:
    """Files as one ES module: their imports of one another and their exports are left out."""
    parts = []
    for name in names:
        text = (FOLDER / name).read_text(encoding="utf-8")
        text = re.sub(r'^import .*? from "\./.*?";\n', "", text, flags=re.MULTILINE)
        parts.append(re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE))
    return "".join(parts)


@cache
def style_text() -> str:
    return (FOLDER / "front.css").read_text(encoding="utf-8")


class FrontWidget(anywidget.AnyWidget):
    """Says hello when it is on a page, and draws what it is sent from then on."""

    _esm = module_text()
    _css = style_text()
