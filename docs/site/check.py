"""Is the site whole? No page may load anything from a network, and every link must lead
somewhere.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from recipe_widgets import RecipeError

_LOADS = ("src", "srcset", "poster", "data", "background", "action", "formaction", "xlink:href")
_CSS = re.compile(r"""url\(\s*["']?([^"')]*)|@import\s+["']?([^"'\s;]*)""")


class Read(HTMLParser):
    """What a page refers to. loads: what a browser fetches unasked; links: what a reader may
    follow; places: ids.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = {""}
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, found in attrs:
            value = found or ""
            if name in ("id", "name"):
                self.places.add(value)
            elif name == "href":
                (self.links if tag in ("a", "area") else self.loads).append(value)
            elif name in _LOADS:
                self.loads.append(value)
            elif name == "style":
                self._css(value)

    def handle_endtag(self, _: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._css(data)

    def _css(self, text: str) -> None:
        self.loads += [one or other for one, other in _CSS.findall(text)]


def problems(site: Path) -> list[str]:
    """What is wrong with the pages in `site`, each as one line."""
    pages = {
        file.relative_to(site).as_posix(): Read(file.read_text())
        for file in sorted(site.rglob("*.html"))
    }
    return [
        f"{name}: {what}" for name, page in pages.items()
        for what in _page_problems(site, name, page, pages)
    ]


def _page_problems(site: Path, name: str, page: Read, pages: dict[str, Read]) -> list[str]:
    found = [f"loads {load[:100]}" for load in page.loads if not _is_at_hand(site, name, load)]
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        file = _meant(site, name, parts.path) if parts.path else name
        if file is None:
            found.append(f"links to {link}, which is not there")
        elif file in pages and not {parts.fragment, unquote(parts.fragment)} & pages[file].places:
            found.append(f"links to {link}, but that page has no such place")
    return found


def _is_at_hand(site: Path, name: str, load: str) -> bool:
    """Whether it stands in the page itself, or is a file of the site."""
    parts = urlsplit(load)
    if parts.netloc or parts.scheme:
        return parts.scheme == "data"
    return not parts.path or _meant(site, name, parts.path) is not None


def _meant(site: Path, name: str, path: str) -> str | None:
    file = (site / name).parent.joinpath(unquote(path)).resolve()
    return file.relative_to(site.resolve()).as_posix() if file.is_file() and file.is_relative_to(
        site.resolve()) else None


def must_be_whole(site: Path) -> None:
    """Raises RecipeError: a page loads from a network, or a link leads nowhere."""
    found = problems(site)
    if found:
        raise RecipeError(
            "Site", found=f"{len(found)} problems: " + "; ".join(found[:10]),
            expected="pages that load nothing from a network, and links that lead somewhere")
