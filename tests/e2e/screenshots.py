"""Make a still picture of the panel, from the real thing: python tests/e2e/screenshots.py
[--dark] [--width W] FILE
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from playwright.sync_api import expect

from tests.e2e.lab import open_notebook, run_all, running_browser, running_lab, slider


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--page", action="store_true", help="the whole window instead of the panel")
    chosen = parser.parse_args()
    theme = "JupyterLab Dark" if chosen.dark else "JupyterLab Light"
    with tempfile.TemporaryDirectory() as folder, running_lab(
            Path(folder), theme) as lab, running_browser() as browser:
        page = browser.new_page(viewport={"width": chosen.width, "height": 900},
                                device_scale_factor=1.25)
        open_notebook(page, lab, "00_start_here.ipynb")
        run_all(page)
        handle = slider(page, "momentum")
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(5):
            handle.press("PageDown")
        expect(page.locator(".recipe-front .recipe-words")).to_have_text(re.compile("Done with"), timeout=60_000)
        page.wait_for_timeout(500)
        panel = page.locator(".jp-OutputArea-output", has=page.locator(".recipe-front .recipe-words")).first
        chosen.file.parent.mkdir(parents=True, exist_ok=True)
        if chosen.page:
            panel.scroll_into_view_if_needed()
            page.screenshot(path=chosen.file)
        else:
            panel.screenshot(path=chosen.file)
    print(chosen.file)


if __name__ == "__main__":
    main()
