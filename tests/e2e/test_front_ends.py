"""The same notebook in Notebook 7 and in Voila: the panel is there, and a slider trains."""

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
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import (
    NOTEBOOKS,
    PATIENCE,
    chromium,
    drawn,
    press_run_all,
    running_browser,
    slider,
)
from tests.e2e.test_panel import press

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]
START = "00_start_here.ipynb"
PANEL = "from recipe_widgets import LivePanel, Settings, load\nLivePanel(load('mnist'), Settings(max_steps=100_000))"


@contextlib.contextmanager
def serving(folder: Path, *command: str) -> Iterator[str]:
    """A server on a free port of localhost; `{port}` and `{token}` in the command are filled in.
    Yields its address.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    own = {
        name: str(folder / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
                     "RECIPE_STATE")
    }
    filled = [part.format(port=port, token=token) for part in command]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", *filled], cwd=folder,
                                  env={**os.environ, **own}, stdout=log, stderr=log)
        try:
            _await(f"http://127.0.0.1:{port}/", server, folder)
            yield f"http://127.0.0.1:{port}/{{}}?token={token}"
        finally:
            server.terminate()
            server.wait(20)


def _await(address: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        with contextlib.suppress(urllib.error.HTTPError):  # it asks for the token: it is there
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(address, timeout=2).close()
                return
            time.sleep(0.1)
            continue
        return
    raise RuntimeError((folder / "server.log").read_text()[-2000:])


@pytest.fixture
def page() -> Iterator[Page]:
    with running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE)
        yield page


def trains(page: Page) -> None:
    """The first panel answers Run and a slider."""
    words = page.locator(".recipe-words").first
    expect(words).to_be_visible(timeout=4 * PATIENCE)
    press(page, "Run")
    expect(words).to_contain_text(re.compile(r"Step [1-9]|On the whole"), timeout=PATIENCE)
    place = slider(page, "momentum").bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=5)
    page.mouse.up()
    expect(words).to_contain_text(re.compile(r"momentum 0\.[0-8]"), timeout=PATIENCE)
    expect(drawn(page, "train").first).to_be_attached(timeout=PATIENCE)


def test_voila(page: Page, tmp_path: Path) -> None:
    shutil.copy(NOTEBOOKS / START, tmp_path)
    with serving(tmp_path, "voila", START, "--no-browser", "--port={port}", "--token={token}",
                 "--VoilaConfiguration.file_allowlist=[]") as address:
        page.goto(address.format(""), timeout=4 * PATIENCE)
        trains(page)
        assert page.locator(".jp-OutputArea-output", has_text="Traceback").count() == 0


def test_notebook_7(page: Page, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS / START, as_version=4)
    notebook.cells = [nbformat.v4.new_code_cell(PANEL)]
    nbformat.write(notebook, tmp_path / "panel.ipynb")
    with serving(tmp_path, "notebook", "--no-browser", "--ip=127.0.0.1", "--port={port}",
                 "--allow-root", "--IdentityProvider.token={token}",
                 f"--ServerApp.root_dir={tmp_path}") as address:
        page.goto(address.format("notebooks/panel.ipynb"))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        _run_all(page)
        trains(page)


def _run_all(page: Page) -> None:
    """Again where nothing came of it: before the kernel is there, Notebook 7 asks which one to
    take, or forgets.
    """
    which = page.get_by_role("button", name="Select Kernel")
    for _ in range(6):
        if which.is_visible():
            which.click()
        press_run_all(page)
        with contextlib.suppress(AssertionError):
            expect(page.locator(".recipe-words").first).to_be_visible(timeout=PATIENCE / 2)
            return
    raise AssertionError("no cell was run")
