"""What is the matter with a run, in plain words: one judgement, from the rulebook's and from what is
known of the settings; and how it did beside the run before.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from recipe_widgets.core import CheckResult, Run
from recipe_widgets.core.number_words import percent, plain
from recipe_widgets.live.pacing import DIAGNOSE_EVERY, DIAGNOSE_FROM_STEP, DIAGNOSE_SHARE
from recipe_widgets.live.score import LAST_LOSSES, score_of
from recipe_widgets.live.status_text import changed_words, knob_words, number_words
from recipe_widgets.rules import dropout_rate
from recipe_widgets.rules.curve_shape import LossCurve, curve_shape
from recipe_widgets.rules.fit_diagnosis import TrainAndValidation, fit_diagnosis
from recipe_widgets.rules.lr_verdict import CurveAndUpdates, lr_verdict
from recipe_widgets.rules.noise_level import BatchLosses, noise_level

# batches whose accuracy is averaged to the training accuracy, and how many there must be
LAST_BATCHES, FEWEST_BATCHES = 20, 5
# loss / loss of guessing: above the first nothing was learnt, above the second much is missing
GUESSES, HANGS = 0.98, 0.33
FEWEST_TO_LEARN = 200  # steps after which a loss that is still that of guessing says something
STRONG_DECAY, LONG_MOMENTUM = 0.05, 0.97  # where a setting is the likely cause
FEWEST_SAMPLES = 1000  # of a validation set, where the settings do not say how many are looked at
TWO_ERRORS = 1.96  # standard errors within which a difference of accuracies may be chance


def diagnose(run: Run | None, before: Run | None = None, classes: int = 0) -> str:
    """One judgement with the numbers it rests on and what to try; "" while it is too early.

    Args:
        before: the run that it is compared with. classes: K, for the loss of guessing; 0: not
            known.
    """
    if run is None or run.steps_done < min(DIAGNOSE_FROM_STEP, run.settings.max_steps):
        return ""
    if run.status == "diverged":
        return ""  # the words above say why already
    judgement, advice = _judgement(run, classes)
    compared = _beside(run, before)
    if compared is not None and compared.worse:
        advice = f"Go back to {compared.back}."
    parts = (compared.text if compared is not None else "", judgement, advice)
    return " ".join(part for part in parts if part)


class Diagnosis:
    """The newest words on the newest run; while it goes on they are renewed every half second at
    most.
    """

    def __init__(self) -> None:
        self._run: Run | None = None
        self._words = ""
        self._next = 0.0  # time.perf_counter() from which on it is judged anew

    def of(self, run: Run | None, going: bool, before: Run | None = None, classes: int = 0) -> str:
        """What `diagnose` says, now or a moment ago."""
        if not going or run is not self._run or time.perf_counter() >= self._next:
            start = time.perf_counter()
            self._run, self._words = run, diagnose(run, before, classes)
            now = time.perf_counter()
            self._next = now + max(DIAGNOSE_EVERY, (now - start) / DIAGNOSE_SHARE)
        return self._words


def results(run: Run) -> list[CheckResult]:
    """What the rules say of a run, the gravest kind first. This brings the evidence only: what is
    wrong from which number on stands in the rulebook.
    """
    history = run.history
    steps, loss = history.arrays("train_loss")
    update_steps, updates = history.arrays("update_ratio")
    whole = loss
    if run.changes:  # a turned knob bends the curve: only what came after it is judged
        since = run.changes[-1][0]
        if len(steps) - since >= DIAGNOSE_FROM_STEP:
            steps, loss, updates = steps[since:], loss[since:], updates[update_steps >= since]
            # of a network that had learnt by then nobody expects a steep fall; its noise is no leap
            had_learnt = since and _level(whole[:since]) < HANGS * float(whole[0])
            whole = whole if had_learnt else loss
    found = [lr_verdict(CurveAndUpdates(whole, updates, lr=run.newest.lr)),
             curve_shape(LossCurve(loss))]
    looks, val_loss = history.arrays("val_loss")
    if not len(looks):
        return [*found, noise_level(BatchLosses(loss, run.newest.batch_size))]
    _, val_accuracy = history.arrays("val_accuracy")
    _, batches = history.arrays("train_accuracy")  # share right in the batch of each step
    train_accuracy = None
    if len(batches) >= FEWEST_BATCHES:
        train_accuracy = float(batches[-LAST_BATCHES:].mean())
    evidence = TrainAndValidation(steps, loss, looks, val_loss, train_accuracy, val_accuracy)
    return [*found, fit_diagnosis(evidence)]


def _level(losses: np.ndarray) -> float:
    """The training loss at the end of a curve: the median of its last batches."""
    return float(np.median(losses[-LAST_LOSSES:]))


# --- one judgement --------------------------------------------------------------------------------


def _judgement(run: Run, classes: int) -> tuple[str, str]:
    """The gravest cause alone, and what to try: two hints at once may ask for opposite changes."""
    guessing = _guessing_loss(run, classes)
    judged = {result.name: result for result in results(run)}
    _, losses = run.history.arrays("train_loss")
    level = _level(losses)
    settings, rate = run.newest, judged["lr_verdict"]
    stands = f"training loss {plain(level)}, guessing gives {plain(guessing)}"
    if level > HANGS * guessing:
        if settings.init == "zeros" and settings.model != "linear" and level > GUESSES * guessing:
            return (f"Nothing is learnt ({stands}): all weights began at zero, so all units of a "
                    "layer get the same gradient.", "Choose another initialisation.")
        if settings.dropout >= dropout_rate.STRONG:
            return (f"Hardly anything is learnt ({stands}): a dropout of "
                    f"{number_words(settings.dropout)} leaves few units to learn with.", "Less of it.")
        if settings.momentum >= LONG_MOMENTUM and rate.details["verdict"] in ("too high", "high"):
            times = 1 / (1 - settings.momentum)
            return (f"The steps are too long ({stands}): with a momentum of "
                    f"{number_words(settings.momentum)} a learning rate acts like one {times:.0f} "
                    "times as high.", "Less momentum, or a lower rate.")
    # worse than guessing can only be steps that leap, whatever the shape of the curve
    if _knows_guessing(run, classes) and level > guessing / GUESSES and rate.details["verdict"] in (
            "low", "good", "unknown"):
        return f"The learning rate is too high: worse than guessing ({stands}).", _try(settings.lr / 10)
    if rate.status == "warn":
        finding, advice = _sentences(rate)
        return finding, f"{advice.removesuffix('.')} (not tried yet)."
    if _knows_guessing(run, classes) and level > GUESSES * guessing and len(losses) >= FEWEST_TO_LEARN:
        return (f"Nothing is learnt ({stands}).",
                "Look at the range of the inputs, and for dead units in the network below.")
    if judged.get("fit_diagnosis") is None:  # no validation set
        warned = [result for result in judged.values() if result.status in ("warn", "fail")]
        return _sentences(warned[0]) if warned else ("", "")
    return _of_fit(run, judged, level, guessing)


def _of_fit(run: Run, judged: dict[str, CheckResult], level: float, guessing: float) -> tuple[str, str]:
    """Where the learning rate is not to blame for certain: how the two curves end."""
    fit, settings = judged["fit_diagnosis"], run.newest
    verdict = fit.details["verdict"]
    if verdict == "overfitting":
        return _sentences(fit)
    if judged["curve_shape"].details["shape"] == "jumps":
        return _sentences(judged["curve_shape"])
    if verdict == "unknown":
        return "", ""
    score = score_of(run)
    ends = f"training loss {plain(level)}"
    if score is not None:
        ends += f", validation loss {plain(score.loss)}"
    if settings.weight_decay >= STRONG_DECAY and level > HANGS / 2 * guessing:
        return (f"The curves hang ({ends}): a weight decay of "
                f"{number_words(settings.weight_decay)} keeps the weights small.", "Less of it.")
    if verdict == "still improving" and run.status != "done":
        return f"Still falling ({ends}).", ""
    if verdict == "still improving":
        return f"It was still falling at the end ({ends}).", "Train longer."
    if level > HANGS * guessing:
        return (f"Both curves hang ({ends}; guessing gives {plain(guessing)}). Steps that are too long "
                "and a model that is too small look alike.",
                f"{_try(settings.lr / 3)} If that changes nothing, a larger model.")
    return f"The curves end together ({ends}).", ""


def _try(rate: float) -> str:
    return f"Try a learning rate of {rate:.2g} (not tried yet)."


def _knows_guessing(run: Run, classes: int) -> bool:
    return classes > 1 and run.settings.loss == "cross_entropy"


def _guessing_loss(run: Run, classes: int) -> float:
    """Cross-entropy of even odds, ln K in nats; the first losses where that says nothing."""
    if _knows_guessing(run, classes):
        return math.log(classes)
    _, losses = run.history.arrays("train_loss")
    return float(np.median(losses[:FEWEST_BATCHES]))


# --- beside the run before ------------------------------------------------------------------------


class Compared(NamedTuple):
    """A run and the one before: what is said, whether it got worse, and the old settings."""

    text: str
    worse: bool
    back: str


def _beside(run: Run, before: Run | None) -> Compared | None:
    """For example "learning rate 0.05 → 0.16: 96.0 → 84.6 %, worse."; None where they cannot be
    compared: other data, or another length.
    """
    if before is None or before is run or run.status == "running":
        return None
    if "val_accuracy" not in run.history or "val_accuracy" not in before.history:
        return None
    changed = changed_words(run, before)
    same = run.data_name == before.data_name and run.steps_done == before.steps_done
    if not changed or not same:
        return None
    scores = [score_of(one) for one in (before, run)]
    alike = all(score is not None and score.whole for score in scores)
    old, new = (score.accuracy if alike and score is not None else one.history.last("val_accuracy")
                for score, one in zip(scores, (before, run), strict=True))
    # standard error of the difference of two shares of so many samples each
    samples = run.settings.eval_samples or FEWEST_SAMPLES
    if alike and run.data is not None:
        samples = len(run.data.validation.y)
    beyond = abs(new - old) > TWO_ERRORS * math.sqrt((old * (1 - old) + new * (1 - new)) / samples)
    word = ("worse" if new < old else "better") if beyond else "no difference beyond chance"
    text = f"{changed[:1].upper()}{changed[1:]}: {percent(old)} → {percent(new)}, {word}."
    return Compared(text, beyond and new < old, knob_words(before.newest, run.newest))


# --- sentences ------------------------------------------------------------------------------------


def _sentences(result: CheckResult) -> tuple[str, str]:
    """A result as the page says it: the finding with its numbers, and what to try."""
    text = result.message[:1].upper() + result.message[1:]
    numbers = []
    if result.expected is not None:  # a number alone says nothing
        pairs = (("seen", result.measured), ("expected", result.expected))
        numbers = [f"{word} {_short(value)}" for word, value in pairs if _is_told(value)]
    unit = f" {result.unit}" if result.unit and numbers else ""
    seen = f" ({', '.join(numbers)}{unit})" if numbers else ""
    return f"{text}{seen}.", "" if result.ok else result.advice


def _is_told(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _short(value: object) -> str:
    return plain(value) if isinstance(value, float) else str(value)
