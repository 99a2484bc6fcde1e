"""A real JupyterLab and a real Chromium, for the browser tests and the screenshots."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                  "--disable-background-networking", "--disable-component-update", "--disable-sync")
PATIENCE = 60_000  # ms: how long a slow machine may take; a fast one never waits for it


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab on a copy of the notebooks."""

    url: str
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?token={self.token}&reset"


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(
        "google-chrome")


@contextlib.contextmanager
def running_lab(folder: Path, theme: str = "JupyterLab Light") -> Iterator[Lab]:
    """Serve a copy of the notebooks from `folder` on a free port of localhost, with a token;
    nothing is left behind.
    """
    work = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, work, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lab = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(16), work)
    own = {
        name: str(folder / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
                     "RECIPE_STATE", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    }
    # All cells in the page, also those out of sight: the tests look at every one of them.
    for plugin, text in {"notebook-extension/tracker": '{"windowingMode": "none"}',
                         "apputils-extension/themes": f'{{"theme": "{theme}"}}',
                         "apputils-extension/notification": '{"fetchNews": "false"}',
                         "docmanager-extension/plugin": '{"autosave": false}'}.items():
        chosen = Path(own["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab",
                      f"{plugin}.jupyterlab-settings")
        chosen.parent.mkdir(parents=True, exist_ok=True)
        chosen.write_text(text)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--allow-root", f"--IdentityProvider.token={lab.token}", f"--ServerApp.root_dir={work}"
    ]
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=work, env={**os.environ, **own}, stdout=log,
                                  stderr=log)
        try:
            _await(lab, server)
            yield lab
        finally:
            server.terminate()
            server.wait(20)


def _await(lab: Lab, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(
                f"JupyterLab ended: {(lab.folder.parent / 'lab.log').read_text()[-2000:]}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{lab.url}/api?token={lab.token}", timeout=2).read()
            return
        time.sleep(0.1)
    raise RuntimeError("JupyterLab did not answer within a minute")


@contextlib.contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=[*CHROMIUM_FLAGS])
        yield browser
        browser.close()


def open_notebook(page: Page, lab: Lab, notebook: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(lab.address(notebook))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    expect(page.locator(".jp-Notebook-ExecutionIndicator").first).to_have_attribute(
        "data-status", "idle", timeout=PATIENCE)
    # Before the kernel has answered JupyterLab would ask which one to take.
    expect(page.locator(".jp-StatusBar-TextItem",
                        has_text="| Idle").first).to_be_visible(timeout=PATIENCE)


def choose_theme(page: Page, name: str) -> None:
    """Settings > Theme, such as "JupyterLab Dark", and wait until the page has it."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    for label in ("Theme", name):
        page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()
    light = "false" if "Dark" in name else "true"
    page.wait_for_function("is => document.body.dataset.jpThemeLight === is", arg=light)


def save(page: Page) -> None:
    """File > Save Notebook, and wait until the server has it."""
    page.get_by_role("menuitem", name="File", exact=True).click()
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in
                              answer.url) as answer:
        page.get_by_role("menuitem", name=re.compile("^Save Notebook(?! As)")).click()
    assert answer.value.ok


def run_all(page: Page, patience: int = 4 * PATIENCE) -> None:
    """Forget the saved outputs, then Run > Run All Cells, and wait until every code cell has its
    number.
    """
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_role("menuitem", name="Clear Outputs of All Cells", exact=True).click()
    press_run_all(page)
    page.wait_for_function(
        """() => {
        const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')].map(p => p.innerText);
        return prompts.length > 0 && prompts.every(p => /\\[\\d+\\]/.test(p));
    }""", timeout=patience)


def press_run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def slider(within: Page | Locator, label: str) -> Locator:
    """The handle of the slider with that label: it takes the keyboard."""
    page = within if isinstance(within, Page) else within.page
    row = within.locator(".widget-hslider", has=page.locator(".widget-label", has_text=label))
    return row.locator(".noUi-handle").first


def drawn(within: Page | Locator, role: str) -> Locator:
    """The signs in the legends of curves of that role, such as "val" or "ghost-train": curves
    themselves are drawn on a canvas.
    """
    return within.locator(f".recipe-legend [data-role={role}]")


# a slider of a panel that stands where the lessons leave it, a key, and what the words say when
# that run is done
FOUR_SLIDERS = (("learning rate", "ArrowRight", r"learning rate 0\.0(?!5,)\d+"),
                ("batch size", "ArrowRight", r"batch size 128,"),
                ("dropout", "ArrowRight", r"dropout 0\.\d1,"),
                ("momentum", "ArrowLeft", r"momentum 0\.89\b"))


def turn_and_wait(within: Page | Locator, label: str, key: str, says: str) -> None:
    """Press a key on a slider, and wait until the panel's words say that a run with it is done."""
    handle = slider(within, label)
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press(key)
    expect(within.locator(".recipe-front .recipe-words")).to_have_text(re.compile(f"^Done with .*{says}"),
                                                         timeout=PATIENCE)
