"""What widgets that show a picture share: the picture as HTML, with its words for those who
cannot see it.
"""

from __future__ import annotations

import base64
import html
from typing import Any

import ipywidgets as widgets

from recipe_widgets.panels.cells import replace_in_cell
from recipe_widgets.plots import Picture


def as_html(picture: Picture) -> str:
    """An `<img>` with a text alternative, which `widgets.Image` has not."""
    png = base64.b64encode(picture.png()).decode()
    alt = html.escape(picture.alt, quote=True)
    return f'<img src="data:image/png;base64,{png}" alt="{alt}" style="max-width:100%;height:auto;background:white">'


class Shown:
    """A widget that is shown as the last line of a cell; the cell run again closes it."""

    widget: widgets.Widget

    def close(self) -> None:
        """Take it off the page. A second call does nothing."""
        for part in parts_of(self.widget):
            for one in (part.layout, getattr(part, "style", None),
                        part):  # each is a model of its own in kernel and page
                if one is not None:
                    one.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        replace_in_cell(self)
        bundle = self.widget._repr_mimebundle_(**options)
        bundle["text/plain"] = repr(self)
        return bundle


def parts_of(box: widgets.Widget) -> list[widgets.Widget]:
    """A widget and all that lies inside it, inside first."""
    inside = [part for child in getattr(box, "children", ()) for part in parts_of(child)]
    return [*inside, box]
