"""Explorers and the clinic's page, driven from code."""

import inspect

import pytest

from recipe_widgets import Data, RecipeError
from recipe_widgets.checks import output_scale
from recipe_widgets.lessons.nb03_check_the_machinery import clinic as clinic_module
from recipe_widgets.panels import (
    ActivationExplorer,
    BugClinic,
    GradientExplorer,
    InitExplorer,
    RecurrentExplorer,
)
from recipe_widgets.panels.explorer import Explorer, menu, stops
from tests.lessons.test_nb03_bug_clinic import SHORT, made


@pytest.mark.parametrize("make", [
    lambda data: GradientExplorer(data), lambda _: ActivationExplorer(),
    lambda data: InitExplorer(data), lambda _: RecurrentExplorer()
])
def test_every_control_moves_the_picture(make: object, blobs: Data) -> None:
    explorer = make(blobs)  # type: ignore[operator]
    assert repr(explorer).startswith(f"{type(explorer).__name__}(")
    for name, control in explorer.controls.items():
        before = explorer.words
        other = [value for _, value in control.options if value != control.value]
        if other:
            control.value = other[0]
            assert explorer.words != before, name
            assert explorer.plot().alt == explorer.words
            assert 'alt="' in explorer._view.image.value
            assert explorer.words[:20].replace("<", "&lt;") in explorer._view.line.value
    assert "image/png" in explorer.plot()._repr_mimebundle_()[0]
    explorer.close()
    explorer.close()


def test_set_moves_all_at_once_or_nothing() -> None:
    drawn = []

    def draw(**values: object) -> object:
        drawn.append(values)
        return ActivationExplorer().plot()

    explorer = Explorer(draw, {"a": stops("a", (1, 2), 1), "b": menu("b", ("x", "y"), "x")})
    explorer.set(a=2, b="y")
    assert drawn == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    for wrong in ({"a": 1, "b": "z"}, {"a": 1, "c": 1}):
        with pytest.raises(RecipeError):
            explorer.set(**wrong)
    assert explorer.values == {"a": 2, "b": "y"}
    with pytest.raises(RecipeError, match="at least one"):
        InitExplorer()


def test_a_picture_is_marked_as_old_while_its_successor_is_drawn() -> None:
    shown: list[Explorer] = []
    marked: list[bool] = []
    picture = ActivationExplorer().picture

    def draw(a: int) -> object:
        marked.extend("recipe-busy" in one._view.image._dom_classes for one in shown)
        if a == 3:
            raise RecipeError("a", found="3", expected="1 or 2")
        return picture

    explorer = Explorer(draw, {"a": stops("a", (1, 2, 3), 1)})
    shown.append(explorer)
    explorer.set(a=2)
    explorer.set(a=3)
    assert marked == [True, True]
    assert "recipe-busy" not in explorer._view.image._dom_classes


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> BugClinic:
    monkeypatch.setattr(clinic_module, "EXAMINATION", (output_scale,))
    begin = inspect.unwrap(clinic_module.Clinic.__init__)
    monkeypatch.setattr(begin, "__kwdefaults__", {"seeds": 1, "cases": SHORT, "keep": None})
    return BugClinic(made("mnist", (1, 28, 28)), seeds=1)


def test_the_clinic_by_its_buttons(page: BugClinic) -> None:
    clinic = page.clinic
    page.menu.value = clinic.number_of("a")
    assert f"Patient {page.number}" in page._picture.value
    assert page._evidence.value == ""
    page.buttons["answer"].click()
    assert "Choose a diagnosis first" in page._reply.value
    page.buttons["examine"].click()
    assert "applied twice" in page._evidence.value
    page.choice.value = "softmax before the cross-entropy"
    page.buttons["answer"].click()
    assert "Yes: softmax" in page._reply.value
    assert "Score: 1 of 2 points, 1 of 3 patients" in page._score.value
    before = page.number
    page.buttons["next"].click()
    assert page.number == before % 3 + 1
    assert page._reply.value == page._evidence.value == ""
    assert "Score: 1 of 2" in repr(page)
    page.buttons["afresh"].click()
    assert "Score: 0 of 0" in page._score.value
    assert page.plot().alt == clinic.plot(page.number).alt
    page.close()


def test_the_choices_are_all_diagnoses_in_an_order_that_tells_nothing(page: BugClinic) -> None:
    offered = [value for _, value in page.choice.options if value]
    assert offered == sorted(case.diagnosis for case in SHORT)
