"""The labeller, driven from code as the page would."""

from __future__ import annotations

import re

from recipe_widgets import Data
from recipe_widgets.lessons.nb01_know_your_data.labelling import labelling
from recipe_widgets.panels import Labeller


def test_labeller_takes_keys_buttons_and_backspace(blobs: Data) -> None:
    labeller = Labeller(blobs, count=6)
    assert "round 1: 0" in repr(labeller)
    labeller.keys.value = "0"
    labeller.buttons[2].click()
    assert labeller.labels.texts[0] == "02"
    labeller.keys.value = "0"  # as backspace does
    assert labeller.labels.texts[0] == "0"
    labeller.keys.value = "0z91"
    assert labeller.keys.value == "01", "keys that no class has are dropped"
    assert "Picture 3 of 6" in labeller.words
    labeller.type("000000")
    assert len(labeller.labels.texts[0]) == 6
    assert "95% interval" in labeller.words
    score = labeller.labels.accuracy(0)
    assert f"{score.hits} of 6" in labeller._picture.value
    assert f"{score.value:.0%}" in labeller._picture.value
    labeller.turn.value = 1
    assert labeller.keys.value == ""
    labeller.type("111111")
    assert "kappa" in labeller.words
    labeller.turn.value = 0
    assert labeller.keys.value == "010000"
    assert labelling(blobs, 6).texts == ["010000", "111111"]
    labeller.afresh.click()
    assert labelling(blobs, 6).texts == ["", ""]
    assert labeller.keys.value == ""
    labeller.close()


def test_labeller_shows_no_label_before_the_round_is_done(blobs: Data) -> None:
    labeller = Labeller(blobs, count=5)
    for _ in range(4):
        labeller.type("1")
        assert not re.search("top|low", labeller.words + labeller._picture.value)
    assert not re.search("top|low|middle", labeller.plot().alt)
    labeller.close()
