"""Find the bug: a whole program, its checks, a field to name the line, and one to mend it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Annotated

import ipywidgets as widgets
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from recipe_widgets.core.validation import validated, whole
from recipe_widgets.course.bug_hunt import LEVELS, PROGRAMS, BugHunt
from recipe_widgets.course.progress_store import progress
from recipe_widgets.panels.panel_base import AUTO_WIDTH, WRAPPED_ROW, Panel, busy, sheet


def _coloured(program: str) -> str:
    """A program as HTML with numbered lines; the colours stand in `front/sheet.css`."""
    shape = HtmlFormatter(linenos="inline", cssclass="recipe-code", wrapcode=True)
    # a long program scrolls, by keyboard too
    return str(highlight(program, PythonLexer(stripnl=False), shape)).replace(
        "<pre>", '<pre tabindex="0" role="region" aria-label="the program">', 1)


class FindTheBug(Panel):
    """Programs with one bug each, by level. What was mended is kept between visits.

    >>> hunt = FindTheBug()                                                # doctest: +SKIP
    >>> hunt.open(2); hunt.watch(); hunt.name_line(39)                     # doctest: +SKIP
    >>> hunt.mend(hunt.editor.value.replace("loss.backward()", "..."))     # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._hunt: BugHunt | None = None
        self._renewing = False
        self.menu = widgets.Dropdown(options=self._options(), value=1, description="program",
                                     layout={"width": "min(100%, 420px)"})
        self._program, self._found, self._line_reply, self._mend_reply = (
            widgets.HTML() for _ in range(4))
        self.line = widgets.BoundedIntText(value=1, min=1, max=999, description="wrong line",
                                           layout={"width": "180px"})
        self.editor = widgets.Textarea(layout={"width": "min(100%, 820px)", "height": "340px"})
        self.buttons = {key: widgets.Button(description=text, icon=icon, layout=AUTO_WIDTH)
                        for key, text, icon in (
                            ("run", "Start it", "play"), ("watch", "Watch it", "stethoscope"),
                            ("line", "That line", "check"), ("mend", "Judge my mend", "wrench"))}
        self.menu.observe(lambda _: self._opened(), names="value")
        actions: dict[str, Callable[[], object]] = {
            "run": self.run, "watch": self.watch,
            "line": lambda: self.name_line(int(self.line.value)),
            "mend": lambda: self.mend(self.editor.value)}
        for key, action in actions.items():
            self.buttons[key].on_click(lambda _, action=action: action())
        looking = widgets.HBox([self.buttons["run"], self.buttons["watch"]], layout=WRAPPED_ROW)
        naming = widgets.HBox([self.line, self.buttons["line"]], layout=WRAPPED_ROW)
        self.widget = sheet(self.menu, self._program, looking, self._found, naming,
                            self._line_reply, self.editor, self.buttons["mend"],
                            self._mend_reply)
        self._opened()

    @staticmethod
    def _options() -> list[tuple[str, int]]:
        done = progress().bugs
        levels = {name: level for level, names in LEVELS.items() for name in names}
        return [(f"{'✓ ' if name in done else ''}program {number}, level {levels[name]}", number)
                for number, name in enumerate(PROGRAMS, 1)]

    @property
    def hunt(self) -> BugHunt:
        """The program that is shown."""
        assert self._hunt is not None  # made at the end of __init__
        return self._hunt

    @validated
    def open(self, number: Annotated[int, whole(1, len(PROGRAMS))]) -> None:
        """Show a program."""
        self.menu.value = number

    def run(self) -> str:
        """Run the program; returns what it prints."""
        with busy(self._found):
            self._say(self._found, "Running …")
            done = self.hunt.run()
        printed = done.printed.strip() or done.error
        self._say(self._found, printed)
        return printed

    def watch(self) -> list[str]:
        """What `recipe watch` finds in it."""
        with busy(self._found):
            self._say(self._found, "Watching it run …")
            found = self.hunt.watch()
        self._say(self._found, "\n".join(found) or "recipe watch finds nothing in it.")
        return found

    @validated
    def name_line(self, line: Annotated[int, whole(1)]) -> str:
        """Name the wrong line, or one beside the missing one."""
        reply = self.hunt.name_line(line)
        self._say(self._line_reply, reply)
        return reply

    @validated
    def mend(self, text: str) -> str:
        """Judge the changed program; it is run."""
        with busy(self._mend_reply):
            self._say(self._mend_reply, "Running your program …")
            reply = self.hunt.mend(text)
        self._say(self._mend_reply, reply)
        self._mark_mended()
        return reply

    def _mark_mended(self) -> None:
        """Renew the menu's marks. New options choose the first program: what is shown stays."""
        self._renewing = True
        try:
            number = self.menu.value
            self.menu.options = self._options()
            self.menu.value = number
        finally:
            self._renewing = False

    def _opened(self) -> None:
        if self._renewing:
            return
        self._hunt = BugHunt(int(self.menu.value))
        self._program.value = _coloured(self._hunt.text)
        self.editor.value = self._hunt.text
        for reply in (self._found, self._line_reply, self._mend_reply):
            reply.value = ""

    @staticmethod
    def _say(where: widgets.HTML, text: str) -> None:
        where.value = f'<pre role="status" style="white-space:pre-wrap">{html.escape(text)}</pre>'

    def __repr__(self) -> str:
        done = sum(name in progress().bugs for name in PROGRAMS)
        return f"FindTheBug(program {self.hunt.number} of {len(PROGRAMS)} is shown, {done} mended)"
