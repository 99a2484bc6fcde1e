"""The bug clinic: every patient is what its file says, and the score counts right."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, checks, load
from recipe_widgets.checks import run_all
from recipe_widgets.lessons.nb03_check_the_machinery import (
    CASES,
    Case,
    Clinic,
    clinic_cases,
    clinic_programs,
    findings,
)
from recipe_widgets.lessons.nb03_check_the_machinery import clinic as clinic_module


def made(name: str, shape: tuple[int, ...]) -> Data:
    """1200 images of 10 classes: a bright pair of rows, the number of the class, on noise."""
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 10
    x = rng.integers(0, 80, (1200, *shape), dtype=np.uint8)
    for row in (0, 1):
        x[np.arange(1200), :, 2 * y + row] += 150
    return Data.from_arrays(x, y, name=name, validation=0.3, test=0.1)


@pytest.fixture(scope="module")
def ward() -> dict[str, Data]:
    """The data of the lesson: only on them is each check known to find its bug."""
    return {"mnist": load("mnist"), "cifar10": load("cifar10")}


def tiny(data: Data) -> clinic_programs.Program:
    return clinic_programs.mlp(data).but(steps=6)


SHORT = (Case("a", "softmax before the cross-entropy", "mnist", tiny, clinic_cases.softmax_first, "", "",
              "Why a.", ("output_scale", )),
         Case("b", "nothing is wrong", "mnist", tiny, clinic_cases.unchanged, "", "", "Why b.", ()),
         Case("c", "never cleared", "mnist", tiny, clinic_cases.no_zero_grad, "", "", "Why c.",
              ("grads_are_cleared", )))


def test_at_least_fourteen_patients_with_the_bugs_of_the_list() -> None:
    assert len(CASES) >= 14
    assert len({case.key for case in CASES}) == len({case.diagnosis
                                                     for case in CASES}) == len(CASES)
    assert {case.data for case in CASES} == {"mnist", "cifar10"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_the_quoted_line_is_in_the_program(case: Case) -> None:
    source = "".join(inspect.getsource(clinic_cases).split("CASES:")[0].split())
    assert "".join(case.line.split()) in source


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_the_named_check_finds_it_and_is_silent_on_the_sound_program(case: Case,
                                                                     ward: dict[str, Data]) -> None:
    sound = case.base(ward[case.data])
    broken = case.plant(sound)
    for name in case.checks[:1]:
        check = clinic_module.split_leak if name == "split_leak" else getattr(checks, name)
        # its learner has 6 seconds: on a busy machine it would not learn enough to judge
        time = {"seconds": 60.0} if name == "augmentation_keeps_label" else {}
        found, clean = check(broken.subject(), **time), check(sound.subject(), **time)
        assert found.status in ("note", ) if case.key == "bias_before_norm" else found.status in (
            "warn", "fail"), found
        assert clean.status in ("pass", "skip"), clean
        assert check in clinic_module.EXAMINATION
    if case.key == "sound":
        assert broken is sound


def test_a_sound_program_of_each_kind_is_not_accused(ward: dict[str, Data]) -> None:
    only = [
        c for c in clinic_module.EXAMINATION
        if c.__name__ not in ("label_alignment", "augmentation_keeps_label")
    ]
    for make, data in ((clinic_programs.mlp, "mnist"), (clinic_programs.ink, "mnist")):
        report = run_all(make(ward[data]).subject(), only=only, progress=False)
        assert [r for r in report if r.status == "fail"] == []


def test_a_run_is_the_same_again_and_leaves_the_global_generator(ward: dict[str, Data]) -> None:
    program, before = tiny(ward["mnist"]), torch.random.get_rng_state()
    a, b = (program.run(3).series("train_loss") for _ in range(2))
    assert a == b
    assert len(a) == 6
    assert program.run(4).series("train_loss") != a
    assert torch.equal(torch.random.get_rng_state(), before)


def test_ink_is_measured_in_per_cent(ward: dict[str, Data]) -> None:
    data = ward["mnist"]
    _, y = clinic_programs.ink(data).train
    rows = torch.randperm(data.train.size, generator=clinic_programs.generator(0, "split"))[:len(y)]
    wanted = data.train.x[rows].float().flatten(1).mean(1) / 2.55
    assert torch.allclose(y[:, 0], wanted, atol=1e-3)


def test_points(ward: dict[str, Data]) -> None:
    clinic = Clinic(ward["mnist"], seeds=2, cases=SHORT)
    a, b, c = (clinic.number_of(key) for key in "abc")
    assert clinic.score == "Score: 0 of 0 points, 0 of 3 patients"
    assert clinic.answer(b,
                         "nothing is wrong").startswith("Yes: nothing is wrong (2 points). Why b.")
    assert "Ask for the checks" in clinic.answer(a, "never cleared")
    assert clinic.answer(a, "softmax before the cross-entropy").startswith(
        "Yes: softmax before the cross-entropy (1 point)")
    for _ in range(2):
        assert clinic.answer(c, "nothing is wrong").startswith("No, not that")
    assert clinic.answer(c, "nothing is wrong").startswith("No. It is this: never cleared. Why c.")
    assert clinic.answer(c, "never cleared").startswith("Yes; you had finished")
    assert clinic.score == "Score: 3 of 6 points, 3 of 3 patients"
    assert "you first said: never cleared" in clinic.table()


def test_evidence_is_told_and_costs_a_point(ward: dict[str, Data],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clinic_module, "EXAMINATION", (checks.output_scale, checks.loss_reduction))
    clinic = Clinic(ward["mnist"], seeds=1, cases=SHORT)
    number = clinic.number_of("a")
    report = clinic.examine(number, progress=False)
    assert report is clinic.examine(number)
    assert "soft-max is applied twice" in findings(report)[0]
    assert findings(report)[-1] == "1 checks passed, 0 did not apply."
    assert "output_scale says" in clinic.answer(number, "nothing is wrong")
    assert "(1 point)" in clinic.answer(number, "softmax before the cross-entropy")


def test_answers_are_kept_until_one_starts_afresh(ward: dict[str, Data], tmp_path: Path) -> None:
    file = tmp_path / "clinic.json"
    first = Clinic(ward["mnist"], seeds=1, cases=SHORT, keep=file)
    first.answer(first.number_of("b"), "nothing is wrong")
    first.answer(first.number_of("a"), "nothing is wrong")
    second = Clinic(ward["mnist"], seeds=1, cases=SHORT, keep=file)
    assert second.score == first.score == "Score: 2 of 2 points, 1 of 3 patients"
    assert "(1 point)" in second.answer(second.number_of("a"), "softmax before the cross-entropy")
    second.afresh()
    assert Clinic(ward["mnist"], seeds=1, cases=SHORT, keep=file).points == second.points == 0
    file.write_text("{not JSON")
    assert Clinic(ward["mnist"], seeds=1, cases=SHORT, keep=file).points == 0


def test_the_picture_shows_both_programs(ward: dict[str, Data]) -> None:
    clinic = Clinic(ward["mnist"], seeds=2, cases=SHORT)
    picture = clinic.plot(1)
    assert "Patient 1, digits: the sound program begins with a loss of" in picture.alt
    assert len(picture.figure.axes) == 2
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in picture.figure.axes)


def test_wrong_input_is_told(ward: dict[str, Data], blobs: Data) -> None:
    with pytest.raises(RecipeError, match="Data of the cases: found .*expected mnist or cifar10"):
        Clinic(blobs)
    clinic = Clinic(ward["mnist"], cases=SHORT)
    for wrong in (lambda: clinic.patient(0), lambda: clinic.patient(4),
                  lambda: clinic.answer(1, "a cold"), lambda: clinic.number_of("z")):
        with pytest.raises(RecipeError):
            wrong()
    assert len(Clinic(ward["cifar10"])) < len(CASES)
