"""The pages beside the notebooks: every idea listed once, links alive, words sorted, named
checks importable.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

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
