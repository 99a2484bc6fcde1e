import copy

import numpy as np
import pytest
import torch

from recipe_widgets import CheckResult, RecipeError, Run, Settings
from recipe_widgets.core import generator, rng_guard


def test_error_text_has_all_four_parts() -> None:
    error = RecipeError("lr", found=-1, expected="a positive number", mend="Try 0.1.")
    assert str(error) == "lr: found -1, expected a positive number. Try 0.1."


def test_streams_of_one_seed_differ_and_repeat() -> None:
    draws = {
        stream: torch.rand(4, generator=generator(3, stream)).tolist()
        for stream in ("init", "batches", "dropout")
    }
    assert len({tuple(draw) for draw in draws.values()}) == 3
    assert torch.rand(4, generator=generator(3, "init")).tolist() == draws["init"]
    assert torch.rand(4, generator=generator(4, "init")).tolist() != draws["init"]


def test_rng_guard_puts_every_global_generator_back() -> None:
    import random

    torch.manual_seed(1)
    before = (random.getstate(), np.random.get_state()[1].copy(),  # noqa: NPY002
              torch.random.get_rng_state().clone())
    with rng_guard():
        random.random(), np.random.rand(3), torch.rand(3)  # noqa: NPY002
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), before[2])


def test_check_result_prints_numbers_and_escapes_html() -> None:
    result = CheckResult("loss_at_init", "warn", "class <b>cat</b> is off", measured=4.6,
                         expected=2.303, unit="nats", advice="look at the <init>")
    assert "measured 4.6 nats, expected 2.303 nats" in str(result)
    assert "<b>cat</b>" not in result._repr_html_()
    assert "&lt;init&gt;" in result._repr_html_()
    assert not result.ok


def test_check_result_refuses_other_verdicts() -> None:
    with pytest.raises(RecipeError, match="pass, warn, fail, skip, note"):
        CheckResult("x", "maybe", "y")  # type: ignore[arg-type]


def test_run_json_both_ways() -> None:
    run = Run(Settings(lr=0.2), status="diverged", message="why", data_name="mnist",
              threads=[(0, 2), (40, 1)])
    run.history.append("train_loss", 0, float("nan"))
    back = Run.from_json(run.to_json())
    assert (back.settings, back.status, back.message, back.threads) == (run.settings, "diverged",
                                                                        "why", [(0, 2), (40, 1)])
    assert back.steps_done == 1


@pytest.mark.parametrize("text", [
    "", "{}", "[]", '{"settings": {}, "history": {}, "status": "odd", "message": "",'
    ' "data_name": "", "threads": []}'
])
def test_a_broken_run_file_is_one_clear_error(text: str) -> None:
    with pytest.raises(RecipeError):
        Run.from_json(text)


def test_settings_survive_a_deepcopy() -> None:
    assert copy.deepcopy(Settings(lr=0.3)) == Settings(lr=0.3)
