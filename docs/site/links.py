"""Links and pictures of a page: those to notebooks and texts lead to their pages, pictures
become part of the page.
"""

from __future__ import annotations

import base64
import html
import mimetypes
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

REPOSITORY = Path(__file__).parents[2]
PAGES = (".md", ".ipynb")  # what becomes a page
_LINK = re.compile(r'<a\b(?P<more>[^>]*?)\bhref="(?P<to>[^"]*)"(?P<rest>[^>]*)>(?P<text>.*?)</a>',
                   re.DOTALL)
_PICTURE = re.compile(r"<(?:img|source)\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b(src|srcset|alt)="([^"]*)"')


def page_of(path: str) -> str:
    """Where in the site the page of a file of the repository lies: "notebooks/05_overfit.html"."""
    return path.rsplit(".", 1)[0] + ".html"


def target(link: str, source: str) -> tuple[str, str] | None:
    """The file of the repository that a link in `source` means, and the place in it; None for
    other links.
    """
    parts = urlsplit(html.unescape(link))
    if parts.scheme or parts.netloc or not parts.path:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source),
                                             unquote(parts.path))), parts.fragment


def linked_texts(text: str, source: str) -> list[str]:
    """The Markdown files of the repository that a page of HTML links to."""
    found = [target(match["to"], source) for match in _LINK.finditer(text)]
    return [
        file for file, _ in filter(None, found)
        if file.endswith(".md") and (REPOSITORY / file).is_file()
    ]


def mended(text: str, source: str) -> str:
    """The HTML of the repository's file `source` as it has to be in the site.

    Links to notebooks and texts lead to their pages; links to other files of the repository, which
    the site does not hold, become plain text. Pictures of the repository become part of the page;
    those from elsewhere give way to their words.
    """
    return _PICTURE.sub(lambda match: _picture(match[0], source),
                        _LINK.sub(lambda match: _link(match, source), text))


def _link(match: re.Match[str], source: str) -> str:
    meant = target(match["to"], source)
    if meant is None or not (REPOSITORY / meant[0]).exists():
        # elsewhere, in this page, or nowhere: then the check of the whole site says so
        return match[0]
    file, place = meant
    if not file.endswith(PAGES):
        return match["text"]
    away = posixpath.relpath(page_of(file), posixpath.dirname(source) or ".")
    to = html.escape(away + (f"#{place}" if place else ""))
    return f'<a{match["more"]}href="{to}"{match["rest"]}>{match["text"]}</a>'


def _picture(tag: str, source: str) -> str:
    has = dict(_ATTRIBUTE.findall(tag))
    where = has.get("src") or has.get("srcset", "")
    if where.startswith("data:"):
        return tag
    meant = target(where, source)
    if meant is None:
        return f"<em>{has['alt']}</em>" if has.get("alt") else ""
    return tag.replace(f'"{where}"', f'"{data_url(REPOSITORY / meant[0])}"')


def data_url(file: Path) -> str:
    """A file as an address that holds it."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
