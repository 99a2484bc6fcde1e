"""Pictures of a search, and its board."""

import math
import re

import pytest

from recipe_widgets import Data, Settings
from recipe_widgets.plots import Picture, TrialDot, search_svg
from recipe_widgets.plots.search_board import best_so_far, limits
from recipe_widgets.tune import Tuning, space, tune


@pytest.fixture(scope="module")
def searched(blobs: Data) -> Tuning:
    base = Settings(width=8, max_steps=40, batch_size=32, eval_every=10)
    return tune(blobs, space("lr", "momentum"), base, trials=24, sampler="random", pruner="none")


@pytest.mark.parametrize("kind", ["history", "importances", "slice", "parallel", "curves"])
def test_each_picture_is_drawn_and_leaves_pyplot_as_it_was(searched: Tuning, kind: str) -> None:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before, figures, interactive = dict(mpl.rcParams), plt.get_fignums(), plt.isinteractive()
    picture = searched.plot(kind)
    assert isinstance(picture, Picture)
    assert picture.png()[:4] == b"\x89PNG"
    assert len(picture.alt) > 20
    assert re.search(r"[0-9.]+",
                     picture.figure.get_suptitle().removeprefix(
                         searched.name))  # it states a finding
    assert not any(
        axes.get_title(loc=side)
        for axes in picture.figure.axes
        for side in ("left", "center", "right"))
    assert (dict(mpl.rcParams), plt.get_fignums(), plt.isinteractive()) == (before, figures,
                                                                            interactive)
    assert picture.figure.axes[0].get_facecolor() == (1, 1, 1, 1)  # ours, not Optuna's grey


def test_the_history_shows_the_trials(searched: Tuning) -> None:
    drawn = searched.plot("history").figure.axes[0].collections[0].get_offsets().tolist()
    expected = [(trial.number, trial.value)
                for trial in searched.table()
                if trial.state == "complete"]
    assert [x for point in drawn
            for x in point] == pytest.approx([x for pair in expected for x in pair])


def test_best_so_far() -> None:
    nan = math.nan
    assert best_so_far([nan, 3, 5, 2, nan, 4],
                       lower_is_better=True) == pytest.approx([nan, 3, 3, 2, 2, 2], nan_ok=True)
    assert best_so_far([0.1, 0.5, 0.3], lower_is_better=False) == [0.1, 0.5, 0.5]


def test_one_wild_trial_does_not_flatten_the_rest() -> None:
    low, high = limits([1.0, 1.1, 1.2, 1e6], lower_is_better=True)
    assert low < 1.0
    assert 1.2 < high < 2
    low, high = limits([0.9, 0.8, 0.7, 0.1], lower_is_better=False)
    assert 0.9 < high < 1.0
    assert 0.1 < low < 0.7
    assert limits([], lower_is_better=True) == (0.0, 1.0)


def test_the_board_has_a_mark_per_trial() -> None:
    svg = search_svg([TrialDot(0, 0.5), TrialDot(1, math.nan), TrialDot(2, 0.4)], 10, "loss <nats>", True,
                    'best "0.4"')
    assert svg.count("<circle") == 2
    legend, chart = svg.split("</div>", 1)
    for what in ("whole trial", "pruned or failed", "best so far"):
        assert what in legend
    assert chart.count('class="cut"') == chart.count('class="val"') == 1
    assert "loss &lt;nats&gt;" in svg
    assert "&quot;0.4&quot;" in svg
    assert "nan" not in svg
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]
    assert places[0] < places[1] < 560 * 0.4  # of ten trials, three have come
    assert "<circle" not in search_svg([], 10, "loss", True, "nothing yet")
