"""Curves of a learner's own losses: the mean stands amid the steps that it is of."""

from __future__ import annotations

import numpy as np

from recipe_widgets.lessons.common.loss_curves import draw_losses


def test_the_mean_of_a_straight_fall_lies_on_it() -> None:
    (axes,) = draw_losses({"loss": [100.0 - step for step in range(101)]}).figure.axes
    _, means = axes.lines  # the dots come first
    steps, values = means.get_xdata(), means.get_ydata()
    np.testing.assert_allclose(values, 100.0 - np.asarray(steps))
    assert (steps[0], steps[-1]) == (24.5, 75.5)  # 50 steps around each


def test_the_word_at_the_end_of_an_epoch_is_not_struck_through_by_the_guess() -> None:
    picture = draw_losses({"loss": np.linspace(2.3, 0.2, 100).tolist()}, epoch=100, guess=2.3)
    (axes,) = picture.figure.axes
    (word,) = [text for text in axes.texts if "epoch ends" in text.get_text()]
    picture.figure.canvas.draw()
    box = word.get_window_extent().transformed(axes.transData.inverted())
    assert not box.y0 <= 2.3 <= box.y1
