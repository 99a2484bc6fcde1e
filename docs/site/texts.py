"""Markdown files and notebooks as pages, with the outputs that the notebooks were saved with."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from docs.site.links import REPOSITORY, linked_texts, mended, page_of
from docs.site.page import TEMPLATES, Page

LIVE = ('<p class="live">A saved copy; <a href="../README.md">in JupyterLab</a> its sliders and '
        "buttons answer, too.</p>")
_HEADING = re.compile(
    r'<h(?P<level>[1-6])\b[^>]*\bid="(?P<id>[^"]*)"[^>]*>(?P<text>.*?)</h(?P=level)>', re.DOTALL)
_MARK = re.compile(r'<a class="anchor-link"[^>]*>.*?</a>')
_TAG = re.compile(r"<[^>]*>")


def notebook_page(source: str, replays: Sequence[str]) -> Page:
    """The page of a notebook, such as "notebooks/05_overfit.ipynb". replays: data sets whose
    live panels were recorded.
    """
    exporter = HTMLExporter(template_name="lesson", extra_template_basedirs=[str(TEMPLATES)])
    notebook = nbformat.read(REPOSITORY / source, as_version=4)
    resources: dict[str, Any] = {"replays": replays}
    body, _ = exporter.from_notebook_node(notebook, resources)
    return _page(source, body.replace("</h1>", f"</h1>{LIVE}", 1))


def text_pages(first: Iterable[str]) -> list[Page]:
    """The pages of these Markdown files, and of those that they link to."""
    waiting, pages = list(first), {}
    while waiting:
        source = waiting.pop(0)
        if source not in pages:
            body = with_usual_places(markdown2html_mistune((REPOSITORY / source).read_text()))
            pages[source] = _page(source, body)
            waiting += linked_texts(body, source)
    return list(pages.values())


def _page(source: str, body: str) -> Page:
    headings = [(match["level"], match["id"], words(match["text"]))
                for match in _HEADING.finditer(body)]
    title = next((text for level, _, text in headings if level == "1"), Path(source).stem)
    contents = [(html.unescape(place), text) for level, place, text in headings if level == "2"]
    return Page(page_of(source), title, mended(body, source), contents)


def with_usual_places(body: str) -> str:
    """The same HTML with the places of headings under both their names: "In-a-script", as
    JupyterLab has it, and "in-a-script", as code-hosting pages do.
    """
    def both(match: re.Match[str]) -> str:
        usual = re.sub(r"[^\w\- ]", "", words(match["text"]).lower()).replace(" ", "-")
        return match[0] if usual == match["id"] else f'<span id="{usual}"></span>{match[0]}'

    return _HEADING.sub(both, body)


def words(text: str) -> str:
    """The plain text of a piece of HTML, such as a heading."""
    return html.unescape(_TAG.sub("", _MARK.sub("", text))).strip()


def chained(pages: list[Page]) -> list[Page]:
    """The same pages, each linked to the one before and the one after."""
    for before, after in itertools.pairwise(pages):
        before.after, after.before = (after.path, after.title), (before.path, before.title)
    return pages
