"""Pictures of cells that follow the theme of the page: those of this package, and any figure of Matplotlib.

Once a panel was imported in a kernel, a picture goes to the page as SVG beside its PNG, and with it the style sheet
that tells it which theme the page has (`plots/themed_svg.py` says how). Where a page shows no SVG, as JupyterLab with a
notebook of somebody else that is not trusted yet, it shows the PNG.
"""

from __future__ import annotations

from typing import Any

from IPython.core.getipython import get_ipython

# Not Figure itself: Matplotlib's inline backend takes printers of that type away when it starts.
_FIGURES = ("matplotlib.figure", "FigureBase")
_PICTURES = ("recipe_widgets.plots.picture", "Picture")


def pictures_follow_the_page() -> None:
    """Show figures and pictures as SVG that follows the theme, in this kernel. Does nothing in a
    plain script; a second call does nothing.
    """
    shell = get_ipython()
    if shell is None or shell.display_formatter is None or getattr(shell, "kernel", None) is None:
        return
    formatter = shell.display_formatter.formatters["image/svg+xml"]
    formatter.for_type_by_name(*_FIGURES, _figure_svg)
    formatter.for_type_by_name(*_PICTURES, _picture_svg)


def _picture_svg(picture: Any) -> tuple[str, dict[str, str]] | None:
    svg = _with_style(picture.svg())
    return None if svg is None else (svg, {"alt": picture.alt})


def _figure_svg(figure: Any) -> str | None:
    from recipe_widgets.plots.themed_svg import themed_svg

    return _with_style(themed_svg(figure))


def _with_style(svg: str | None) -> str | None:
    """The style sheet as an output of its own: beside HTML a page would not show the SVG."""
    shell = get_ipython()
    if svg is not None and shell is not None:
        from recipe_widgets.plots.themed_svg import THEME_STYLE

        shell.display_pub.publish({"text/html": THEME_STYLE})
    return svg
