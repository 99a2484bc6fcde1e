import numpy as np
import pytest

from recipe_widgets import Data, RecipeError, Settings, evaluate, train
from recipe_widgets.evaluation import Ledger
from recipe_widgets.training.validation import stratified_subset

NOISE = (0.0, 0.01, -0.01)


def score(changes: dict, seed: int) -> float:
    """Answers known beforehand: a adds 0.2, b takes 0.1 away, c does nothing."""
    return 0.5 + 0.2 * ("a" in changes) - 0.1 * ("b" in changes) + NOISE[seed]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(score)


def test_one_change_with_its_expectation(ledger: Ledger) -> None:
    ledger.propose("first", expected="better", because="it should", a=1)
    entry = ledger.measure("first")
    assert entry.result.difference == pytest.approx(0.2)
    assert ledger.outcome(entry) == "better, as expected"
    ledger.keep("first")
    assert ledger.base == {"a": 1}


def test_what_is_kept_is_the_base_of_the_next(ledger: Ledger) -> None:
    ledger.propose("first", expected="better", because="it should", a=1)
    ledger.measure("first")
    ledger.keep("first")
    ledger.propose("second", expected="better", because="hope", b=2)
    entry = ledger.measure("second")
    assert entry.base == {"a": 1}
    assert entry.a == pytest.approx([0.7, 0.71, 0.69])
    assert ledger.outcome(entry) == "worse, expected better"
    ledger.keep("second")
    found = ledger.ablate()
    assert found["first"].difference == pytest.approx(0.2)
    assert found["second"].difference == pytest.approx(-0.1)


def test_nothing_changes_is_said(ledger: Ledger) -> None:
    ledger.propose("idle", expected="same", because="it is not used", c=1)
    assert ledger.outcome(
        ledger.measure("idle")) == "no difference beyond the seeds' spread, as expected"


def test_lower_may_be_better() -> None:
    ledger = Ledger(score, higher=False, percent=False, what="loss")
    ledger.propose("first", expected="worse", because="it adds", a=1)
    assert ledger.outcome(ledger.measure("first")) == "worse, as expected"
    assert "0.5 to 0.7" in str(ledger)


@pytest.mark.parametrize(
    "slip",
    [{"expected": "better", "because": "two at once", "a": 1, "b": 2
      }, {"expected": "better", "because": "none"}, {"expected": "good", "because": "x", "a": 1},
     {"expected": "better", "because": " ", "a": 1}, ])
def test_no_run_without_one_change_and_a_reason(ledger: Ledger, slip: dict) -> None:
    with pytest.raises(RecipeError):
        ledger.propose("x", **slip)
    assert ledger.entries == {}


def test_order_matters(ledger: Ledger) -> None:
    ledger.propose("first", expected="better", because="it should", a=1)
    for wrong in (lambda: ledger.keep("first"), lambda: ledger.measure("second"),
                  lambda: ledger.plot(),
                  lambda: ledger.propose("first", expected="better", because="again", a=2),
                  lambda: Ledger(score, seeds=1)):
        with pytest.raises(RecipeError):
            wrong()


def test_each_set_of_changes_is_run_once() -> None:
    seen = []
    ledger = Ledger(lambda changes, seed: seen.append((dict(changes), seed)) or 0.0, seeds=2)
    for name, knob in (("one", "a"), ("two", "b")):
        ledger.propose(name, expected="same", because="x", **{knob: 1})
        ledger.measure(name)
    assert len(seen) == 6


def test_of_settings_trains(blobs: Data) -> None:
    ledger = Ledger.of_settings(blobs, Settings(width=8, max_steps=30, lr=1e-5), seeds=2)
    ledger.propose("a real rate", expected="better", because="1e-5 hardly moves", lr=0.05)
    assert ledger.measure("a real rate").result.difference > 0.2
    assert "a real rate" in ledger.plot().alt
    assert "because 1e-5 hardly moves" in str(ledger)


def test_of_settings_judges_the_weights_that_a_run_keeps() -> None:
    """Of labels 30 % are wrong: the validation loss is lowest within 20 steps."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 10)).astype("f4")
    data = Data.from_arrays(x, ((x[:, 0] > 0) ^ (draw.random(300) < 0.3)).astype(int), name="noisy")
    settings = Settings(width=16, max_steps=60, lr=0.1, batch_size=32, eval_every=4,
                        eval_samples=40)
    ledger = Ledger.of_settings(data, settings, seeds=2)
    ledger.propose("the best ones", expected="better", because="it overshoots", final="best")
    entry = ledger.measure("the best ones")
    for seed in range(2):
        for final, scored in (("last", entry.a), ("best", entry.b)):
            run = train(data, settings.replace(seed=seed, final=final))
            assert scored[seed] == evaluate(run.model, stratified_subset(data.validation,
                                                                       40)).accuracy
    assert entry.a != entry.b
