"""Scripts run under the watcher as they run alone: output, status, exceptions, numbers to the
last bit.
"""

from __future__ import annotations

import builtins
import json
import os
import runpy
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import recipe_widgets
from recipe_widgets import RecipeError
from recipe_widgets.cli import main
from recipe_widgets.watch import Report, run_script
from recipe_widgets.watch.evidence.recorder import Recorder

HEAD = """
import os, sys
import torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(400, 6)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()
net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
def step(clear=True):
    rows = torch.randint(400, (20,))
    loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
    if clear:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""


@pytest.fixture
def script(tmp_path):
    def write(body: str, head: str = HEAD) -> Path:
        path = tmp_path / "train.py"
        path.write_text(head + textwrap.dedent(body), encoding="utf-8")
        return path

    return write


def watched(path: Path, *arguments: str, steps: int | None = None, **options) -> tuple[int, dict]:
    out = path.parent / "report.json"
    status = run_script(path, arguments, steps, json=out, **options)
    return status, json.loads(out.read_text())


def checks_of(report: dict, *severities: str) -> list[str]:
    return [
        f["check"]
        for f in report["findings"]
        if f["severity"] in (severities or ("error", "warning"))
    ]


def test_healthy_script_passes_and_leaves_no_trace(script, capsys):
    before = (nn.Module.__call__, torch.autograd.backward, torch.save, builtins.print,
              torch.optim.Optimizer.zero_grad, DataLoader.__init__, nn.init.kaiming_uniform_,
              torch.nn.utils.clip_grad_norm_, torch.manual_seed)
    status, report = watched(script("""
        for epoch in range(3):
            print("loss", sum(step() for _ in range(20)))
    """))
    assert status == 0
    assert checks_of(report) == []
    assert report["steps"] == 60
    after = (nn.Module.__call__, torch.autograd.backward, torch.save, builtins.print,
             torch.optim.Optimizer.zero_grad, DataLoader.__init__, nn.init.kaiming_uniform_,
             torch.nn.utils.clip_grad_norm_, torch.manual_seed)
    assert before == after
    assert torch._C._len_torch_function_stack() == 0
    assert "nothing suspicious" in capsys.readouterr().err


def test_finding_names_the_line(script, capsys):
    path = script("for _ in range(40): step(clear=False)\n")
    _, report = watched(path)
    assert checks_of(report) == ["grads_are_cleared"]
    found = report["findings"][0]
    assert set(found) >= {"check", "severity", "message", "evidence", "where", "advice"}
    line = path.read_text().splitlines().index("    loss.backward()") + 1
    assert found["where"].endswith(f"train.py:{line}")
    assert found["evidence"]["code"] == "loss.backward()"
    assert "loss.backward()" in capsys.readouterr().err


def test_numbers_are_the_same_to_the_last_bit(script, capsys):
    path = script("""
        import random
        import numpy as np
        for _ in range(60):
            last = step()
        net.eval()
        with torch.no_grad():
            hits = (net(x).argmax(1) == y).sum().item()
        print(last.hex(), hits, torch.rand(3).tolist(), random.random(), np.random.rand())
    """)
    torch.manual_seed(0)
    outputs = []
    for run in (lambda: runpy.run_path(str(path), run_name="__main__"), lambda: watched(path)):
        import random

        import numpy as np

        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        run()
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0]


@pytest.mark.parametrize(("end", "status"), [("sys.exit(5)", 5), ("sys.exit()", 0),
                                             ("raise SystemExit('no')", 1),
                                             ("raise KeyboardInterrupt", 130), ("1 / 0", 1),
                                             ("pass", 0)])
def test_status_passes_through(script, capsys, end, status):
    got, report = watched(script(f"for _ in range(10): step(clear=False)\n{end}\n"))
    assert got == status
    assert checks_of(report) == ["grads_are_cleared"]  # the report comes all the same
    if "1 / 0" in end:
        err = capsys.readouterr().err
        assert "ZeroDivisionError" in err
        assert "runpy" not in err
        assert "recipe_widgets" not in err.partition("recipe watch:")[0]


def test_arguments_path_and_directory_are_the_scripts_own(script, tmp_path, capsys, monkeypatch):
    (tmp_path / "beside.py").write_text("value = 7\n")
    monkeypatch.chdir(os.path.dirname(__file__))
    path = script("""
        import beside
        print(sys.argv[1:], __name__, beside.value)
        os.chdir("/")
        step()
    """)
    argv, folders = list(sys.argv), list(sys.path)
    out = Path("report_of_chdir.json")
    try:
        status = run_script(path, ["--lr", "1"], json=out)
        os.chdir(os.path.dirname(__file__))
        assert status == 0
        assert out.exists(), "the report lies where it was asked for, not where the script went"
    finally:
        (Path(__file__).parent / out).unlink(missing_ok=True)
    assert "['--lr', '1'] __main__ 7" in capsys.readouterr().out
    assert (sys.argv, sys.path) == (argv, folders)


def test_worker_processes(script):
    status, report = watched(script("""
        from torch.utils.data import DataLoader, TensorDataset
        def main():
            for a, b in DataLoader(TensorDataset(x, y), 40, shuffle=True, num_workers=2):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(a), b).backward()
                optimizer.step()
        if __name__ == "__main__":
            main()
    """))
    assert status == 0
    assert report["steps"] == 10
    assert report["problem"] == ""


def test_no_training_is_said(script, capsys):
    _, report = watched(script("print(1 + 1)\n", head=""))
    assert report["steps"] == 0
    assert "no training seen" in capsys.readouterr().err


def test_steps_limit_and_fail_on(script):
    path = script("for _ in range(50): step(clear=False)\n")
    status, report = watched(path, steps=12, fail_on="error")
    assert report["steps"] == 12
    assert status == 3
    healthy = script("for _ in range(50): step()\n")
    assert watched(healthy, fail_on="warning")[0] == 0


def test_html_is_escaped(script, tmp_path):
    out = tmp_path / "report.html"
    run_script(script("for _ in range(20): step(clear=False)  # <script>\n"), [], html=out)
    page = out.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "grads_are_cleared" in page
    assert "<script>" not in page


def test_a_crash_of_the_watcher_lets_the_script_go(script, monkeypatch, capsys):
    def crash(*_):
        raise ValueError("planted")

    monkeypatch.setattr(Recorder, "before_backward", crash)
    status, report = watched(script("for _ in range(20): step()\nprint('done')\n"))
    assert status == 0
    assert "planted" in report["problem"]
    told = capsys.readouterr()
    assert "done" in told.out
    assert "planted" in told.err
    assert "nothing suspicious" not in told.err
    assert torch._C._len_torch_function_stack() == 0


def test_missing_script():
    with pytest.raises(RecipeError, match="script"):
        run_script(Path("nowhere.py"), [])
    with pytest.raises(RecipeError, match="module"):
        run_script("nowhere.at_all", [], module=True)
    assert main(["watch", "nowhere.py"]) == 2
    assert main(["watch", "-m", "nowhere.at_all"]) == 2


def loop(clear: bool, made: torch.optim.Optimizer | None = None,
         net: nn.Module | None = None) -> None:
    net = net or nn.Linear(4, 2)
    optimizer = made or torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(20):
        if clear:
            optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.randn(16, 4)), torch.randint(2, (16,))).backward()
        optimizer.step()


def test_context_manager():
    with recipe_widgets.watch() as report:
        loop(clear=False)
    assert isinstance(report, Report)
    assert [f.check for f in report.of("error")] == ["grads_are_cleared"]
    with pytest.raises(AssertionError, match="grads_are_cleared"):
        report.raise_for("error")
    with recipe_widgets.watch() as report:
        loop(clear=True)
    assert report.ok
    with pytest.raises(KeyError), recipe_widgets.watch() as report:  # noqa: PT012
        loop(clear=False)
        raise KeyError("the reader's own")
    assert report.of("error")


def test_an_optimizer_made_before_the_watching_is_counted_once():
    net = nn.Linear(4, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    with recipe_widgets.watch() as report:
        loop(clear=True, made=optimizer, net=net)
    assert report.steps == 20
    assert report.ok


def test_modes_of_the_script_may_come_and_go():
    with recipe_widgets.watch() as report:
        net = nn.Linear(4, 2)
        with torch.device("cpu"):
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for _ in range(3):
                net(torch.randn(8, 4)).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
    assert torch._C._len_torch_function_stack() == 0
    assert report.problem == ""


def test_default_device_may_be_set_and_unset():
    with recipe_widgets.watch() as report:
        net = nn.Linear(4, 2)
        torch.set_default_device("cpu")
        try:
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            net(torch.randn(8, 4)).sum().backward()
            optimizer.step()
        finally:
            torch.set_default_device(None)
        net(torch.randn(8, 4))
    assert torch._C._len_torch_function_stack() == 0
    assert report.problem == ""


def test_fixture(recipe_watch):
    loop(clear=False)
    with pytest.raises(AssertionError, match="grads_are_cleared"):
        recipe_watch.check()


def test_fixture_is_silent_on_a_healthy_loop(recipe_watch):
    loop(clear=True)
    recipe_watch.check("warning")
    assert recipe_watch.report().steps == 20


def installed_plugin(folder: Path) -> None:
    """What an installed package tells pytest: its entry point, as pyproject.toml has it."""
    root = Path(recipe_widgets.__file__).parent.parent
    with open(root / "pyproject.toml", "rb") as file:
        points = tomllib.load(file)["project"]["entry-points"]["pytest11"]
    (folder / "plugged-1.dist-info").mkdir()
    (folder / "plugged-1.dist-info" / "METADATA").write_text("Name: plugged\nVersion: 1\n")
    lines = "".join(f"{name} = {module}\n" for name, module in points.items())
    (folder / "plugged-1.dist-info" / "entry_points.txt").write_text("[pytest11]\n" + lines)


@pytest.mark.parametrize("conftest", ["", "pytest_plugins = ['recipe_widgets.watch.plugin']\n"])
def test_pytest_finds_the_fixture_by_itself_and_starts_without_torch(tmp_path, conftest):
    installed_plugin(tmp_path)
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_one.py").write_text(textwrap.dedent("""
        import sys

        def test_start():
            assert "torch" not in sys.modules

        def test_fixture(recipe_watch):
            assert recipe_watch.report().steps == 0
    """))
    root = str(Path(recipe_widgets.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), root])})
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_a_module_is_watched_as_python_runs_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "helper.py").write_text("value = 7\n")
    (tmp_path / "project" / "training.py").write_text(
        "from . import helper\n" + HEAD + "for _ in range(20): step(clear=False)\n"
        "print(sys.argv[1:], __name__, helper.value)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "project", raising=False)
    out = tmp_path / "report.json"
    assert run_script("project.training", ["--lr", "1"], module=True, json=out) == 0
    assert checks_of(json.loads(out.read_text())) == ["grads_are_cleared"]
    assert "['--lr', '1'] __main__ 7" in capsys.readouterr().out


def test_rules_are_selected_and_ignored(script):
    path = script("for _ in range(30): step(clear=False)\n")
    assert checks_of(watched(path, select=["grads_are_cleared"])[1]) == ["grads_are_cleared"]
    assert checks_of(watched(path, select=["clipping"])[1]) == []
    status, report = watched(path, ignore=["grads_are_cleared"], fail_on="error")
    assert "grads_are_cleared" not in checks_of(report)
    assert status == 0
    with pytest.raises(RecipeError, match="grads_are_cleared"):
        watched(path, select=["grads_cleared"])


def test_compiled_models_are_left_alone(script, capsys):
    path = script("""
        fast = torch.compile(net, backend="eager")
        for _ in range(25):
            rows = torch.randint(400, (20,))
            loss = nn.functional.cross_entropy(fast(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
        print(loss.item().hex(), dict(torch._dynamo.utils.counters["graph_break"]))
    """)
    runpy.run_path(str(path), run_name="__main__")
    alone = capsys.readouterr().out
    _, report = watched(path)
    assert capsys.readouterr().out == alone
    assert checks_of(report) == ["grads_are_cleared"]


def test_as_a_command(script, tmp_path):
    path = script("for _ in range(20): step(clear=False)\nprint('trained')\n")
    root = str(Path(recipe_widgets.__file__).parent.parent)
    done = subprocess.run([
        sys.executable, "-m", "recipe_widgets", "watch", "--fail-on", "error",
        str(path), "--own", "1"
    ], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
                          env=os.environ | {"PYTHONPATH": root})
    assert done.returncode == 3
    assert done.stdout == "trained\n"
    assert "grads_are_cleared" in done.stderr
