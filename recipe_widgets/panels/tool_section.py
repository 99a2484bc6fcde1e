"""The folded part of a live panel with presets, runs kept, seeds, code, saving."""

from __future__ import annotations

import html
from pathlib import Path

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.live import PRESETS, Frame, Session
from recipe_widgets.panels.folded_section import FoldedSection
from recipe_widgets.panels.panel_base import WRAPPED_ROW
from recipe_widgets.panels.settings_controls import SettingsControls

WIDE = {"width": "min(100%, 620px)"}
SESSION_FILE = "recipe_session.json"


class ToolSection(FoldedSection):
    """Presets, the list of runs, a comparison over seeds, the script, and files. A reader's own
    training has the list only.
    """

    title = "Compare, keep, take home"

    def __init__(self, session: Session, controls: SettingsControls, own_training: bool) -> None:
        super().__init__(session, controls)
        self._own_training = own_training
        self._listed: tuple[tuple[int, str, bool], ...] = ()  # as in the newest frame

    def open(self) -> None:
        super().open()
        self.show(self._session.frame())

    def _rows(self) -> list[widgets.Widget]:
        runs = self._runs_row()
        # a reader's own training has no presets, seeds or script that the panel knows of
        if self._own_training:
            return [runs, self.said]
        return [self._preset_menu(), runs, self._seeds_row(), self._code_row(), self.said]

    def _preset_menu(self) -> widgets.Widget:
        options: list[tuple[str, int | None]] = [("choose ...", None)]
        options += [(f"{'good' if preset.good else 'bad'}: {preset.name}", number)
                    for number, preset in enumerate(PRESETS)]
        self._preset = widgets.Dropdown(options=options, description="presets", layout=WIDE)
        self._preset.observe(lambda change: self._apply_preset(change["new"]), names="value")
        return self._preset

    def _apply_preset(self, number: int | None) -> None:
        if number is None:
            return
        preset = PRESETS[number]
        new = preset.on(self._controls.settings)
        self._controls.show(new)  # quietly: the sliders give no command of their own
        self._session.order("restart", new)
        self._say(f"{preset.name}: {preset.reason}.")

    def _runs_row(self) -> widgets.Widget:
        self._runs = widgets.Select(options=[], rows=4, description="runs", layout=WIDE)
        self._name = widgets.Text(placeholder="a name", layout={"width": "180px"})
        return _row(
            self._runs, self._name,
            self._button("pin", "Pin", "thumb-tack",
                         "keep this run and show it beside the newer ones", self._pin),
            self._button("unpin", "Unpin", "times", "no longer show it", self._unpin),
            self._button("remove", "Remove", "trash", "forget this run", self._remove))

    def _seeds_row(self) -> widgets.Widget:
        return _row(self._button("seeds", "Is that difference real?", "users",
                                 "train both settings from 8 paired seeds", self._compare_seeds))

    def _code_row(self) -> widgets.Widget:
        self._file = widgets.Text(value=SESSION_FILE, description="file", layout={"width": "300px"})
        return _row(
            self._button("code", "Code", "code", "this very run as a plain PyTorch script",
                         self._show_code),
            self._button("script", "Save the script", "download", "script and data in a folder",
                         self._save_script), self._file,
            self._button("save", "Save the session", "save", "all runs as JSON",
                         self._save_session))

    def show(self, frame: Frame) -> None:
        """Renew the list of runs, if it has changed."""
        if not self.made or frame.runs == self._listed:
            return
        self._listed = frame.runs  # new options forget what was chosen: it is set again
        chosen = self._runs.value
        options = [(f"{'📌 ' if pinned else ''}{title}", number)
                   for number, title, pinned in frame.runs]
        self._runs.options = options
        if chosen in [number for _, number in options]:
            self._runs.value = chosen

    def _chosen(self) -> int:
        """Number of the chosen run."""
        if self._runs.value is None:
            raise RecipeError("Runs", found="none chosen", expected="one of the list")
        return int(self._runs.value)

    def _newest_run(self, what: str) -> Run:
        run = self._session.run
        if run is None:
            raise RecipeError(what, found="no run yet", expected="one", mend="Press Run first.")
        return run

    def _pin(self) -> str:
        self._session.pin(self._chosen(), self._name.value.strip())
        self._name.value = ""
        return "Pinned."

    def _unpin(self) -> str:
        self._session.pin(self._chosen(), pinned=False)
        return "No longer pinned."

    def _remove(self) -> str:
        self._session.remove(self._chosen())
        return "Removed."

    def _compare_seeds(self) -> str:
        self._session.order("seeds", self._controls.settings)
        return ""  # the status text above the curves says how far it is

    def _show_code(self) -> None:
        run = self._newest_run("Code")
        # tabindex: a reader without a mouse can scroll it
        style = "max-height:320px;overflow:auto"
        short, exact = (f'<pre class="recipe-code" tabindex="0" style="{style}">'
                        f"{html.escape(run.to_script(plain=plain))}</pre>" for plain in (True, False))
        self.said.value = ('<div role="status">It needs its data file: <i>Script</i> writes both.'
                           f"{short}<details><summary>The same run to the last digit</summary>"
                           f"{exact}</details></div>")

    def _save_script(self) -> str:
        from recipe_widgets.export import save_script  # late: few readers save one

        run, folder = self._newest_run("Script"), Path("recipe_script")
        short = save_script(run, folder, name="train_short", plain=True)
        exact = save_script(run, folder)
        return f"Written: {short}, and {exact} with the run's own numbers; their data lie beside."

    def _save_session(self) -> str:
        path = self._session.save(self._file.value.strip() or SESSION_FILE)
        return f"Written: {path}. LivePanel.open(file, data) shows it again."


def _row(*parts: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(parts, layout=WRAPPED_ROW)
