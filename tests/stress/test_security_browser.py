"""The attacks of `pages`, in a real JupyterLab and a real browser: nothing of them runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.lab import Lab, chromium, open_notebook, run_all, running_browser, running_lab
from tests.stress.pages import ATTACKS, watch_page
from tests.stress.tally import FULL, Tally

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(chromium() is None, reason="no Chromium (apt-get install chromium)")
]
SETUP = f"""import sys
sys.path.insert(0, {str(ROOT)!r})
from IPython.display import HTML, display
from tests.stress.pages import ATTACKS, PAGES, panels
every = " ".join(ATTACKS)
opened = panels(every)"""
CELLS = (SETUP, *(
    f"opened[{name!r}]" for name in ("browser", "labeller", "question", "vault", "live", "board",
                                     "gallery", "explorer", "dials")
), "for make in PAGES.values():\n    for attack in (every, *ATTACKS):\n        display(HTML(make(attack)))",
         'HTML("<img src=x onerror=window.__control=1>")')
PROVOKE = """() => {
    for (const one of document.querySelectorAll('.jp-Notebook *')) {
        for (const kind of ['mouseover', 'mouseenter', 'focus', 'click', 'toggle', 'load', 'error'])
            if (!one.closest('button, .jp-Cell-inputWrapper, .jp-Toolbar') || kind != 'click')
                one.dispatchEvent(new Event(kind, {bubbles: false}));
    }
    return document.querySelectorAll('.jp-OutputArea *').length;
}"""
SPOILED = """() => [...document.querySelectorAll('.jp-OutputArea *')].filter(one =>
    [...one.attributes].some(a => a.name.startsWith('on') && a.value.includes('__xss')
                               || (a.value.startsWith('javascript:') && a.name == 'href'))
    || (one.tagName == 'SCRIPT' && one.textContent.includes('__xss'))).map(one => one.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as made:
        yield made


@pytest.fixture
def dialogs(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what its dialogs said."""
    page, said = browser.new_page(viewport={"width": 1280, "height": 900}), []

    def heard(dialog: object) -> None:
        said.append(dialog.message)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", heard)
    yield page, said
    page.close()


def notebook(lab: Lab) -> str:
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in CELLS], metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        })
    nbformat.write(book, lab.folder / "hostile.ipynb")
    return "hostile.ipynb"


@pytest.mark.timeout(600)
@pytest.mark.skipif(not FULL, reason="starts a server: in make stress")
def test_no_name_runs_in_a_notebook(dialogs: tuple[Page, list[str]], tmp_path: Path,
                                    tally: Callable[[str], Tally]) -> None:
    page, said = dialogs
    row = tally("attacks in panels and reports in a real browser")
    with running_lab(tmp_path) as lab:
        open_notebook(page, lab, notebook(lab))
        run_all(page)
        page.wait_for_function(
            "() => window.__control === 1")  # scripts of outputs do run here: the test can fail
        page.locator(".jp-OutputArea .widget-html").nth(10).wait_for(state="attached")
        assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
        assert page.evaluate(PROVOKE) > 1000
        page.wait_for_timeout(500)  # what an attack loads comes a moment later
        row.tried = len(ATTACKS) * (page.locator(".jp-OutputArea-output").count() + 8)
        spoiled = page.evaluate(SPOILED)
        row.lost = len(spoiled) + len(said) + int(page.evaluate("() => window.__xss !== undefined"))
        assert spoiled == []
        assert said == []
        assert row.lost == 0


def test_no_name_runs_in_a_report_of_watch(dialogs: tuple[Page, list[str]], tmp_path: Path) -> None:
    page, said = dialogs
    for attack in (*ATTACKS, " ".join(ATTACKS)):
        (tmp_path / "report.html").write_text(watch_page(attack), encoding="utf-8")
        page.goto((tmp_path / "report.html").as_uri())
        assert page.locator("tbody tr").count() == 3
        assert page.evaluate("() => window.__xss") is None
    assert said == []
    shutil.rmtree(tmp_path)
