"""A Matplotlib figure as SVG that follows the page: dark ink on white, or light ink on black.

One set of colours cannot serve both: on white and on JupyterLab's dark ground (#111111) no colour has a contrast of
more than 4.34 against both, and text needs 4.5 (WCAG 2.1, 1.4.3). So each colour has a second one of the same hue, whose
contrast against the dark ground is higher than that of the first against white. The SVG names both, and a media query
chooses: inside an `<img>` it asks for the `color-scheme` of the page around it (Media Queries 5; Chromium, Firefox from
105 on), which `THEME_STYLE` sets from the theme of JupyterLab, Notebook 7 and VS Code. Where nobody sets it, the picture
goes with the system, on its own ground. Colours that stand for numbers, as those of photographs and colour bars, stay.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from colorsys import hls_to_rgb, rgb_to_hls
from contextlib import contextmanager

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex, to_rgb
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

DARK_GROUND = "#111111"  # JupyterLab's own, --jp-layout-color0
BRIGHTEST = 0.80  # luminance of the lightest ink: pure white on black glares
LIGHTER = 1.5  # times the contrast: thin light lines on black look thinner than dark ones on white
MOST_CHARACTERS = 400_000  # of an SVG; a page with more of a picture stalls, and a PNG is smaller
DOTS = 120  # per inch, of what is an image inside the SVG
FONT = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"  # as JupyterLab's
# The style sheet that tells pictures which theme the page has.
THEME_STYLE = """<style>
body[data-jp-theme-light="true"] :is(.jp-RenderedSVG img,.recipe-picture),body.vscode-light :is(img,svg){color-scheme:light}
body[data-jp-theme-light="false"] :is(.jp-RenderedSVG img,.recipe-picture),body.vscode-dark :is(img,svg){color-scheme:dark}
.jp-RenderedSVG img{max-width:100%;height:auto}
.jp-OutputArea-child:has(>.jp-RenderedHTML>style:only-child){display:none}
</style>"""
# Text on a photograph or on a colour map has its contrast against that: these two stay.
ON_IMAGE = {"#000000": "#010101", "#ffffff": "#fefefe"}

_COLOUR = re.compile(r"((?:fill|stroke): )(#[0-9a-f]{6})\b")
_LONG = re.compile(r"(\d+\.\d\d)\d+")
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white), as in WCAG 2.1."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in to_rgb(colour)]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21, as in WCAG 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def in_the_dark(colour: str) -> str:
    """The colour of the same hue for `DARK_GROUND`: white becomes the ground, black the lightest
    ink, and all between have their order.
    """
    if colour in ON_IMAGE.values():
        return colour
    against_white = contrast(colour, "#ffffff")
    if against_white < 1.001:
        return DARK_GROUND
    wanted = min(LIGHTER * against_white * (luminance(DARK_GROUND) + 0.05) - 0.05, BRIGHTEST)
    hue, _, saturation = rgb_to_hls(*to_rgb(colour))
    low, high = 0.0, 1.0
    for _ in range(12):  # luminance grows with lightness: halve until no eye sees the rest
        lightness = (low + high) / 2
        found = to_hex(hls_to_rgb(hue, lightness, saturation))
        low, high = (lightness, high) if luminance(found) < wanted else (low, lightness)
    return found


def themed_svg(figure: Figure) -> str | None:
    """The figure as SVG text for an `<img>`; None where it is too large for a page, or has a ground
    of its own that its colours were chosen for.
    """
    if to_hex(figure.get_facecolor()) != "#ffffff":
        return None
    buffer = io.StringIO()
    # the same salt: a picture that has not changed is the same text
    with _colour_maps_as_images(figure), rc_context({
            "svg.fonttype": "none", "svg.hashsalt": "recipe", "axes.formatter.min_exponent": 4}):
        figure.savefig(buffer, format="svg", dpi=DOTS, bbox_inches="tight", metadata=_NO_METADATA)
    text = _shortened(buffer.getvalue())
    return _with_both_themes(text) if len(text) <= MOST_CHARACTERS else None


def _with_both_themes(text: str) -> str:
    used = {"#000000", *(match[2] for match in _COLOUR.finditer(text))}
    used -= set(ON_IMAGE.values())
    text = _COLOUR.sub(lambda match: match[0] if match[2] not in used
                       else f"{match[1]}var(--c{match[2][1:]},{match[2]})", text)
    dark = "".join(f"--c{colour[1:]}:{in_the_dark(colour)};" for colour in sorted(used))
    # what Matplotlib leaves black has no colour of its own in the text
    sheet = (f"svg{{fill:var(--c000000,#000);stroke-linejoin:round;stroke-linecap:butt}}text{{font-family:{FONT}}}"
             f"@media(prefers-color-scheme:dark){{svg{{{dark}}}}}")
    return re.sub(r"<style[^>]*>.*?</style>", f"<style>{sheet}</style>", text, count=1, flags=re.DOTALL)


def _shortened(text: str) -> str:
    """Without prologue, comments and digits that nobody sees."""
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg"):], flags=re.DOTALL)
    text = re.sub(r"; font-family: [^;\"]*|font: ([\d.]+px)[^;\"]*", lambda m: f"font-size: {m[1]}" if m[1] else "", text)
    # in tags only: between them stands what a reader reads
    text = re.sub(r"<[^>]*>", lambda tag: _LONG.sub(r"\1", tag[0]), text)
    return re.sub(r"\n\s*", " ", text).strip()


@contextmanager
def _colour_maps_as_images(figure: Figure) -> Iterator[None]:
    """What a colour map paints becomes an image inside the SVG, whose colours stay."""
    maps = [one for one in figure.findobj(_is_colour_map) if not one.get_rasterized()]
    for one in maps:
        one.set_rasterized(True)
    try:
        yield
    finally:
        for one in maps:
            one.set_rasterized(False)


def _is_colour_map(artist: Artist) -> bool:
    if isinstance(artist, ContourSet):
        return artist.colors is None
    return isinstance(artist, ScalarMappable) and artist.get_array() is not None
