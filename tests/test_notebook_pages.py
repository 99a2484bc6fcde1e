"""The pages beside the notebooks: every idea listed once, links alive, words sorted, named
checks importable.
"""

from __future__ import annotations

import copy
import importlib
import math
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import torchvision
from matplotlib import pyplot
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

HERE = Path(__file__).parents[1] / "notebooks"
PAGES = ("CHECKLIST.md", "GLOSSARY.md", "README.md", "TEACHING.md")
LINK = re.compile(r"\]\(((?!https?:)[^\s#]+?)(?:#(\S+?))?\)(?=[\s.,;:|]|$)", re.M)
# How many ideas each group has: A1 to A4, D1 to D12, ...; 92 in all.
IDEAS = {
    "A": 4, "D": 12, "S": 12, "W": 6, "G": 10, "O": 11, "P": 9, "R": 14, "T": 4, "Q": 6, "Y": 4
}


@cache
def cells(file: str) -> tuple[nbformat.NotebookNode, ...]:
    return tuple(nbformat.read(HERE / file, as_version=4).cells)


@cache
def sections(file: str) -> frozenset[str]:
    text = "\n".join(cell.source for cell in cells(file) if cell.cell_type == "markdown")
    return frozenset(
        re.sub(r"\s", "-", heading) for heading in re.findall(r"^#+ (.+)$", text, re.M))


def plain(text: str) -> str:
    """Small letters, and one blank for each gap, hyphen and underscore."""
    return re.sub(r"[\s*_-]+", " ", text).casefold()


@cache
def words(file: str) -> str:
    """Everything a notebook says, in its text, code and outputs."""
    said = [cell.source for cell in cells(file)]
    for cell in cells(file):
        for output in cell.get("outputs", ()):
            said += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return plain(" ".join(said))


def names(text: str) -> set[str]:
    """What stands in backquotes at the end of the checklist's lines."""
    return {name for line in text.splitlines() if line.startswith("- [ ]")
            for name in re.findall(r"`([\w.]+)`", line.rsplit(" · ", 1)[1])}


def found(name: str) -> object:
    """The object of a dotted name such as checks.run_all or Settings.simplest, seen from the
    package.
    """
    parts = name.split(".")
    here: object = importlib.import_module("recipe_widgets")
    for at, part in enumerate(parts):
        try:
            here = getattr(here, part)
        except AttributeError:
            here = importlib.import_module(".".join(["recipe_widgets", *parts[: at + 1]]))
    return here


@pytest.mark.parametrize("page", PAGES)
def test_links_are_alive(page: str) -> None:
    links = LINK.findall((HERE / page).read_text())
    assert len(links) > 10
    for file, anchor in links:
        assert (HERE / file).exists(), f"{page}: no file {file}"
        if anchor:
            assert anchor in sections(file), f"{page}: no section {anchor} in {file}"


def test_every_idea_is_listed_once() -> None:
    rows = re.findall(r"^\| ([A-Z]\d+) \|", (HERE / "README.md").read_text(), re.M)
    wanted = [f"{group}{number + 1}" for group, count in IDEAS.items() for number in range(count)]
    assert len(wanted) == 92
    assert sorted(rows) == sorted(wanted)


def entries() -> list[tuple[str, str, str]]:
    """Term, definition, notebook."""
    return re.findall(r"^- \*\*(.+?)\*\*: (.+) \[[^]]+\]\((\w+\.ipynb)\S*\)$",
                      (HERE / "GLOSSARY.md").read_text(), re.M)


def test_the_glossary_is_sorted_and_terse() -> None:
    every = entries()
    assert len(every) > 150
    assert len(every) == (HERE / "GLOSSARY.md").read_text().count("\n- ")
    keys = [re.sub(r"[^0-9a-z]+", " ", term.casefold()).strip() for term, _, _ in every]
    assert keys == sorted(set(keys))
    for term, said, _ in every:
        assert said.endswith((".", ".)")), term
        assert len(said) < 260, term


@pytest.mark.parametrize("term", entries(), ids=lambda entry: entry[0])
def test_the_lesson_of_a_word_uses_it(term: tuple[str, str, str]) -> None:
    assert plain(term[0]) in words(term[2])


def test_the_checklist_names_what_there_is() -> None:
    text = (HERE / "CHECKLIST.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("- [ ]")]
    assert len(lines) > 40
    for line in lines:
        assert re.fullmatch(r"- \[ \] \*\*.+?\*\*.+ \[\d\d · .+?\]\(\S+\) · `.+`", line), line
    for name in names(text):
        assert found(name) is not None, name


def idioms() -> list[str]:
    """The plain PyTorch below each line of the checklist."""
    return [code.replace("`, then `", "\n") for code in re.findall(
        r"^  <br>`(.+)`$", (HERE / "CHECKLIST.md").read_text(), re.M)]


def test_each_line_of_the_checklist_has_its_idiom() -> None:
    assert len(idioms()) == (HERE / "CHECKLIST.md").read_text().count("- [ ]")


@pytest.mark.parametrize("number", range(len(idioms())))
def test_the_idioms_of_the_checklist_run(number: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y = torch.rand(200, 1, 28, 28), torch.arange(200) % 10
    dataset = torch.utils.data.TensorDataset(x, y)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    around: dict[str, Any] = {
        "torch": torch, "torchvision": torchvision, "nn": nn, "F": F, "np": np, "math": math,
        "copy": copy, "random": random, "plt": pyplot, "v2": v2,
        "train_test_split": train_test_split, "x": x, "y": y, "dataset": dataset, "model": model,
        "x_train": x, "y_train": y, "x_val": x, "y_val": y, "loss": loss, "models": [model, model],
        "optimizer": torch.optim.SGD(model.parameters(), 0.1), "step": 1, "losses": [2.0, 1.0],
        "my_labels": y[:50], "epochs": 3, "more_data": dataset, "mine": lambda x: F.softmax(x, -1),
        "loader": torch.utils.data.DataLoader(dataset, 64), "MyFunction": Cube,
        "path": tmp_path / "all.pt",
    }
    try:
        exec(compile(idioms()[number], "the idiom", "exec"), around)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.autograd.set_detect_anomaly(False)
        pyplot.close("all")


class Cube(torch.autograd.Function):
    """A derivative by hand."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, out: torch.Tensor) -> torch.Tensor:
        return 3 * ctx.saved_tensors[0]**2 * out


def test_the_checklist_goes_through_the_stages_in_order() -> None:
    stages = re.findall(r"^## (\d+)\. ", (HERE / "CHECKLIST.md").read_text(), re.M)
    assert stages == [str(number) for number in range(1, 12)]


def test_a_name_that_is_not_there_would_be_noticed() -> None:
    with pytest.raises(ImportError):
        found("checks.no_such_check")


def test_the_teachers_page_has_every_lesson() -> None:
    text = (HERE / "TEACHING.md").read_text()
    for notebook in HERE.glob("*.ipynb"):
        assert f"]({notebook.name})" in text
