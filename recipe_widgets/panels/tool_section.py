"""The folded part of a live panel: presets, runs kept, seeds, code, saving."""

from __future__ import annotations

import html
from pathlib import Path

import ipywidgets as widgets

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.live import PRESETS, Frame, Session
from recipe_widgets.panels.settings_controls import SettingsControls

_WIDE = {"width": "min(100%, 620px)"}
_AUTO = {"width": "auto"}


class ToolSection:
    """Made when it is opened first. `show` hears of every frame."""

    def __init__(self, session: Session, controls: SettingsControls, own: bool) -> None:
        self._session, self._controls, self._own = session, controls, own
        self.buttons: dict[str, widgets.Button] = {}
        self._body = widgets.VBox()
        self._made: list[widgets.Widget] = []
        self._listed: tuple[tuple[int, str, bool], ...] = ()
        self.widget = widgets.Accordion([self._body], titles=("Compare, keep, take home", ),
                                        selected_index=None)
        self.widget.observe(lambda change: self.open()
                            if change["new"] is not None else None, names="selected_index")

    def open(self) -> None:
        """Make the widgets, once."""
        if self._body.children:
            return
        self._said = widgets.HTML()
        rows = [self._runs_row(), self._said]
        if not self._own:
            rows = [self._preset_row(), *rows[:1], self._seeds_row(), self._code_row(), *rows[1:]]
        self._body.children = rows
        self.show(self._session.frame())

    def _button(self, key: str, label: str, icon: str, tip: str) -> widgets.Button:
        self.buttons[key] = made = widgets.Button(description=label, icon=icon, tooltip=tip,
                                                  layout=_AUTO)
        made.on_click(lambda _: self._safely(key))
        return made

    def _safely(self, key: str) -> None:
        """Whatever goes wrong is said below the buttons."""
        try:
            text = getattr(self, f"_do_{key}")()
        except RecipeError as error:
            text = html.escape(str(error))
        self._said.value = f'<div role="status">{text or ""}</div>'

    def _keep(self, *parts: widgets.Widget) -> widgets.Widget:
        box = widgets.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center"})
        self._made += [*parts, box]
        return box

    def _preset_row(self) -> widgets.Widget:
        options = [("choose ...", None)] + [(f"{'good' if p.good else 'bad'}: {p.name}", n)
                                            for n, p in enumerate(PRESETS)]
        self._preset = widgets.Dropdown(options=options, description="presets", layout=_WIDE)
        self._preset.observe(lambda change: self._chosen(change["new"]), names="value")
        return self._keep(self._preset)

    def _chosen(self, number: int | None) -> None:
        if number is None:
            return
        preset = PRESETS[number]
        new = preset.on(self._controls.settings)
        self._controls.show(new)
        self._session.order("restart", new)
        self._said.value = f'<div role="status">{html.escape(preset.name)}: {html.escape(preset.reason)}.</div>'

    def _runs_row(self) -> widgets.Widget:
        self._runs = widgets.Select(options=[], rows=4, description="runs", layout=_WIDE)
        self._name = widgets.Text(placeholder="a name", layout={"width": "180px"})
        return self._keep(
            self._runs, self._name,
            self._button("pin", "Pin", "thumb-tack",
                         "keep this run and show it beside the newer ones"),
            self._button("unpin", "Unpin", "times", "no longer show it"),
            self._button("remove", "Remove", "trash", "forget this run"))

    def _seeds_row(self) -> widgets.Widget:
        return self._keep(self._button("seeds", "Is that difference real?", "users",
                                       "train both settings from 8 paired seeds"))

    def _code_row(self) -> widgets.Widget:
        self._file = widgets.Text(value="recipe_session.json", description="file",
                                  layout={"width": "300px"})
        return self._keep(
            self._button("code", "Code", "code", "this very run as a plain PyTorch script"),
            self._button("script", "Save the script", "download", "script and data in a folder"),
            self._file, self._button("save", "Save the session", "save", "all runs as JSON"))

    def show(self, frame: Frame) -> None:
        """Renew the list of runs, if it has changed."""
        if not self._body.children or frame.runs == self._listed:
            return
        self._listed = frame.runs
        chosen = self._runs.value
        options = [(f"{'📌 ' if pinned else ''}{title}", number)
                   for number, title, pinned in frame.runs]
        self._runs.options = options
        if chosen in [number for _, number in options]:
            self._runs.value = chosen

    def _number(self) -> int:
        if self._runs.value is None:
            raise RecipeError("Runs", found="none chosen", expected="one of the list")
        return int(self._runs.value)

    def _run(self, what: str) -> Run:
        run = self._session.run
        if run is None:
            raise RecipeError(what, found="no run yet", expected="one", mend="Press Run first.")
        return run

    def _do_pin(self) -> str:
        self._session.pin(self._number(), self._name.value.strip())
        self._name.value = ""
        return "Pinned."

    def _do_unpin(self) -> str:
        self._session.pin(self._number(), pinned=False)
        return "No longer pinned."

    def _do_remove(self) -> str:
        self._session.remove(self._number())
        return "Removed."

    def _do_seeds(self) -> str:
        self._session.order("seeds", self._controls.settings)
        return ""

    def _do_code(self) -> str:
        text = html.escape(self._run("Code").to_script())
        return f'<pre class="recipe-code" tabindex="0" style="max-height:320px;overflow:auto">{text}</pre>'

    def _do_script(self) -> str:
        from recipe_widgets.export import save_script

        path = save_script(self._run("Script"), Path("recipe_script"))
        return f"Written: {html.escape(str(path))}, with its data beside it."

    def _do_save(self) -> str:
        path = self._session.save(self._file.value.strip() or "recipe_session.json")
        return f"Written: {html.escape(str(path))}. LivePanel.open(file, data) shows it again."

    def everything(self) -> list[widgets.Widget]:
        said = [self._said] if self._body.children else []
        return [*self._made, *said, self._body, self.widget]
