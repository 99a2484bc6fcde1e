"""Running a few cells of a long notebook, where running all would take minutes."""

from __future__ import annotations

import contextlib
import re

from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.e2e.lab import PATIENCE


def run_cells(page: Page, *texts: str) -> None:
    """Forget the saved outputs, run the code cells that hold these texts one after the other,
    and wait for each.
    """
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_role("menuitem", name="Clear Outputs of All Cells", exact=True).click()
    for text in texts:
        run_cell(page, text)


def run_cell(page: Page, text: str) -> Locator:
    """Run the first code cell that holds this text, wait for it, and return it."""
    cell = page.locator(".jp-Notebook .jp-CodeCell", has=page.locator(".cm-content",
                                                                      has_text=text)).first
    cell.scroll_into_view_if_needed()
    _press_run(page, cell)
    expect(cell.locator(".jp-InputPrompt").first).to_have_text(re.compile(r"\[\d+\]"),
                                                               timeout=4 * PATIENCE)
    # a progress bar is written there, and taken off again
    said = cell.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()
    assert all(not text.strip() or "%|" in text for text in said), said
    assert cell.locator(".ansi-red-fg").count() == 0
    return cell


def _press_run(page: Page, cell: Locator) -> None:
    """Again where the kernel was only chosen by then: on a busy machine the first press is lost."""
    for _ in range(5):
        cell.locator(".jp-InputArea-editor").first.click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(TimeoutError, AssertionError):
            expect(cell.locator(".jp-InputPrompt").first).to_have_text(
                re.compile(r"\[(\d+|\*)\]"), timeout=10_000)
            return
        page.locator(".jp-Notebook").first.click(
            trial=True)  # lets a question for the kernel be answered
