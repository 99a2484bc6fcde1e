"""What the browser tests of notebooks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.e2e.lab import open_notebook, running_browser, running_lab


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Page]]:
    """Opens notebooks one after the other, in one page."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})

        def open_one(notebook: str) -> Page:
            open_notebook(page, lab, notebook)
            return page

        yield open_one
