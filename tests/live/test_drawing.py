"""A drawn digit becomes a sample, and the network's opinion of it follows the training."""

from __future__ import annotations

import pytest
import torch

from recipe_widgets import Settings, load
from recipe_widgets.live import Session
from recipe_widgets.live.drawing import as_sample, can_be_drawn
from tests.live.test_session import until


def test_a_drawing_is_centred_and_scaled_as_mnist_is() -> None:
    drawn = torch.zeros(56, 56, dtype=torch.uint8)
    drawn[2:12, 30:34] = 200  # a small thin stroke in a corner
    sample = as_sample(drawn)
    assert (sample.shape, sample.dtype) == ((1, 28, 28), torch.uint8)
    rows, columns = sample[0].nonzero(as_tuple=True)
    assert int(rows.max() - rows.min()) + 1 == 20
    assert 7 <= int(columns.max() - columns.min()) + 1 <= 9
    ink = sample[0].float()
    at = torch.arange(28.0)
    assert abs(float((ink.sum(1) * at).sum() / ink.sum()) - 13.5) <= 0.6
    assert abs(float((ink.sum(0) * at).sum() / ink.sum()) - 13.5) <= 0.6
    assert int(sample.max()) == 255


def test_a_sample_of_mnist_stays_nearly_as_it_is() -> None:
    for x in load("mnist").subset(30).train.x[:10]:
        again = as_sample(x[0])[0].float()
        shifted = [torch.roll(again, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        assert min(float((x[0].float() - one).abs().mean()) for one in shifted) < 12  # of 255


def test_empty_paper_is_an_empty_sample() -> None:
    assert int(as_sample(torch.zeros(56, 56, dtype=torch.uint8)).max()) == 0


@pytest.mark.parametrize(("shape", "classes", "can"), [
    ((1, 28, 28), tuple("0123456789"), True), ((3, 32, 32), tuple("0123456789"), False),
    ((1, 28, 28), ("shirt", "shoe"), False), ((30,), ("0", "1"), False)])
def test_only_digits_are_drawn(shape: tuple[int, ...], classes: tuple[str, ...], can: bool) -> None:
    assert can_be_drawn(shape, classes) == can


def test_the_opinion_follows_the_training() -> None:
    data = load("mnist")
    session = Session(data, Settings(max_steps=400))
    seven = data.train.x[int((data.train.y == 7).nonzero()[0])][0]
    session.show_network(True)
    session.draw(seven)
    until(lambda: session.inspector.opinion)
    before = session.inspector.opinion
    assert len(before) == 10
    assert before[7] < 500
    session.order("restart")
    session.wait(60)
    until(lambda: session.inspector.opinion[7] > 900)
    session.draw_nothing()
    assert session.inspector.opinion == ()
    session.close()
