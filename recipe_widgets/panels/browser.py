"""Thousands of pictures: filter, sort, page through, press one for its details."""

from __future__ import annotations

import html
import itertools
import math
from typing import Annotated

import ipywidgets as widgets
import numpy as np
from torch import nn

from recipe_widgets.core import RecipeError
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb01_know_your_data.sample_browser import (
    UNITS,
    SampleTable,
    sample_table,
)
from recipe_widgets.panels.panel_base import (
    AUTO_WIDTH,
    WRAPPED_ROW,
    Panel,
    busy,
    sheet,
    status_html,
)
from recipe_widgets.plots import Picture
from recipe_widgets.plots.images import contact_sheet, data_url

COLUMNS, PAGE = 24, 144  # pictures in a row, on a page
TILE = 34  # pixels of a picture on the page, with its border
LIMIT_STEPS = 200  # of the slider of limits, over the range of a column
_numbers = itertools.count()  # each browser has CSS classes of its own


class DataBrowser(Panel):
    """All pictures of the training or validation split, a page at a time.

    Each picture is a button: press it, by mouse or with Tab and Enter, and its label, its number in
    the original set and what was measured on it appear below. From code: `browser.sort.value =
    "loss"`, `browser.press(3)`, `browser.rows`.

    Args:
        model: adds the column "loss", the model's cross-entropy of each sample.
    """

    @validated
    def __init__(self, data: Data, model: nn.Module | None = None, split: str = "train") -> None:
        self.data, self.model = data, model
        self._tables: dict[str, SampleTable] = {}  # by split, measured when it is shown first
        self._name = f"recipe-tiles-{next(_numbers)}"
        self.split = _choice("split", ["train", "validation"], split)
        self.label = _choice("label", ["all", *data.classes], "all")
        self.sort = _choice("sort by", list(self.table.columns), "row")
        self.descending = widgets.ToggleButton(description="highest first", layout=AUTO_WIDTH)
        self.limits = widgets.FloatRangeSlider(description="between", min=0, max=1, value=(0, 1),
                                               readout_format=".3g", continuous_update=False,
                                               layout={"width": "430px"})
        self.page = widgets.BoundedIntText(value=1, min=1, max=1, description="page",
                                           layout={"width": "150px"})
        self.buttons = {"back": widgets.Button(description="◀ page", layout=AUTO_WIDTH),
                        "on": widgets.Button(description="page ▶", layout=AUTO_WIDTH)}
        self._words, self._style, self.details = widgets.HTML(), widgets.HTML(), widgets.HTML()
        # one layout for all: a model of its own for each of 144 tiles would cost the page a second
        shared = widgets.Layout(width=f"{TILE}px", height=f"{TILE}px", margin="0", padding="0")
        self.tiles = [widgets.Button(layout=shared) for _ in range(PAGE)]
        for number, tile in enumerate(self.tiles):
            tile.add_class(f"{self._name}-{number}")
            tile.on_click(lambda _, number=number: self.press(number))
        # fewer in a row where the page is narrow; each paints its own part of the sheet
        grid = widgets.GridBox(self.tiles, layout={
            "grid_template_columns": f"repeat(auto-fill, {TILE}px)", "grid_gap": "2px",
            "width": f"min(100%, {COLUMNS * (TILE + 2)}px)"})
        filters = widgets.HBox([self.split, self.label, self.sort, self.descending],
                               layout=WRAPPED_ROW)
        paging = widgets.HBox([self.limits, self.buttons["back"], self.page, self.buttons["on"]],
                              layout=WRAPPED_ROW)
        self.widget = sheet(filters, paging, self._words, self._style, grid, self.details)
        self.rows = self.table.rows()  # (n,) rows of the split that pass the filters, in order
        self._connect()
        self._new_column()

    @property
    def table(self) -> SampleTable:
        """The split that is shown, with its columns."""
        name = str(self.split.value)
        if name not in self._tables:
            self._tables[name] = sample_table(self.data, name, self.model)
        return self._tables[name]

    def _connect(self) -> None:
        for part in (self.split, self.sort):
            part.observe(lambda _: self._new_column(), names="value")
        for part in (self.label, self.descending, self.limits):
            part.observe(lambda _: self._select(), names="value")
        self.page.observe(lambda _: self._show(), names="value")
        self.buttons["back"].on_click(lambda _: self.turn(-1))
        self.buttons["on"].on_click(lambda _: self.turn(1))

    def _new_column(self) -> None:
        """Another split or column: limits around all of its values."""
        with busy(self._words):  # a split is measured when it is shown first
            values = self.table.columns[str(self.sort.value)]
        low, high = float(values.min()), float(values.max())
        # first wider, then moved, then narrower: a slider refuses values outside its ends
        with self.limits.hold_trait_notifications():
            self.limits.min, self.limits.max = min(low, self.limits.min), max(high, self.limits.max)
            self.limits.value = (low, high)
            self.limits.min, self.limits.max = low, high
            self.limits.step = max(high - low, 1e-6) / LIMIT_STEPS
            self.limits.readout_format = _plain_format(high - low)
        self._select()

    def _select(self) -> None:
        """The rows that are asked for, from their first page on."""
        low, high = self.limits.value
        step = self.limits.step
        # at the end of the slider nothing is cut off
        low = -np.inf if low <= self.limits.min + step / 2 else low
        high = np.inf if high >= self.limits.max - step / 2 else high
        self.rows = self.table.rows(str(self.sort.value), descending=bool(self.descending.value),
                                    label=str(self.label.value), low=low, high=high)
        self.page.max = self.pages
        self.page.value = 1
        self._show()

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, math.ceil(len(self.rows) / PAGE))

    @property
    def shown(self) -> list[int]:
        """Rows of the page that is shown."""
        start = (int(self.page.value) - 1) * PAGE
        return [int(row) for row in self.rows[start:start + PAGE]]

    @validated
    def turn(self, by: int) -> None:
        """Some pages on or back."""
        self.page.value = min(self.pages, max(1, self.page.value + by))

    def _show(self) -> None:
        """Renew the page: its pictures, their tooltips, and the line above."""
        shown, table, column = self.shown, self.table, str(self.sort.value)
        for number, tile in enumerate(self.tiles):
            there = number < len(shown)
            tile.disabled = not there
            tile.tooltip = f"{table.label(shown[number])}, row {shown[number]}" if there else ""
        self._style.value = self._sheet(shown)
        unit = "" if column == "row" else f" ({UNITS[column]})"
        self._words.value = status_html(
            f"{len(self.rows):,} of {table.split.size:,} pictures, sorted by {column + unit}; "
            f"page {self.page.value} of {self.pages:,}.")

    def _sheet(self, shown: list[int]) -> str:
        """CSS that paints each button with its part of one contact sheet."""
        if not shown:
            return ""
        pixels = contact_sheet(self.table.images(np.array(shown)), COLUMNS)  # (H, W, 3)
        rows = math.ceil(len(shown) / COLUMNS)
        every = f'[class*="{self._name}-"]'
        css = [
            f"{every}{{background-image:url({data_url(pixels)});"
            f"background-size:{TILE * COLUMNS}px {TILE * rows}px;"
            "image-rendering:pixelated;border:1px solid transparent}",
            f"{every}:disabled{{visibility:hidden}}",
            f"{every}:focus,{every}:hover{{outline:3px solid #D55E00}}",
        ]
        for number in range(len(shown)):
            left, top = TILE * (number % COLUMNS), TILE * (number // COLUMNS)
            css.append(f".{self._name}-{number}{{background-position:-{left}px -{top}px}}")
        return f"<style>{' '.join(css)}</style>"

    @validated
    def press(self, number: Annotated[int, whole(0)]) -> str:
        """Press a picture of the page from code; returns what is said about it."""
        shown = self.shown
        if not 0 <= number < len(shown):
            return ""
        row = shown[number]
        facts = self.table.facts(row)  # what -> how much, with its unit
        pixels = contact_sheet(self.table.images(np.array([row])), 1)
        lines = "".join(
            f"<li>{html.escape(name)}: {html.escape(value)}</li>" for name, value in facts.items())
        self.details.value = (
            f'<div role="status" style="display:flex;gap:12px"><img width="160" height="160" '
            f'style="image-rendering:pixelated" alt="{html.escape(facts["label"])}" '
            f'src="{data_url(pixels)}"><ul style="line-height:1.5">{lines}</ul></div>')
        return "; ".join(f"{name}: {value}" for name, value in facts.items())

    def plot(self) -> Picture:
        """The page as a picture that stands still."""
        return self.table.sheet(np.array(self.shown), COLUMNS)

    def __repr__(self) -> str:
        return (f"DataBrowser({self.data.name} {self.split.value}: {len(self.rows):,} pictures, "
                f"sorted by {self.sort.value})")


def _plain_format(span: float) -> str:
    """How numbers of an axis of that length are written, as d3-format reads it: 8,333 and 0.12."""
    digits = max(0, 2 - math.floor(math.log10(max(span, 1e-6))))
    return f",.{digits}f"


def _choice(label: str, options: list[str], value: str) -> widgets.Dropdown:
    """A narrow menu. Raises RecipeError: `value` is none of the options."""
    if value not in options:
        raise RecipeError(f"DataBrowser({label}=)", found=repr(value),
                          expected="one of " + ", ".join(options))
    return widgets.Dropdown(options=options, value=value, description=label,
                            layout={"width": "200px"}, style={"description_width": "60px"})
