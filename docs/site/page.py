"""The frame around every page of the site: head, navigation, style. Nothing in it is loaded from
anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pygments.formatters import HtmlFormatter

from recipe_widgets.core.files import write_atomically

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
JINJA = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                    trim_blocks=True, lstrip_blocks=True)


# a page holds all that it needs, and may load nothing
SELF_CONTAINED = ("default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
                  "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")


@dataclass
class Page:
    """One page of the site.

    Attributes:
        path: in the site, such as "notebooks/05_overfit.html". body: HTML that is safe to show.
        contents: (id, text) of its sections. before, after: the pages to go to next, as (path,
            title).
        script: JavaScript that stands in the page. module: address of a module that it loads.
        sheet: CSS of its own. policy: what a browser lets it load (Content-Security-Policy).
    """

    path: str
    title: str
    body: str
    contents: list[tuple[str, str]] = field(default_factory=list)
    before: tuple[str, str] | None = None
    after: tuple[str, str] | None = None
    script: str = ""
    module: str = ""
    sheet: str = ""
    policy: str = SELF_CONTAINED
    trains: bool = False  # whether the site has the page that trains

    def html(self) -> str:
        return JINJA.get_template("page.html").render(page=self, root="../" * self.path.count("/"),
                                                      style=style() + self.sheet)

    def write(self, site: Path) -> None:
        file = site / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, self.html())


def rendered(template: str, **values: Any) -> str:
    """A template of this folder, filled in; values are escaped unless the template says
    otherwise.
    """
    return JINJA.get_template(template).render(**values)


def style() -> str:
    """The style sheet, with the colours of code for light and for dark pages."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return (f"{(HERE / 'style.css').read_text()}\n{light}\n"
            f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
            ".highlight{background:var(--raised)}")
