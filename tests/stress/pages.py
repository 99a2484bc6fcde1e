"""Strings that would run a script in a page which forgot to escape them, and all that makes HTML
of them.
"""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import torch
from torch import nn

from recipe_widgets import Data, Settings, train
from recipe_widgets.checks import Report
from recipe_widgets.core import CheckResult, History, Run
from recipe_widgets.plots.curves import CurveBand, PlottedRun
from recipe_widgets.plots.inspector import (
    activations_html,
    confusion_html,
    predictions_html,
    sizes_html,
    time_html,
)
from recipe_widgets.plots.search_board import TrialDot, search_svg
from recipe_widgets.plots.svg import curves_svg
from recipe_widgets.training.layer_statistics import LayerStatistics, ModelStatistics

MARK = "window.__xss=1"
ATTACKS = (f"<script>{MARK}</script>", f"<img src=x onerror={MARK}>",
           f"\"><img src=x onerror={MARK}>", f"'><svg onload={MARK}>",
           f"\" onmouseover=\"{MARK}\" autofocus onfocus=\"{MARK}",
           f"' onfocus='{MARK}' autofocus='", f"</td></tr></table><script>{MARK}</script>",
           f"</style><script>{MARK}</script>", f"</title><script>{MARK}</script>",
           f"</svg><script>{MARK}</script>", "<iframe srcdoc='<script>parent.__xss=1</script>'>",
           f"<a href=javascript:{MARK}>x</a>", f"<details open ontoggle={MARK}>",
           f"<svg><animate onbegin={MARK} attributeName=x></svg>",
           f"<math><mtext><img src=x onerror={MARK}>", f"&lt;img src=x onerror={MARK}&gt;",
           f"<scr\0ipt>{MARK}</script>", f"--><img src=x onerror={MARK}>",
           f"]]><script>{MARK}</script>", f"{{{{{MARK}}}}}", f"<img/src=x/onerror={MARK}/",
           f"<x onclick={MARK} style=position:fixed;inset:0>", f"javascript:{MARK}",
           f"\u2028<img src=x onerror={MARK}>", "$\\bad{$", "a $5 b $6 \\frac",
           )


class Structure(HTMLParser):
    """The tags of a page with the names of their attributes, in order: what no text may change."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def structure(page: str) -> list[tuple[str, tuple[str, ...]]]:
    return Structure(page).found


def data_named(text: str) -> Data:
    """30 images of 3 classes; the set, its source and its classes are called `text`."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.integers(0, 60, (60, 8, 8), dtype=np.uint8)
    x[np.arange(60), y] += 150
    return Data.from_arrays(x, y, name=text, classes=[f"{text} {k}" for k in range(3)], source=text,
                            licence=text)


def run_named(text: str) -> Run:
    run = train(data_named(text), Settings(width=8, max_steps=3, batch_size=16))
    run.message = text
    return run


def inside_named(text: str) -> ModelStatistics:
    return ModelStatistics((LayerStatistics(text, text, 0.1, 0.2, 0.5), ), torch.full((6, 3), 1 / 3),
                  torch.arange(6) % 3, None)


def report_page(text: str) -> str:
    every = [
        CheckResult(text, status, text, measured=text, expected=text, unit=text, advice=text,
                    source=text, details={text: [1.0, 2.0, 3.0]})
        for status in ("pass", "warn", "fail", "skip", "note")
    ]
    return Report(tuple(every))._repr_html_() + "".join(one._repr_html_() for one in every)


def watch_page(text: str) -> str:
    findings = [
        CheckResult(text, status, text, measured=text, expected=text, unit=text, advice=text,
                    source=text, details={text: text}, where=text, code=text)
        for status in ("fail", "warn", "note")
    ]
    return Report(findings, "watch", script=text, problems=[text], steps=3).to_html()


def curves_page(text: str) -> str:
    run, line = run_named(text), np.array([1.0, 2.0])
    return curves_svg(
        [PlottedRun(run, "pinned", text),
         PlottedRun(run, "ghost", text),
         PlottedRun(run, "new", text)], [CurveBand(text, "guess", "loss", line, line, line, line)])


def sizes_page(text: str) -> str:
    history = History()
    for step in range(3):
        history.append(f"gradient {text}", step, 0.1)
    return sizes_html(history, "gradient")


def predictions_page(text: str) -> str:
    data = data_named(text)
    return predictions_html(inside_named(text), data.validation, data.classes)


PAGES: dict[str, Callable[[str], str]] = {
    "checks": report_page, "watch": watch_page, "curves": curves_page, "board":
    lambda text: search_svg([TrialDot(0, 1.0)], 2, text, True, text), "activations":
    lambda text: activations_html(inside_named(text)), "sizes": sizes_page, "predictions":
    predictions_page, "confusion": lambda text: confusion_html(inside_named(text), [text] * 3),
    "time": lambda text: time_html({text: 1.0}),
}


def panels(text: str) -> dict[str, Any]:
    """Panels of data with such names, opened as far as they can be."""
    from recipe_widgets import panels as made
    from recipe_widgets.panels.explorer import Explorer
    from recipe_widgets.tune import space, tune

    data, model = data_named(text), train(data_named(text),
                                          Settings(width=8, max_steps=3, batch_size=16)).model
    assert model is not None
    browser = made.DataBrowser(data, model)
    browser.press(0)
    labeller = made.Labeller(data, count=3)
    labeller.type("000")
    question = made.Question(text, {text: text, "no": text}, text)
    question.choose(text)
    vault = made.VaultReport(data, model, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), text,
                             (text, text))
    vault.open()
    for page in ("classes", "answer"):
        vault.page.value = page
    found = tune(data, space("lr"), Settings(width=8, max_steps=3), trials=1, name=text,
                 start=False)
    trial = found.study.ask()
    trial.set_user_attr("error", text)
    found.study.tell(trial, state=_failed())
    draws = iter([lambda: vault.plot(), _refusing(text)])
    explorer = Explorer(lambda: next(draws)(), {}, note=text)
    explorer.set()
    return {
        "browser": browser, "labeller": labeller, "question": question, "vault": vault, "live":
        live_panel(data, text), "board": made.TuningBoard(found), "gallery":
        made.AugmentationGallery(data), "explorer": explorer, "dials":
        made.Dials(lambda **_: vault.plot(), {text: [text]}, labels={text: text})
    }


def _failed() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


def _refusing(text: str) -> Callable[[], Any]:
    from recipe_widgets import RecipeError

    def draw() -> Any:
        raise RecipeError(text, found=text, expected=text, mend=text)

    return draw


def live_panel(data: Data, text: str) -> Any:
    """A live panel after a run, with its folded parts open, names, expectations and an error in
    them.
    """
    from recipe_widgets import LivePanel

    panel = LivePanel([data, data], Settings(width=8, max_steps=20, batch_size=16),
                      predict="val_accuracy")
    panel.expect(text)
    for tab in ("activations", "predictions", "confusion"):
        panel.look(tab)
        panel.start()
        panel.wait()
    ledger, tools = panel._ledger, panel._tools
    ledger.widget.selected_index = tools.widget.selected_index = 0
    panel.pin(1, text)
    ledger.list.value = (0, 1)
    ledger.buttons["compare"].click()
    tools.buttons["code"].click()
    panel.buttons["save"]
    tools._file.value = f"/no/such/folder/{text}"
    tools.buttons["save"].click()
    panel._session.note = panel._session.problem = text
    panel._view.show(panel._session.frame())
    return panel
