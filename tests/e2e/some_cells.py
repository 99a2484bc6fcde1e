"""Running a few cells of a long notebook, where running all would take minutes."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.lab import PATIENCE


def run_cells(page: Page, *beginnings: str) -> None:
    """Run the code cells that hold these texts, one after the other, and wait until each is done."""
    for text in beginnings:
        cell = page.locator(".jp-Notebook .jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first
        cell.scroll_into_view_if_needed()
        number = cell.locator(".jp-InputPrompt").first.inner_text()
        cell.locator(".jp-InputArea-editor").first.click()
        page.keyboard.press("Control+Enter")
        prompt = cell.locator(".jp-InputPrompt").first
        if number.strip("[]: \n"):
            expect(prompt).not_to_have_text(number, timeout=PATIENCE)
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=4 * PATIENCE)
        assert cell.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
        assert cell.locator(".ansi-red-fg").count() == 0
