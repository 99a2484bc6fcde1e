"""No way of dealing samples again brings an original test image into training or validation: roamed
by image hashes.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_widgets import Data
from recipe_widgets.data import balanced, bootstrap, few, imbalanced, only_classes, parts
from recipe_widgets.data.split import ORIGINAL_TEST, Split

WAYS = {
    "split": lambda data, n: data.split(*((0.6, 0.2, 0.2), (0.9, 0.1, 0.0), (0.3, 0.3, 0.4), (0.45, 0.5, 0.05))[n % 4],
                                        seed=n),
    "subset": lambda data, n: data.subset(max(12, data.train.size // 2), seed=n),
    "few": lambda data, n: few(data, 2, seed=n),
    "balanced": lambda data, n: balanced(data, seed=n),
    "imbalanced": lambda data, n: imbalanced(data, {0: 0.5}, seed=n),
    "bootstrap": lambda data, n: bootstrap(data, seed=n),
    "parts": lambda data, n: parts(data, 2, seed=n)[n % 2],
    "only_classes": lambda data, n: only_classes(data, [0, 1]),
    "to": lambda data, n: data.to("cpu"),
}


def hashes(split: Split) -> set[str]:
    return {hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in split.x}


def whole() -> Data:
    """Images that are all different, with a test set of its own."""
    rng = np.random.default_rng(0)
    x, held = (rng.integers(0, 256, (n, 1, 5, 5), dtype=np.uint8) for n in (120, 40))
    return Data.from_arrays(x, np.arange(120) % 3, test=(held, np.arange(40) % 3), validation=0.25)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.integers(0, 7)), max_size=5))
def test_no_way_leads_out_of_the_vault(ways):
    data = whole()
    sealed = hashes(data.vault.sealed())
    for name, number in ways:
        try:
            data = WAYS[name](data, number)
        except Exception as error:
            # refused: repeats before a split, too few samples for the classes
            assert type(error).__name__ == "RecipeError"  # noqa: PT017
            continue
        assert not sealed & (hashes(data.train) | hashes(data.validation)), ways
        assert data.vault_log() == []


@pytest.mark.parametrize(("fractions", "test"), [((0.6, 0.2, 0.2), 40), ((0.5, 0.1, 0.4), 64),
                                                ((0.8, 0.2, 0.0), 40), ((0.0, 0.0, 1.0), None)])
def test_split_keeps_the_original_test_set(fractions, test):
    """160 samples, 40 of them an original test set: it stays, and grows where more is asked for."""
    if test is None:
        with pytest.raises(Exception, match="train"):
            whole().split(*fractions)
        return
    data = whole()
    sealed = hashes(data.vault.sealed())
    dealt = data.split(*fractions)
    held = dealt.vault.sealed()
    assert held.size == test
    assert sealed <= hashes(held)
    assert not (dealt.train.origin == ORIGINAL_TEST).any()
    assert sum(dealt.sizes.values()) == 160
    if fractions == (0.8, 0.2, 0.0):  # 120 are left, and shared four to one
        assert dealt.sizes == {"train": 96, "validation": 24, "test": 40}
    assert "original test set stay in the test set" in dealt.notes[-1]
