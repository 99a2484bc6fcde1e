"""Notebooks 09 and 10 as a learner opens them: the board of a search, the vault, a live panel."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import PATIENCE, chromium, slider
from tests.e2e.some_cells import run_cells

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


def test_the_panel_and_the_board_of_09(opened: Callable[[str], Page]) -> None:
    page = opened("09_tune.ipynb")
    run_cells(page, "mnist, cifar = load(", 'knobs=["width"])', "board = TuningBoard(")
    handle = slider(page, "learning rate")
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowRight")
    expect(page.locator(".recipe-front .recipe-words").first).to_have_text(
        re.compile(r"(Training|Done) with learning rate 0\.0013"), timeout=PATIENCE)
    cell = page.locator(".jp-CodeCell", has_text="board = TuningBoard(").first
    words = cell.locator(".recipe-words")
    expect(words).to_have_text(re.compile("Press Start"), timeout=PATIENCE)
    start = cell.locator("button.jupyter-button", has_text="Start")
    start.scroll_into_view_if_needed()
    start.focus()
    page.keyboard.press("Enter")
    expect(words).to_have_text(re.compile(r"[1-9]\d* of 40 trials"), timeout=PATIENCE)
    expect(cell.locator(".recipe-board circle").first).to_be_visible(timeout=PATIENCE)
    cell.locator("button.jupyter-button", has_text="Stop").click()
    expect(words).to_have_text(re.compile(r"^(Stopped|Done)\."), timeout=PATIENCE)


def test_the_vault_and_the_panel_of_10(opened: Callable[[str], Page]) -> None:
    page = opened("10_squeeze.ipynb")
    run_cells(page, "mnist, cifar = load(", 'knobs=["ema", "schedule"])',
              "models = lesson.members(", "digits = VaultReport(")
    handle = slider(page, "dropout")
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowRight")
    expect(page.locator(".recipe-front .recipe-words").first).to_have_text(
        re.compile(r"(Training|Done) with .*dropout 0\.01"), timeout=PATIENCE)
    cell = page.locator(".jp-CodeCell", has_text="digits = VaultReport(").first
    words = cell.locator(".recipe-vault")
    expect(words).to_have_text(re.compile("closed here; opened never"), timeout=PATIENCE)
    button = cell.locator("button.jupyter-button", has_text="Open the vault")
    button.scroll_into_view_if_needed()
    button.focus()
    page.keyboard.press("Enter")
    expect(words).to_have_text(re.compile(r"Opened, time 1 in all"), timeout=PATIENCE)
    expect(cell.locator("table.recipe-final")).to_contain_text("McNemar")
    expect(button).to_be_disabled()
    cell.locator("select").select_option("confusion")
    expect(cell.locator('img[alt^="Confusion matrix"]')).to_be_visible(timeout=PATIENCE)
