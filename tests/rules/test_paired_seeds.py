import math

import numpy as np
import pytest
from scipy import stats

from recipe_widgets.rules.statistics import _STUDENT_T, paired


def test_the_table_is_students() -> None:
    assert np.allclose(_STUDENT_T, [stats.t.ppf(0.975, n) for n in range(1, len(_STUDENT_T) + 1)], atol=6e-4)


def test_the_interval_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0.9, 0.01, 8)
    b = a + rng.normal(0.02, 0.005, 8)
    found, oracle = paired(a, b), stats.ttest_rel(b, a).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), rel=1e-3)
    assert found.real
    assert not paired(a, a[::-1]).real


def test_seeds_that_diverged_are_left_out_with_their_partner() -> None:
    found = paired([1.0, 2.0, math.nan, 4.0], [2.0, 3.1, 9.0, 4.9])
    assert found.n == 3
    assert found.difference == pytest.approx(1.0)
    assert not paired([1.0], [2.0]).real
    assert paired([math.nan], [1.0]).n == 0
