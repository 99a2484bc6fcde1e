"""Another data set begins at a learning rate at which it trains, and the page says what was changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recipe_widgets import Data, LivePanel, Settings, load
from recipe_widgets.live.example_settings import start_on, start_words
from tests.live.test_session import until

pytestmark = pytest.mark.usefixtures("no_leaked_threads")
FIRST = Settings(lr=0.05, batch_size=64, momentum=0.9, max_steps=30, width=16)


@pytest.fixture(scope="module")
def sets() -> list[Data]:
    return [load("mnist"), load("cifar10")]


@pytest.fixture
def panel(sets: list[Data]) -> Iterator[LivePanel]:
    made = LivePanel(sets, FIRST)
    yield made
    made.close()


def choose(panel: LivePanel, number: int) -> None:
    panel._data.value = number
    panel.wait(60)


def test_photographs_begin_at_a_lower_rate_which_is_said(panel: LivePanel) -> None:
    choose(panel, 1)
    assert panel.run.data_name == "cifar10"
    assert panel.run.settings.lr == panel.settings.lr == 0.01
    assert "For cifar10 the learning rate goes from 0.05 to 0.01" in panel.words
    choose(panel, 0)
    assert panel.run.settings.lr == panel.settings.lr == 0.05
    assert "For mnist the learning rate goes from 0.01 to 0.05" in panel.words


def test_a_rate_that_a_reader_chose_comes_back_with_its_data(panel: LivePanel) -> None:
    choose(panel, 1)
    panel.turn(lr=0.003)
    panel.wait(60)
    choose(panel, 0)
    choose(panel, 1)
    assert panel.settings.lr == 0.003


def test_a_rate_comes_back_to_its_own_optimiser_only(panel: LivePanel) -> None:
    panel.turn(lr=0.1)
    panel.wait(60)
    choose(panel, 1)
    panel.turn(optimizer="adam", lr=0.003)
    panel.wait(60)
    choose(panel, 0)
    assert panel.settings.lr == 0.003


def test_reset_goes_to_where_the_data_trains(panel: LivePanel) -> None:
    choose(panel, 1)
    panel.turn(lr=5.0)
    panel.wait(60)
    panel.reset()
    until(lambda: panel.run is None)
    assert panel.settings.lr == 0.01
    choose(panel, 0)
    panel.reset()
    until(lambda: panel.run is None)
    assert panel.settings.lr == 0.05


def test_only_what_is_too_high_is_changed() -> None:
    assert start_on("cifar10", FIRST.replace(lr=0.004)).lr == 0.004
    assert start_on("mnist", FIRST.replace(lr=3.0)).lr == 3.0
    assert start_on("cifar10", FIRST.replace(optimizer="adam")).lr == 0.05
    assert start_words("cifar10", FIRST, FIRST) == ""
    low, sound = FIRST.replace(lr=0.003), FIRST.replace(lr=0.01)
    assert start_words("cifar10", low, sound).endswith("from 0.003 to 0.01, that it had before.")
    assert "leap out of the valley" in start_words("cifar10", FIRST, sound)


def test_a_readers_own_settings_are_left_alone(sets: list[Data]) -> None:
    panel = LivePanel(sets[1], FIRST)
    panel.start()
    panel.wait(60)
    panel.reset()
    until(lambda: panel.run is None)
    assert panel.settings.lr == 0.05
    panel.close()
