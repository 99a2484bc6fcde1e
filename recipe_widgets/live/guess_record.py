"""How good a reader's guesses are, over weeks: one line of a file for each that a run has answered."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from recipe_widgets.core import RecipeError, Run
from recipe_widgets.core.files import state_folder
from recipe_widgets.live.guess import COLUMNS, Guess

FILE = "guesses.jsonl"
FEWEST, NEWEST = 3, 5  # guesses that say something; those that are set against all
MOST = 2000  # lines that are read


@dataclass(frozen=True)
class AnsweredGuess:
    """One guess. error: mean distance from what came; bias: mean of what came less what was guessed;
    both in per cent for accuracies, in nats for losses.
    """

    when: str
    what: str
    column: str
    error: float
    bias: float


def answered(guess: Guess, run: Run) -> AnsweredGuess | None:
    """The guess beside a run; None where the run has nothing to compare with."""
    gaps = guess.gaps(run)
    if not len(gaps):
        return None
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return AnsweredGuess(when, run.what, guess.column, float(abs(gaps).mean()), float(gaps.mean()))


def read_guesses(folder: Path | None = None) -> list[AnsweredGuess]:
    """Those on record, the oldest first; a line that cannot be read is left out."""
    file = (folder or state_folder()) / FILE
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-MOST:]:
        try:
            found.append(AnsweredGuess(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def record(new: AnsweredGuess, folder: Path | None = None) -> str:
    """Write a guess down; returns how good the guesses of this kind have been."""
    try:
        folder = folder or state_folder()
        earlier = [one for one in read_guesses(folder) if one.column == new.column]
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(new)) + "\n")
    except (OSError, RecipeError) as error:
        return f"The guess could not be written down: {error}"
    return calibration([*earlier, new])


def calibration(guesses: list[AnsweredGuess]) -> str:
    """What some guesses of one column say of who made them; "" for too few."""
    if len(guesses) < FEWEST:
        return ""
    _, factor, label = COLUMNS[guesses[0].column]
    unit = " points" if factor == 100 else ""
    errors = [one.error for one in guesses]
    text = f"Your {len(guesses)} guesses of the {label} were {statistics.median(errors):.2g}{unit} off at the median"
    if len(guesses) > NEWEST:
        text += f", the newest {NEWEST} {statistics.median(errors[-NEWEST:]):.2g}"
    above = sum(one.bias > 0 for one in guesses)
    if above in (0, len(guesses)):
        text += ", always too low" if above else ", always too high"
    return text + "."
