"""The reference of the package, from its docstrings, by pdoc."""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import pdoc
import pdoc.render

import recipe_widgets
from docs.site.check import Read
from docs.site.page import TEMPLATES

_HERE = re.compile(r'<a\b[^>]*\bhref="#([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_DOCTEST = re.compile(r'\s*<span class="c1"># doctest:[^<]*</span>')  # words to a machine


def documented() -> list[str]:
    """The package and its parts that hand out names; modules inside them are their own business."""
    parts = [
        f"recipe_widgets.{part.name}" for part in pkgutil.iter_modules(recipe_widgets.__path__)
        if part.ispkg
    ]
    return [
        "recipe_widgets",
        *(name for name in parts if hasattr(importlib.import_module(name), "__all__"))
    ]


def write_reference(folder: Path, modules: Sequence[str] | None = None) -> None:
    """Write one page per part of the package into `folder`. modules: only these."""
    chosen = list(modules or documented())
    for module in map(importlib.import_module, chosen):
        for name in module.__all__:
            getattr(module, name)  # names that are loaded when they are first used
    others = "|".join(re.escape(name) for name in chosen)
    pdoc.render.configure(docformat="google", show_source=False, footer_text="",
                          template_directory=TEMPLATES / "api")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore")  # parts that the package itself hands out are met twice; that is meant
        pdoc.pdoc(*chosen, f"!(?!({others})$)", output_directory=folder)
    for page in folder.rglob("*.html"):
        page.write_text(_DOCTEST.sub("", without_dead_links(page.read_text())))


def without_dead_links(text: str) -> str:
    """The page with plain words where pdoc links to a place that it left out, such as a member
    of a hidden base class.
    """
    places = Read(text).places
    return _HERE.sub(lambda match: match[0] if match[1] in places else match[2], text)
