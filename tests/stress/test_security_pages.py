"""Names, messages and numbers of any kind are text in a page, never a part of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets
import pytest

from tests.stress.pages import ATTACKS, MARK, PAGES, data_named, panels, run_named, structure
from tests.stress.tally import Tally, times

HARMLESS = "plain"


def test_no_name_changes_a_page(tally: Callable[[str], Tally]) -> None:
    row = tally(f"attacks on {len(PAGES)} kinds of page")
    for name, make in PAGES.items():
        expected = structure(make(HARMLESS))
        assert len(expected) > 1
        for attack in ATTACKS:
            changed = structure(make(attack)) != expected
            row.tried, row.lost = row.tried + 1, row.lost + changed
            assert not changed, (name, attack)
    assert row.lost == 0


def test_the_comparison_can_fail() -> None:
    for attack in ATTACKS[:15]:
        pages = (f"<p>{attack}</p>", f'<p title="{attack}">x</p>', f"<p title='{attack}'>x</p>")
        assert any(structure(page) != structure(page.replace(attack, HARMLESS))
                   for page in pages), attack


def parts(root: Any) -> Iterator[widgets.Widget]:
    """A widget and all below it."""
    yield root
    for child in getattr(root, "children", ()):
        yield from parts(child)


def shown(panel: Any) -> list[tuple[str, list[tuple[str, tuple[str, ...]]]]]:
    """Kind and, of HTML, structure of every widget."""
    return [(type(one).__name__, structure(one.value) if isinstance(one, widgets.HTML) else [])
            for one in parts(panel.widget)]


def test_no_name_changes_a_panel(tally: Callable[[str], Tally]) -> None:
    row = tally("attacks on the widgets of nine panels")
    harmless = panels(HARMLESS)
    expected = {name: shown(panel) for name, panel in harmless.items()}
    close(harmless)
    for attack in ATTACKS[::times(13, 2)]:
        attacked = panels(attack)
        for name, panel in attacked.items():
            row.tried += 1
            row.lost += shown(panel) != expected[name]
            assert shown(panel) == expected[name], (name, attack)
            for one in parts(panel.widget):  # what else a page shows is set as text by ipywidgets
                assert not getattr(one, "description_allow_html", False)
                # the one widget that takes its labels for HTML
                if isinstance(one, widgets.ToggleButtons):
                    assert attack not in str(one.options)
        close(attacked)
    assert row.lost == 0


def close(opened: dict[str, Any]) -> None:
    for panel in opened.values():
        if hasattr(panel, "close"):
            panel.close()


def test_the_texts_are_there_and_not_lost() -> None:
    """Escaped, not dropped: a reader must still be able to read a strange name."""
    import html

    attack = ATTACKS[0]
    for name, make in PAGES.items():
        assert html.escape(attack, quote=False) in make(attack).replace("&quot;",
                                                                        '"').replace("&#x27;",
                                                                                     "'"), name


@pytest.mark.filterwarnings("ignore:constrained_layout not applied", "ignore:Glyph")
@pytest.mark.parametrize("attack", ATTACKS[::-1][::times(13, 2)])
def test_pictures_show_names_as_they_are(attack: str) -> None:
    """Matplotlib would take $...$ for a formula, and fall over most of them."""
    from matplotlib.text import Text

    from recipe_widgets import evaluation

    data = data_named(attack)
    found = evaluation.confusion(data.validation.y, data.validation.y, data.classes).plot()
    for picture in (found, run_named(attack).plot()):
        assert picture.png().startswith(b"\x89PNG")
        assert all(not one.get_parse_math()
                   for one in picture.figure.findobj(Text)
                   if "$" in one.get_text() and "mathdefault" not in one.get_text())
        assert MARK not in picture._repr_mimebundle_()[0].get("text/html", "")
    buffer = io.BytesIO()
    found.figure.savefig(buffer, format="svg")
    assert structure(buffer.getvalue().decode()).count(("script", ())) == 0
