"""What the replays hold is what the package's own training gives."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest

from docs.site import recording
from docs.site.plans import PLANS, Plan
from docs.site.replays import json_in_html, limits, replay_page
from recipe_widgets import Data, Settings, evaluate, train

PLAN = Plan("blobs", "A <b>plan</b>",
            Settings(model="mlp", width=8, batch_size=16, max_steps=30,
                     eval_every=10), {"lr": (0.05, 0.1), "momentum": (0.0, 0.5, 0.9)},
            looks=(0, 10, 20, 30), pictures=(0, 30))


def test_a_record_has_the_numbers_of_the_run(blobs: Data) -> None:
    settings = PLAN.base.replace(lr=0.1)
    kept, run = recording.record(blobs, settings, PLAN), train(blobs, settings)
    assert [look["step"] for look in kept["looks"]] == [0, 10, 20, 30]
    losses = run.history.series("train_loss")
    assert [look["train_loss"]
            for look in kept["looks"]] == [None, *(float(f"{losses[k]:.4g}") for k in (9, 19, 29))]
    looked = dict(
        zip(run.history.steps("val_accuracy"), run.history.series("val_accuracy"), strict=True))
    assert [look["val_accuracy"]
            for look in kept["looks"][1:]] == [float(f"{looked[k]:.4g}") for k in (9, 19, 29)]
    assert kept["curve"] == [[float(k), float(f"{loss:.4g}")] for k, loss in enumerate(losses)]
    assert (kept["status"], kept["steps"]) == ("done", 30)


def test_the_last_look_is_that_of_the_trained_model(blobs: Data) -> None:
    run = train(blobs, PLAN.base)
    last = recording.record(blobs, PLAN.base, PLAN)["looks"][-1]
    samples = recording._samples(blobs)
    right = sum(guess == own
                for guess, own in zip(last["guesses"], samples.y.tolist(), strict=True))
    assert right / len(samples.y) == evaluate(run.model, samples).accuracy
    assert all(1 / 3 <= sure <= 1 for sure in last["sure"])


def test_a_run_that_diverges_says_so_and_stays_json(blobs: Data) -> None:
    kept = recording.record(blobs, PLAN.base.replace(lr=1e6, momentum=0.9), PLAN)
    assert kept["status"] == "diverged"
    assert kept["steps"] < 30
    assert kept["message"]
    assert all(look["step"] < kept["steps"] for look in kept["looks"])
    assert kept["curve"][-1][1] is None
    json.dumps(kept, allow_nan=False)


def test_recorded_runs_are_not_trained_again(blobs: Data, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    first = recording.recorded(PLAN, blobs, tmp_path)
    assert [run["looks"][0]["filters"]
            for run in first["runs"]] == [0] * 6  # one seed, one beginning, kept once
    trained: list[Settings] = []
    real = recording.record
    monkeypatch.setattr(recording, "record", lambda data, settings, plan:
                        trained.append(settings) or real(data, settings, plan))
    assert recording.recorded(PLAN, blobs, tmp_path) == first
    assert trained == []
    longer = Plan(**{**vars(PLAN), "choices": {"lr": (0.05, 0.2), "momentum": (0.9,)}})
    recording.recorded(longer, blobs, tmp_path)
    assert [settings.lr for settings in trained] == [0.2]
    monkeypatch.setattr(recording, "code_digest", lambda: "other code")
    recording.recorded(longer, blobs, tmp_path)
    assert [settings.lr for settings in trained] == [0.2, 0.05, 0.2]


def test_recordings_are_renewed_when_code_changes_that_makes_them() -> None:
    imported = [
        node.module
        for node in ast.walk(ast.parse(Path(recording.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
        and node.module.startswith("recipe_widgets.")
    ]
    assert {name.split(".")[1] for name in imported} <= set(recording.CODE)


def test_runs_stand_in_the_order_in_which_the_page_counts() -> None:
    settings = list(PLAN.settings())
    assert (settings[0 * 3 + 2].lr, settings[0 * 3 + 2].momentum) == (0.05, 0.9)
    assert (settings[1 * 3 + 0].lr, settings[1 * 3 + 0].momentum) == (0.1, 0.0)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_the_plans_can_be_recorded_as_they_say(plan: Plan) -> None:
    assert plan.looks[0] == 0
    assert plan.looks[-1] == plan.base.max_steps
    assert set(plan.pictures) <= set(plan.looks)
    every = plan.base.eval_every
    # when the package looks at the validation set
    assert all(step % every == 0 or step == 10 for step in plan.looks)
    # where the sliders begin
    assert all(getattr(Settings(), name) in values for name, values in plan.choices.items())


def test_no_text_of_a_recording_can_leave_its_element() -> None:
    nasty = {"a": "</script><script>alert(1)</script>", "b": "<!-- & -->", "c": "é"}
    text = json_in_html(nasty)
    assert not set("<>&") & set(text)
    assert json.loads(text) == nasty
    with pytest.raises(ValueError, match="JSON"):
        json_in_html({"a": math.nan})


def test_names_of_a_recording_are_escaped_in_the_page(blobs: Data, tmp_path: Path) -> None:
    replay = recording.recorded(Plan(**{**vars(PLAN), "choices": {"lr": (0.05,)}}), blobs, tmp_path)
    page = replay_page(PLAN, {**replay, "classes": ["<i>top</i>", 'a"b', "</script>"]}).html()
    assert "A <b>plan" not in page
    assert "<i>top" not in page
    assert 'alt="a&#34;b"' in page
    assert page.count("</script>") == 2  # the recording's and the program's


def test_the_axis_holds_all_losses() -> None:
    def run(*losses: float | None) -> dict[str, object]:
        return {
            "curve": [[k, loss] for k, loss in enumerate(losses)], "looks": [{"val_loss": None}]
        }

    assert limits({"runs": [run(2.3, 0.02), run(2.3, None)]}) == (0.01, 10.0)
    assert limits({"runs": [run(2.3, 55.0)]}) == (1.0, 10.0)
    assert limits({"runs": [run(2.3, 1e-6, 0.0)]}) == (0.01, 10.0)
