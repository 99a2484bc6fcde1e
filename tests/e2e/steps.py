"""Running some cells of a notebook rather than all of them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.lab import PATIENCE


def run_cells(page: Page, *beginnings: str) -> None:
    """Run the code cells that hold these texts, one after the other, by keyboard, and wait for each."""
    for text in beginnings:
        cell = page.locator(".jp-CodeCell", has_text=text).first
        cell.scroll_into_view_if_needed()
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        cell.locator(".cm-content").first.click()
        page.keyboard.press("Control+Enter")
        expect(prompt).not_to_have_text(before, timeout=PATIENCE)
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=2 * PATIENCE)
        assert cell.locator(".jp-RenderedText .ansi-red-fg").count() == 0, text
