import pytest

from recipe_widgets.core import Settings
from recipe_widgets.live.active_run import why_without_effect
from recipe_widgets.live.slider_grid import moved_to, on_grid, powers_of_two, typed_value


@pytest.mark.parametrize(("name", "value", "place"), [("lr", 0.05, 10**-1.3), ("lr", 0.1, 0.1),
                                                      ("lr", 0.3, 10**-0.5),
                                                      ("dropout", 0.123, 0.12),
                                                      ("momentum", 0.9, 0.9)])
def test_the_page_answers_with_the_nearest_place_and_that_is_no_move(name: str, value: float,
                                                                     place: float) -> None:
    assert on_grid(name, value) == pytest.approx(place)
    assert moved_to(name, on_grid(name, value), value) == value


def test_a_move_in_the_page_gives_round_numbers() -> None:
    assert moved_to("lr", 10**-1.3, 0.1) == 0.05
    assert moved_to("lr", 10**-1.2, 0.05) == 0.063
    assert moved_to("dropout", 0.30000000000000004, 0.0) == 0.3


def test_numbers_from_code_are_taken_as_they_are() -> None:
    assert moved_to("lr", 0.12345, 0.05) == 0.12345
    assert moved_to("lr", 3.0, 0.05) == 3.0
    assert moved_to("dropout", 0.123, 0.0) == 0.123


def test_batch_sizes_are_powers_of_two_and_the_readers_own() -> None:
    assert powers_of_two("batch_size", 100) == [1, 2, 4, 8, 16, 32, 64, 100, 128, 256, 512, 1024]


def test_a_knob_without_effect_says_why() -> None:
    assert "no hidden" in why_without_effect(Settings(model="linear"), "dropout")
    assert why_without_effect(Settings(), "dropout") == ""
    assert "LeNet-5" in why_without_effect(Settings(model="lenet"), "width")
    assert "no momentum" in why_without_effect(Settings(optimizer="adagrad"), "momentum")
    assert "augmented" in why_without_effect(Settings(), "augment_strength")
    assert why_without_effect(Settings(augment="flip"), "augment_strength") == ""


@pytest.mark.parametrize(("name", "text", "value", "says"), [
    ("lr", "0.03", 0.03, ""), ("lr", " 0.3 ", 0.3, ""), ("lr", "20", 10.0, "0.0001 to 10"),
    ("lr", "0", 1e-4, "0.0001 to 10"), ("lr", "abc", 0.05, "is no number"),
    ("lr", "nan", 0.05, "is no number"), ("lr", "", 0.05, "is no number"),
    ("batch_size", "100", 100, ""), ("batch_size", "1,024", 1024, ""),
    ("batch_size", "64 samples", 64, ""), ("batch_size", "5000", 1024, "1 to 1,024"),
    ("batch_size", "33.4", 33, "whole numbers"), ("weight_decay", "off", 0.0, ""),
    ("lr", "0,1", 0.1, ""), ("lr", "0,003", 0.003, ""), ("batch_size", "1,024 samples", 1024, ""),
    ("lr", "1,2,3", 0.05, "is no number"), ("weight_decay", "1e-9", 1e-6, "1e-06 to 0.1"),
    ("ema", "0.5", 0.9, "0.9 to 0.9999"), ("weight_decay", "0", 0.0, ""),
    ("dropout", "0.95", 0.9, "0 to 0.9"), ("seed", "7", 7, "")])
def test_a_typed_number_is_taken_or_says_why_not(name: str, text: str, value: float, says: str) -> None:
    now = getattr(Settings(), name)
    meant, said = typed_value(name, text, now or 0)
    assert (meant, bool(said)) == (value, bool(says))
    assert says in said
    assert getattr(Settings(**{name: meant}), name) == (value or getattr(Settings(), name) or 0)
