"""The tables in studies/README.md, made from the records: all claims, and what they say of numbers
that pages of the course gave before.
"""

from __future__ import annotations

import numpy as np

from recipe_widgets.core.files import write_atomically
from recipe_widgets.evaluation.experiment import Experiment
from recipe_widgets.evaluation.experiment_record import ExperimentRecord, difference_in_words

from .catalogue import FOLDER, experiment, fresh_record, names

BEGIN, END = "<!-- claims -->\n", "<!-- end of claims -->"
BEGIN_PAGES, END_PAGES = "<!-- pages -->\n", "<!-- end of pages -->"
BEGIN_TIME, END_TIME = "<!-- time -->\n", "<!-- end of time -->"

# (notebook, what it said from unfair or too short trainings, experiments that ask again, or tests
# of what was mended)
SAID: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("02", "a linear model reaches 33.8 % on CIFAR-10, and one hidden layer is the big step",
     ("linear_or_hidden", )),
    ("02", "three to five layers are a step back", ("depth_ladder", )),
    ("04", "the sigmoid is last by far", ("activations", )),
    ("05", "2 layers instead of 10: 91.4 % against 11.2 %", ("deep_init", )),
    ("05", "LeNet beats ResNet-8 and Inception", ("architectures", )),
    ("06", "Adam at 3e-4 and tuned SGD: no difference beyond the seeds' spread", ("optimizers_cifar", )),
    ("06", "without momentum, a constant rate beats every schedule by 7 points", ("cool_down", )),
    ("07", "shifted images cost more than they bring", ("shifted_images", )),
    ("07", "the curve of error against data has flattened", ("more_data", )),
    ("07", "random backgrounds bring 24.6 points in a world never seen", ("backgrounds", )),
    ("07, 08", "regularisers bring nothing", ("regularise_many", "regularise_few", "regularise_noisy")),
    ("08", "a patience of 10 gets most of the gain of early stopping", ("patience", )),
    ("09", "momentum explains 46 %, the learning rate 15 %", ("importances", )),
    ("09", "random search and TPE over 1,000 repeats of one table", ("searches", )),
    ("10", "averages gain less where the rate falls to zero", ("averaging", )),
    ("10", "60.4 % on the validation set, 57.1 % on the test set", ("honesty_gap", )),
    ("01", "1,504 labels of 12,000 are all but surely wrong", ("tests/checks/test_label_noise.py", )),
    ("01", "`split` deals images of the official test set into the training set",
     ("tests/data/test_vault_holds.py", )),
)


def table() -> str:
    """One line a claim."""
    lines = ["| claim | verdict | difference with 95 % interval | all arms get | taught in | experiment |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name in names():
        one, found = experiment(name), fresh_record(name)
        if found is None:
            lines.append(f"| {one.asks} | not run yet | | {one.equal} | {one.page} | [{name}]({name}.py) |")
            continue
        for answer in found.answers(one):
            lines.append(f"| {answer.question.text} | {answer.verdict} | "
                         f"{difference_in_words(answer, one)} | {one.equal} | {one.page} | [{name}]({name}.py) |")
    return "\n".join(lines) + "\n"


def pages_table() -> str:
    """One line for each number that a page gave: what the fair experiment reached."""
    lines = ["| notebook | it said | measured again |", "| --- | --- | --- |"]
    for page, said, asked in SAID:
        found = [(experiment(name), fresh_record(name)) for name in asked if name in names()]
        answers = [f"[{one.name}]({one.name}.py): {reached(one, of)}"
                   for one, of in found if of is not None]
        answers += [f"mended: [{path}](../{path})" for path in asked if path.endswith(".py")]
        lines.append(f"| {page} | {said} | {'; '.join(answers) or 'not yet'} |")
    return "\n".join(lines) + "\n"


def time_words() -> str:
    """How long the records took, on one thread; waiting for neighbours left out."""
    seconds = {name: float(found.about["cpu_seconds"]) for name in names()
               if (found := fresh_record(name)) is not None}
    longest = max(seconds, key=lambda name: seconds[name])
    return (f"The {len(seconds)} records of {len(names())} experiments took {sum(seconds.values()) / 60:.0f} "
            f"minutes of one core with AVX-512, the longest ({longest}) {seconds[longest] / 60:.1f}.\n")


def reached(one: Experiment, found: ExperimentRecord) -> str:
    """The mean of each arm over both sets of seeds."""
    scale, unit = (100, " %") if one.unit == "share" else (1, f" {one.unit}")
    return ", ".join(f"{name} {scale * np.mean([*found.scores[name], *found.again[name]]):.1f}{unit}"
                     for name in found.scores)


def write_table() -> None:
    path = FOLDER / "README.md"
    text = path.read_text(encoding="utf-8")
    for begin, end, made in ((BEGIN, END, table()), (BEGIN_PAGES, END_PAGES, pages_table()),
                             (BEGIN_TIME, END_TIME, time_words())):
        before, _, rest = text.partition(begin)
        text = before + begin + made + end + rest.partition(end)[2]
    write_atomically(path, text)
