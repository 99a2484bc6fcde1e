"""Every finding can be drawn: the right kind of picture, labelled axes, the finding as title and
as words.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recipe_widgets import checks
from recipe_widgets import evaluation as ev
from recipe_widgets.checks import all_checks
from recipe_widgets.core import CheckResult
from recipe_widgets.plots.checks import plot_check

CURVE = list(2.3 * np.exp(-np.arange(80) / 30) + 0.1)
HISTORY = {
    "train_loss": CURVE, "val_loss": (list(range(0, 80, 8)), CURVE[::8]), "update_ratio":
    [1e-3] * 10
}


class Net(nn.Module):
    """Something for every check to look at: a convolution, a tanh, a ReLU, a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.rnn, self.out = nn.Conv2d(1, 4,
                                                  3), nn.RNN(4, 8,
                                                             batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        h = torch.relu(self.conv(x)).flatten(2).transpose(1, 2)
        return self.out(torch.tanh(self.rnn(h)[0][:, -1]))


def batches():
    g = torch.Generator().manual_seed(0)
    return [(torch.randn(12, 1, 6, 6, generator=g), torch.arange(12) % 3) for _ in range(3)]


@pytest.fixture(scope="module")
def report():
    return checks.run_all(Net, batches(), F.cross_entropy, num_classes=3, validation=batches(),
                          history=HISTORY,
                          optimizer=lambda m: torch.optim.Adam(m.parameters(), 3e-3),
                          progress=False)


def words(picture):
    return picture.figure.get_suptitle().replace("\n", " ")


def drawn(result):
    """The picture, after what every picture must hold."""
    picture = result.plot()
    assert result.name in words(picture)
    assert result.message.split()[0] in words(picture)
    assert result.message in picture.alt
    assert picture.png(40).startswith(b"\x89PNG")
    for axes in picture.figure.axes:
        if axes.axison and not axes.images:
            assert axes.get_xlabel(), "every x axis says what it counts"
            assert axes.get_ylabel() or not len(
                axes.get_yticks()) or axes.get_yticklabels()[0].get_text()
    return picture


@pytest.mark.parametrize("name", list(all_checks()))
def test_every_check_can_be_drawn(report, name):
    drawn(report[name])


def test_layers_are_bars_in_their_order(report):
    (axes,) = drawn(report["gradient_norms"]).figure.axes
    assert [t.get_text()
            for t in axes.get_yticklabels()] == list(report["gradient_norms"].details["layers"])
    assert [bar.get_width()
            for bar in axes.patches] == pytest.approx(list(report["gradient_norms"].details["rms"]))
    assert axes.get_xscale() == "log"


def test_thresholds_are_drawn_and_named(report):
    (axes,) = drawn(report["update_ratio"]).figure.axes
    assert [line.get_xdata()[0] for line in axes.lines] == [1e-4, 1e-1]
    assert "very small (0.0001)" in [t.get_text() for t in axes.figure.legends[0].get_texts()]


def test_images_become_a_gallery():
    images = np.random.default_rng(0).integers(0, 255, (40, 3, 5, 5), dtype=np.uint8)
    details = {"images": images, "captions": [f"row {i}" for i in range(40)]}
    result = CheckResult("duplicates", "warn", "40 pairs", details=details)
    picture = drawn(result)
    shown = [axes for axes in picture.figure.axes if axes.images]
    assert len(shown) == 32
    assert "32 of 40 shown" in words(picture)
    assert np.array_equal(shown[0].images[0].get_array(), images[0].transpose(1, 2, 0))
    assert shown[1].get_title() == "row 1"
    assert "row 31" in picture.alt


def test_grey_images_and_filters():
    grey = np.zeros((3, 1, 4, 6), np.uint8)
    picture = drawn(
        CheckResult("outliers", "note", "three",
                    details={"images": grey, "captions": ["a", "b", "c"]}))
    assert picture.figure.axes[0].images[0].get_array().shape == (4, 6)
    many = np.random.default_rng(0).normal(size=(8, 12, 5, 5))
    drawn(CheckResult("filters_smooth", "pass", "smooth", details={"filters": many}))


def test_a_curve_with_a_bad_step_and_jumps():
    losses = np.array([*CURVE, np.nan, np.nan])
    (axes,) = drawn(checks.curve_shape(losses)).figure.axes
    texts = [t.get_text() for t in axes.get_legend().get_texts()]
    assert "no number from step 80 on" in texts
    assert axes.get_xlabel() == "step"
    empty = checks.curve_shape([float("nan")] * 3)
    assert "No number" in empty.plot().alt


def test_the_range_test_shows_its_suggestion():
    result = checks.lr_finder(Net, batches(), F.cross_entropy)
    (axes,) = drawn(result).figure.axes
    assert axes.get_xscale() == "log"
    assert any(f"{result.measured:g}" in t.get_text() for t in axes.get_legend().get_texts())


def test_timing_is_one_bar_cut_into_parts():
    ms = {"data": 100.0, "forward": 200.0, "backward": 300.0}
    result = CheckResult("timing", "warn", "slow", 600.0, details={"ms": ms})
    (axes,) = drawn(result).figure.axes
    assert [bar.get_width() for bar in axes.patches] == [100, 200, 300]
    assert [bar.get_x() for bar in axes.patches] == [0, 100, 300]


def test_numbers_without_a_drawing_of_their_own():
    def of(**details):
        return drawn(CheckResult("mine", "note", "said", details=details)).figure.axes[0]

    assert len(of(counts={"cat": 3, "dog": 5}).patches) == 2
    assert len(of(anything=np.arange(30.0)).lines[0].get_xdata()) == 30
    assert len(of(anything=np.arange(900.0)).patches) == 50
    for expected in (0.1, "below 0.1"):
        axes = drawn(CheckResult("mine", "warn", "said", 0.3, expected, "of all")).figure.axes[0]
        assert [bar.get_width() for bar in axes.patches] == [0.3]
        assert axes.lines[0].get_xdata()[0] == 0.1
        assert axes.get_xlabel() == "of all"


def test_words_alone_become_a_card():
    result = CheckResult("mode_toggles", "warn", "said", "1 part", advice="Call eval().",
                         source="A book", details={"eval_in_train": ["drop"]})
    text = drawn(result).figure.axes[0].texts[0].get_text()
    for part in ("measured: 1 part", "eval in train: ['drop']", "→ Call eval().", "A book"):
        assert part in text


KEYS = [
    "images", "captions", "filters", "ms", "lr", "smooth", "loss", "train_loss", "val_loss",
    "val_steps", "losses", "per_class", "samples", "own", "plain", "validation", "layers", "leak",
    "metric", "outputs", "mean", "std", "else"
]
VALUES = st.one_of(st.none(), st.text(max_size=3), st.floats(), st.integers(-9, 9),
                   st.lists(st.floats(), max_size=4),
                   st.dictionaries(st.text(max_size=3), st.floats(), max_size=3),
                   st.just(np.zeros((2, 1, 3, 3))))


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_odd_evidence_is_drawn_all_the_same(details):
    with np.errstate(all="ignore"):
        assert "odd" in plot_check(CheckResult("odd", "note", "said", details=details)).alt


def test_pictures_of_an_evaluation(blobs):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    found = ev.calibration(model, blobs.validation)
    picture = found.plot()
    assert picture.figure.axes[0].get_ylabel() == "share right"
    assert f"{found.ece:.2%}" in picture.alt
    matrix = ev.confusion(model, blobs.validation, names=blobs.classes).plot()
    assert [t.get_text() for t in matrix.figure.axes[0].get_yticklabels()] == list(blobs.classes)
    worst = ev.worst_mistakes(model, blobs.validation, most=4, names=blobs.classes).plot()
    assert len([axes for axes in worst.figure.axes if axes.images]) == 4
    assert all(p.png(30).startswith(b"\x89PNG") for p in (picture, matrix, worst))
    assert "No mistake" in ev.worst_mistakes([[0.9, 0.1]], [0]).plot().alt


def test_no_state_of_pyplot_and_no_widgets():
    code = ("from recipe_widgets import checks; import sys\n"
            "checks.curve_shape([2.0 - i / 90 for i in range(90)]).plot().png()\n"
            "assert not {'matplotlib.pyplot', 'ipywidgets', 'IPython'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)
