"""Notebooks 07 and 08 as a learner opens them: set-up and panel cells, the main widget by
keyboard and mouse.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.lab import PATIENCE, chromium, slider
from tests.e2e.some_cells import run_cell, run_cells

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600),
              pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")]


def test_the_gallery_and_the_panel_of_07(opened: Callable[[str], Page]) -> None:
    page = opened("07_regularise_with_data.ipynb")
    run_cells(page, "mnist, cifar = load(")
    cell = run_cell(page, "choose = AugmentationGallery(")
    image = cell.locator(".jp-OutputArea img")
    before = image.get_attribute("src")
    handle = slider(page, "strength")
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowRight")
    expect(cell.locator(".recipe-explorer")).to_have_text("flip+crop, strength 1.25",
                                                         timeout=PATIENCE)
    expect(image).not_to_have_attribute("src", before or "", timeout=PATIENCE)
    run_cell(page, 'knobs=["augment", "augment_strength"]')
    handle = slider(page, "learning rate")
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowLeft")
    expect(page.locator(".recipe-front .recipe-words").first).to_have_text(
        re.compile(r"(Training|Done) with learning rate 0\.02"), timeout=PATIENCE)


def test_the_walk_and_the_panel_of_08(opened: Callable[[str], Page]) -> None:
    page = opened("08_regularise_the_model.ipynb")
    run_cells(page, "mnist, cifar = load(")
    cell = run_cell(page, "walk = DecisionWalk()")
    words = cell.locator(".recipe-decision")
    expect(words).to_have_text("Does the training loss go down?", timeout=PATIENCE)
    yes = cell.locator("button.jupyter-button", has_text="Yes")
    yes.scroll_into_view_if_needed()
    yes.focus()
    page.keyboard.press("Enter")
    expect(words).to_have_text(re.compile("by heart"), timeout=PATIENCE)
    cell.locator("button.jupyter-button", has_text="No").click()
    expect(words).to_have_text(re.compile("larger model"), timeout=PATIENCE)
    assert cell.locator('a[href*="07_regularise_with_data.ipynb"]').count() >= 4
    run_cell(page, 'knobs=["weight_decay", "label_smoothing"]')
    handle = slider(page, "dropout")
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowRight")
    expect(page.locator(".recipe-front .recipe-words").first).to_have_text(
        re.compile(r"Done with .*dropout 0\.01"), timeout=PATIENCE)
