"""The table of all claims in studies/README.md, made from the records."""

from __future__ import annotations

from recipe_widgets.core.files import write_atomically
from recipe_widgets.evaluation.experiment_record import difference_in_words
from studies.catalogue import FOLDER, experiment, names, record

BEGIN, END = "<!-- claims -->\n", "<!-- end of claims -->"


def table() -> str:
    """One line a claim."""
    lines = ["| claim | verdict | difference with 95 % interval | all arms get | taught in | experiment |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name in names():
        one, found = experiment(name), record(name)
        if found is None:
            lines.append(f"| {one.asks} | not run yet | | {one.equal} | {one.page} | [{name}]({name}.py) |")
            continue
        for answer in found.answers(one):
            lines.append(f"| {answer.question.text} | {answer.verdict} | "
                         f"{difference_in_words(answer, one)} | {one.equal} | {one.page} | [{name}]({name}.py) |")
    return "\n".join(lines) + "\n"


def write_table() -> None:
    path = FOLDER / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomically(path, before + BEGIN + table() + END + after)
