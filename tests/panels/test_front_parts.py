"""Parts of the front end that need no page: what they make of given numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recipe_widgets.panels.front_widget import FOLDER

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: apt-get install npm")
PLAY = Path(__file__).parents[2] / "docs" / "site" / "play"


def in_node(module: Path, program: str) -> Any:
    """What a program with a module as `it` puts into `found`."""
    text = (f"import * as it from {json.dumps(module.as_uri())};\nlet found;\n{program}\n"
            "process.stdout.write(JSON.stringify(found));")
    done = subprocess.run(["node", "--input-type=module", "-e", text], capture_output=True, text=True,
                          timeout=60, check=False, cwd=Path(__file__).parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_that_goes_on_past_its_end_has_no_mark_of_it() -> None:
    program = """
    const column = (x, y) => ({x, y, n: x.length, last: x.at(-1) ?? 0});
    const lines = steps => {
      const columns = {train_loss: column([0, steps], [2, 1]), val_loss: column([0, 59], [2, 1]),
        whole_val_loss: column([59], [1.1])};
      const run = {facts: {part: "new", label: ""}, steps, column: name => columns[name]};
      return it.Curves.prototype.lines.call({store: {runs: [run]}, smoothing: 0}, 0);
    };
    found = [59, 60, 200].map(steps => lines(steps).filter(line => line.whole).length);
    """
    assert in_node(FOLDER / "curves.js", program) == [1, 0, 0]


@pytest.mark.parametrize(("handles", "text", "shown"), [(1, "0.120", "0.12"), (2, "0.12 – 0.56", "0.12 – 0.56")],
                         ids=["one handle", "two handles"])
def test_the_readout_of_a_range_has_both_ends(handles: int, text: str, shown: str) -> None:
    program = f"""
    const row = {{
      querySelector: () => ({{textContent: {json.dumps(text)}}}), className: "", classList: [],
      querySelectorAll: name => name === ".noUi-handle" ? Array({handles}).fill(0) : [],
    }};
    found = it.Controls.prototype.valueOf.call({{held: true, knobs: {{}}}}, row);
    """
    assert in_node(FOLDER / "controls.js", program) == shown


def test_a_mistake_is_marked_by_more_than_colour_whatever_the_length_of_the_names() -> None:
    program = """
    globalThis.window = {};
    const part = () => ({clientWidth: 0, clientHeight: 0, textContent: ""});
    const said = classes => {
      const tiles = [0, 1].map(() => ({children: [part(), part(), part()], classList: {toggle() {}},
        getAttribute() {}, setAttribute() {}}));
      const look = {probabilities: [2, 2], labels: [0, 1], pictures: [], classes};
      it.Network.prototype.showSamples.call({part: () => new Uint16Array([900, 100, 900, 100]),
        samples: {children: tiles}}, look);
      return tiles.map(tile => tile.children[2].textContent[0]);
    };
    found = [said(["3", "8"]), said(["ship", "lorry"])];
    """
    assert in_node(FOLDER / "network.js", program) == [["3", "✗"], ["s", "✗"]]


def test_a_hand_on_the_sites_page_forks_no_run_that_it_began_itself() -> None:
    program = """
    const old = {status: "running", settings: {}, training: {state() {}}}, done = [];
    const session = {run: old, other: null, passing: old, settings: {}, begin: () => done.push("begin"),
      branch: () => done.push("branch"), end() {}};
    it.Session.prototype.fork.call(session);
    it.Session.prototype.fork.call({...session, passing: null});
    found = done;
    """
    assert in_node(PLAY / "session.js", program) == ["begin", "branch"]
