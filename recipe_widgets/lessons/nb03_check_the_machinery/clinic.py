"""The bug clinic without a page: patients, their curves, what the checks say, diagnoses, a
score.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipe_widgets import checks
from recipe_widgets.checks import Check, Report, run_all
from recipe_widgets.core import CheckResult, History, RecipeError
from recipe_widgets.core.files import write_atomically
from recipe_widgets.core.json_files import parse_json, read_text
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data
from recipe_widgets.lessons.nb03_check_the_machinery.clinic_cases import CASES, Case
from recipe_widgets.lessons.nb03_check_the_machinery.clinic_programs import Program
from recipe_widgets.plots import Picture, downsample
from recipe_widgets.plots.figures import PALETTE


def split_leak(target: Any) -> CheckResult:
    """Exact copies only: a few digits look alike by nature."""
    return checks.split_leak(target, near=False)


# What a patient is examined with: quick, and each able to see one of the bugs or to clear a
# suspicion.
EXAMINATION: tuple[Check, ...] = (
    # the data
    checks.class_balance, checks.input_range, split_leak, checks.label_alignment,
    checks.augmentation_keeps_label, checks.train_eval_preprocessing,
    # loss and outputs before any training
    checks.loss_reduction, checks.output_scale, checks.loss_at_init, checks.output_init,
    # what flows through the model
    checks.batch_independence, checks.optimizer_covers_model, checks.gradients_flow,
    checks.gradient_check, checks.bias_before_norm,
    # a step, and a few of them
    checks.mode_toggles, checks.grads_are_cleared, checks.update_ratio, checks.loss_decreases,
    checks.overfit_one_batch, checks.dead_units, checks.saturation,
)
_POINTS = {"curves": 2, "checks": 1}  # by what the diagnosis was made from
_ATTEMPTS = 3  # wrong answers until it is told


@dataclass
class Patient:
    """One run under examination.

    Attributes:
        sound, broken: curves by seed of the program as it should be, and as it is.
        report: what the checks said, once they were asked.
    """

    number: int
    case: Case
    sound: list[History]
    broken: list[History]
    report: Report | None = None


@dataclass
class PatientAnswers:
    """What was said of one patient: diagnoses that were no, and the points once it is over."""

    wrong: list[str] = field(default_factory=list)
    points: int | None = None

    @property
    def over(self) -> bool:
        return self.points is not None


class Clinic:
    """Broken runs to be diagnosed.

    Args:
        data: "mnist" and "cifar10", or one of them: patients of the other are left out.
        seeds: runs of each program; the picture shows their mean, lowest and highest.
        keep: a file for the answers, which the next clinic with the same file begins with.

    Patients are numbered from 1. Named right by the curves alone: 2 points; after the checks: 1;
        else 0.
    """

    @validated
    def __init__(self, *data: Data, seeds: Annotated[int, whole(1, 1000)] = 3,
                 cases: Sequence[Case] = CASES, keep: Path | None = None) -> None:
        self.data = {one.name: one for one in data}
        kept = [case for case in cases if case.data in self.data]
        if not kept:
            names = dict.fromkeys(case.data for case in cases)  # each once, in order
            wanted = " or ".join(names) or "none, as there are no cases"
            raise RecipeError("Data of the cases", found=", ".join(self.data) or "no data",
                              expected=wanted, mend='BugClinic(load("mnist"), load("cifar10")).')
        # In an order of their own, so that a place in the list of choices tells nothing.
        self.cases = [kept[k] for k in np.random.default_rng(4).permutation(len(kept))]
        self.seeds, self.keep = seeds, keep
        self._patients: dict[int, Patient] = {}
        self._answers = {case.key: PatientAnswers() for case in self.cases}
        if keep is not None and keep.exists():
            self._read(keep)

    def _read(self, file: Path) -> None:
        """A file that is damaged counts as none."""
        try:
            found = parse_json(read_text(file, "Answers", "a file"), "Answers", "an object")
            said = {key: PatientAnswers([str(name) for name in one["wrong"]], one["points"])
                    for key, one in found.items()}
        except (RecipeError, TypeError, KeyError, AttributeError):
            return
        if not all(one.points in (None, 0, *_POINTS.values()) for one in said.values()):
            return
        self._answers |= {key: one for key, one in said.items() if key in self._answers}

    def _save(self) -> None:
        if self.keep is not None:
            with contextlib.suppress(OSError):  # answers that cannot be kept are no reason to stop
                write_atomically(self.keep,
                            json.dumps({key: vars(one) for key, one in self._answers.items()}))

    def afresh(self) -> None:
        """Forget all answers, on disk as well."""
        self._answers = {case.key: PatientAnswers() for case in self.cases}
        for patient in self._patients.values():
            patient.report = None
        self._save()

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Patient]:
        return (self.patient(number) for number in range(1, len(self) + 1))

    @property
    def diagnoses(self) -> list[str]:
        """All that can be named, by alphabet."""
        return sorted(case.diagnosis for case in self.cases)

    @validated
    def patient(self, number: Annotated[int, whole(1)]) -> Patient:
        """Train it, and the sound program beside it, at the first call: about a second per
        patient.
        """
        if not 1 <= number <= len(self):
            raise RecipeError("BugClinic", found=f"patient {number}", expected=f"1 to {len(self)}")
        if number not in self._patients:
            case = self.cases[number - 1]
            sound = self._sound(case)
            broken = case.plant(sound)
            self._patients[number] = Patient(number, case,
                                             [sound.run(seed) for seed in range(self.seeds)],
                                             [broken.run(seed) for seed in range(self.seeds)])
        return self._patients[number]

    @validated
    def number_of(self, key: str) -> int:
        """The number of the patient with this case, for those who look it up."""
        for number, case in enumerate(self.cases, 1):
            if case.key == key:
                return number
        raise RecipeError("BugClinic", found=f"the case {key!r}",
                          expected="one of " + ", ".join(case.key for case in self.cases))

    @validated
    def examine(self, number: Annotated[int, whole(1)], progress: bool = True) -> Report:
        """What the checks say of its program; kept, so that a second call costs nothing."""
        patient = self.patient(number)
        if patient.report is None:
            program = patient.case.plant(self._sound(patient.case))
            patient.report = run_all(program.subject(), only=EXAMINATION, seconds=None,
                                     progress=progress)
        return patient.report

    @validated
    def answer(self, number: Annotated[int, whole(1)], diagnosis: str) -> str:
        """Name the bug; the reply says why it is that one, or where to look next."""
        if diagnosis not in self.diagnoses:
            raise RecipeError("Diagnosis", found=repr(diagnosis),
                              expected="one of " + "; ".join(self.diagnoses))
        patient = self.patient(number)
        case, said = patient.case, self._answers[patient.case.key]
        right = diagnosis == case.diagnosis
        if said.over:
            return f"{'Yes' if right else 'No'}; you had finished this one. {explain(case)}"
        if right:
            evidence = "checks" if patient.report is not None or said.wrong else "curves"
            # the third try is a guess
            said.points = _POINTS[evidence] if len(said.wrong) < 2 else 0
            reply = f"Yes: {diagnosis} ({_points(said.points)}). {explain(case)}"
        else:
            said.wrong.append(diagnosis)
            reply = f"No, not that. {_hint(patient)}"
            if len(said.wrong) >= _ATTEMPTS:
                said.points, reply = 0, f"No. It is this: {case.diagnosis}. {explain(case)}"
        self._save()
        return reply

    @property
    def points(self) -> int:
        return sum(said.points or 0 for said in self._answers.values())

    @property
    def score(self) -> str:
        """For example "Score: 5 of 8 points, 4 of 19 patients"."""
        over = sum(said.over for said in self._answers.values())
        return f"Score: {self.points} of {2 * over} points, {over} of {len(self)} patients"

    def table(self) -> str:
        """Every patient that is over: what it had, and what you said."""
        rows = []
        for number, case in enumerate(self.cases, 1):
            said = self._answers[case.key]
            if said.over:
                rows.append(f"{number:>3}  {_points(said.points or 0):>8}  {case.diagnosis}"
                            + (f"   (you first said: {said.wrong[0]})" if said.wrong else ""))
        return "\n".join([*rows, self.score])

    def plot(self, number: int) -> Picture:
        """Loss and accuracy of the patient beside those of the sound program."""
        return curves(self.patient(number), self._sound(self.cases[number - 1]))

    def _sound(self, case: Case) -> Program:
        return case.base(self.data[case.data])


def explain(case: Case) -> str:
    """Why, the line, and which check tells."""
    found = f" Checks that find it: {', '.join(case.checks)}." if case.checks else ""
    return f"{case.why} The line: {case.line}. Right: {case.mended}.{found}"


@validated
def findings(report: Report) -> list[str]:
    """What is worth reading in a report: all that did not pass, then how many did."""
    said = [str(result) for result in report if result.status in ("fail", "warn", "note")]
    passed = sum(result.status == "pass" for result in report)
    skipped = sum(result.status == "skip" for result in report)
    return [*said, f"{passed} checks passed, {skipped} did not apply."]


def _hint(patient: Patient) -> str:
    if patient.report is None:
        return "Ask for the checks: they see more than the curves."
    if not patient.case.checks:
        return "Does any check find something serious? Do the two curves differ at all?"
    return f"Read again what {patient.case.checks[0]} says."


def _points(points: int) -> str:
    return f"{points} point{'' if points == 1 else 's'}"


def curves(patient: Patient, program: Program) -> Picture:
    """The patient (solid, orange) and the sound program (dashed, blue): mean of the seeds,
    lowest to highest as a band.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    ends: list[str] = []
    lasts: list[float] = []
    for name, runs, colour, line in (
            ("the sound program", patient.sound, PALETTE[0], "--"),
            (f"patient {patient.number}", patient.broken, PALETTE[1], "-")):
        losses = [downsample(*run.arrays("train_loss"), bins=50) for run in runs]
        _band(left, losses, name, colour, line)
        shares = [run.arrays("val_accuracy") for run in runs]  # (steps, values) of each seed
        last = _band(right, [(steps, 100 * values) for steps, values in shares], name, colour, line)
        lasts.append(last)
        first = np.mean([run.series("train_loss")[0] for run in runs])
        ends.append(f"{name} begins with a loss of {first:.3g} and ends at {last:.0f} %")
    left.set(xlabel="step", ylabel=f"training loss ({program.unit})")
    every = np.concatenate([run.series("train_loss") for run in (*patient.sound, *patient.broken)])
    every = every[np.isfinite(every)]
    if every.max() > 20 * every.min() > 0:  # else one of the two curves would lie on the axis
        left.set_yscale("log")
    right.set(xlabel="step", ylabel=f"{program.metric} (%)", ylim=(0, 100))
    left.legend(frameon=False, fontsize=8)
    what = "photos" if patient.case.data == "cifar10" else "digits"
    figure.suptitle(
        f"Patient {patient.number} ({what}) ends at {lasts[1]:.0f} %, the sound program at "
        f"{lasts[0]:.0f} % (lines: mean of {len(patient.sound)} seeds; bands: lowest to highest)",
        fontsize=10)
    return Picture(figure,
                   f"Patient {patient.number}, {what}: {'; '.join(ends)} ({program.metric}).")


def _band(axes: Axes, series: list[tuple[Any, Any]], name: str, colour: str, line: str) -> float:
    """Mean of the seeds as a line, lowest to highest as a band; returns the last mean."""
    length = min(len(steps) for steps, _ in series)  # a run that diverged is shorter
    steps = series[0][0][:length]
    values = np.stack([values[:length] for _, values in series])  # (seeds, length)
    axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
    axes.plot(steps, values.mean(0), line, color=colour, label=name)
    axes.grid(alpha=0.3)
    return float(values.mean(0)[-1])
