"""The pages: links mended, pictures inside, nothing from a network; and the check that would
find it.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from markupsafe import escape
from nbconvert import HTMLExporter

from docs.site.api import documented, without_dead_links
from docs.site.build import build, emptied, lessons
from docs.site.check import must_be_whole, problems
from docs.site.links import REPOSITORY, mended, page_of
from docs.site.page import TEMPLATES
from docs.site.texts import with_usual_places, words
from recipe_widgets import RecipeError
from recipe_widgets.rules.rulebook import all_rules
from tests.site.conftest import Built


@pytest.mark.parametrize(("link", "becomes"), [
    ("05_overfit.ipynb#1.-One-sample", "05_overfit.html#1.-One-sample"),
    ("GLOSSARY.md", "GLOSSARY.html"),
    ("../README.md", "../README.html"),
    ("https://example.org/a.md", "https://example.org/a.md"),
    ("#here", "#here"),
    ("nowhere.md", "nowhere.md"),
])
def test_links_lead_to_pages(link: str, becomes: str) -> None:
    assert mended(f'<a class="x" href="{link}">to <b>it</b></a>', "notebooks/README.md") == \
        f'<a class="x" href="{becomes}">to <b>it</b></a>'


def test_links_to_what_the_site_does_not_hold_become_words() -> None:
    assert mended('<a href="../LICENSE">the licence</a>, <a href="../data">data</a>', "notebooks/README.md") == \
        "the licence, data"


def test_pictures_become_part_of_the_page_and_remote_ones_words() -> None:
    inside = mended('<img src="docs/live-panel.gif" alt="panel">', "README.md")
    assert inside.startswith('<img src="data:image/gif;base64,R0lGOD')
    assert inside.endswith('alt="panel">')
    assert mended('<source srcset="docs/live-panel.gif">',
                  "README.md").startswith('<source srcset="data:image/gif;base64,')
    assert mended('<img alt="tests: passing" src="https://example.org/badge.svg">',
                  "README.md") == "<em>tests: passing</em>"


def test_each_lesson_has_its_page_with_all_its_pictures(built: Built) -> None:
    assert len(lessons()) == 12
    for source in lessons():
        notebook = nbformat.read(REPOSITORY / source, as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        pictures = sum("image/png" in output.get("data", {}) for output in outputs)
        page = (built.folder / page_of(source)).read_text()
        assert page.count('src="data:image/') == pictures > 0
        assert 'alt=""' not in page


def test_printed_numbers_are_in_the_page(built: Built) -> None:
    page = (built.folder / "notebooks" / "00_start_here.html").read_text()
    assert "Every run of A beats every run of B." in page
    assert 'href="../replays/mnist.html"' in page


def test_the_map_leads_to_the_lessons(built: Built) -> None:
    index = (built.folder / "index.html").read_text()
    for source in lessons()[1:]:
        assert f'<a href="{page_of(source)}" style=' in index
    assert "ipynb" not in index


def test_every_rule_is_on_the_page_of_rules(built: Built) -> None:
    page = (built.folder / "rules.html").read_text()
    assert len(all_rules()) > 1
    for name, rule in all_rules().items():
        assert f'<h2 id="{name}">' in page
        for heading, text in rule.sections.items():
            assert f"<h3>{heading}</h3>\n<p class=\"plain\">{escape(text)}</p>" in page, name


def test_the_built_site_is_whole(built: Built) -> None:
    assert problems(built.folder) == []


def test_no_page_may_reach_out(built: Built) -> None:
    for page in built.folder.rglob("*.html"):
        if "api" not in page.parts:
            assert "default-src 'none'" in page.read_text()


@pytest.mark.parametrize(
    ("body", "problem"),
    [('<script src="https://cdn.example.org/x.js"></script>', "loads https://cdn.example.org/x.js"),
     ('<img src="//example.org/x.png">', "loads //example.org/x.png"),
     ('<link rel="stylesheet" href="http://example.org/x.css">', "loads http://example.org/x.css"),
     ("<style>a{background:url('https://example.org/x.png')}</style>",
      "loads https://example.org/x.png"),
     ('<style>@import "https://example.org/x.css";</style>', "loads https://example.org/x.css"),
     ('<p style="background:url(https://example.org/y.png)">', "loads https://example.org/y.png"),
     ('<img src="gone.png">', "loads gone.png"),
     ('<a href="gone.html">x</a>', "links to gone.html, which is not there"),
     ('<a href="../outside.html">x</a>', "links to ../outside.html, which is not there"),
     ('<a href="#gone">x</a>', "links to #gone, but that page has no such place"),
     ('<a href="b.html#gone">x</a>', "links to b.html#gone, but that page has no such place"), ])
def test_the_check_finds(tmp_path: Path, body: str, problem: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.html").touch()
    (site / "b.html").write_text('<p id="there">')
    (site / "a.html").write_text(body)
    assert problems(site) == [f"a.html: {problem}"]
    with pytest.raises(RecipeError, match="1 problems"):
        must_be_whole(site)


def test_the_check_lets_good_pages_pass(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<p id="a-·-place">')
    (tmp_path / "a.html").write_text(
        '<img src="data:,"><a href="https://example.org">x</a><a href="b.html#a-%C2%B7-place">x</a>'
        "<p>url(https://example.org) is no load in a text</p>")
    assert problems(tmp_path) == []


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RecipeError, match="an empty or a new folder"):
        build(tmp_path, tmp_path / "recordings", [])
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_site_is_built_in_place_of_the_old_one(tmp_path: Path) -> None:
    emptied(tmp_path / "site")
    (tmp_path / "site" / "old.html").touch()
    emptied(tmp_path / "site")
    assert not (tmp_path / "site" / "old.html").exists()


def test_the_reference_tells_signatures_and_docstrings(built: Built) -> None:
    page = (built.folder / "api" / "recipe_widgets.html").read_text()
    for name in ("Settings", "train", "LivePanel", "load", "RecipeError"):
        assert f'<section id="{name}">' in page
    assert "Train to the end of" in page
    assert "doctest" not in page
    assert {"recipe_widgets", "recipe_widgets.checks", "recipe_widgets.tune"} <= set(documented())


def test_links_to_places_that_are_left_out_become_words() -> None:
    assert without_dead_links('<p id="a"><a href="#a">A</a> <a href="#b"><b>B</b></a>') == \
        '<p id="a"><a href="#a">A</a> <b>B</b>'


def test_headings_are_found_under_both_names() -> None:
    heading = '<h2 id="In-CI:-tests-&amp;-more">In CI: <code>tests</code> &amp; more</h2>'
    assert with_usual_places(heading) == f'<span id="in-ci-tests--more"></span>{heading}'
    assert with_usual_places('<h2 id="checks">checks</h2>') == '<h2 id="checks">checks</h2>'


def test_words_of_a_heading() -> None:
    assert words(
        'Tanh &amp; <code>relu</code><a class="anchor-link" href="#x">¶</a>') == "Tanh & relu"


def test_a_picture_is_shown_as_the_svg_that_follows_the_theme_with_its_words() -> None:
    images = {"image/svg+xml": "<svg/>", "image/png": "aGk=", "text/plain": "[picture] LivePanel(mnist) a line"}
    output = nbformat.v4.new_output("execute_result", images,
                                    metadata={kind: {"alt": "a <line>"} for kind in ("image/svg+xml", "image/png")})
    for kind, address in (("image/svg+xml", "data:image/svg+xml;base64,"), ("image/png", "data:image/png;base64,aGk=")):
        exporter = HTMLExporter(template_name="lesson", extra_template_basedirs=[str(TEMPLATES)])
        page, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[
            nbformat.v4.new_code_cell("1", outputs=[output])]), {"replays": ["mnist"]})
        assert page.count("<img") == 1
        assert address in page
        assert 'alt="a &lt;line&gt;"' in page
        assert 'href="../replays/mnist.html"' in page
        del output["data"][kind]
