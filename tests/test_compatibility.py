"""What differs between systems: encodings, drives, names of files, modules that not every system
has, kinds of terminals.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe_widgets.core.files import printable
from recipe_widgets.watch.instrument.source_location import SourceLocation

ROOT = Path(__file__).parents[1]
POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"
         )  # modules that Windows lacks
POSIX_NAMES = {
    "os.fork", "os.forkpty", "os.getuid", "os.geteuid", "os.killpg", "os.setsid", "os.mkfifo",
    "os.statvfs", "os.uname", "os.sched_getaffinity", "signal.SIGKILL", "signal.SIGALRM",
    "signal.alarm", "signal.SIGUSR1"
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in (ROOT / "recipe_widgets").rglob("*.py"):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def without_encoding(tree: ast.AST) -> Iterator[int]:
    """Lines that open a text in whatever encoding the system has."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rsplit(".", 1)[-1]
        words = {word.arg: word.value for word in node.keywords}
        texts = [
            one.value for one in (*node.args, *words.values()) if isinstance(one, ast.Constant)
        ]
        binary = any(
            isinstance(text, str) and re.fullmatch(r"[rwxa+]*b[rwxa+]*", text) for text in texts)
        reads = name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute)
        opens = name == "open" and any(
            isinstance(text, str) and re.fullmatch(r"[rwxa]\+?t?", text) for text in texts)
        pipes = "text" in words and any(
            isinstance(one, ast.Attribute) and one.attr == "PIPE" for one in words.values())
        if (reads or opens or pipes) and "encoding" not in words and not binary:
            yield node.lineno


def test_no_text_is_in_the_systems_own_encoding() -> None:
    assert [f"{name}:{line}" for name, tree in sources() for line in without_encoding(tree)] == []


@pytest.mark.parametrize("line", ["p.read_text()", "p.write_text(x)", 'open(p, "w")', 'p.open("r")',
                                  "run(x, text=True, stdout=s.PIPE)"])
def test_the_search_for_encodings_can_find(line: str) -> None:
    assert list(without_encoding(ast.parse(line)))
    for sound in ('p.read_text(encoding="utf-8")', 'open(p, "rb")', 'p.open("a+b")',
                  'run(x, encoding="u8", stdout=s.PIPE)'):
        assert not list(without_encoding(ast.parse(sound)))


def test_nothing_that_windows_lacks_is_named_outside_of_a_question_for_the_system() -> None:
    """Such a name stands below an `if` or in a `try` that asks first."""
    found = []
    for name, tree in sources():
        asked = {
            id(inner) for node in ast.walk(tree) if isinstance(node, ast.If | ast.Try | ast.IfExp)
            for inner in ast.walk(node)
        }
        found += [
            f"{name}:{node.lineno} {ast.unparse(node)}" for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node) in POSIX_NAMES
            and id(node) not in asked
        ]
    assert found == []


def test_every_module_is_imported_where_posix_modules_are_missing() -> None:
    """Those that other packages import are loaded before they are taken away."""
    code = f"""
import importlib, pkgutil, sys
import IPython, ipywidgets, jupyter_client, matplotlib.figure, multiprocessing.util, optuna, sqlalchemy, torchvision, tqdm
import cleanlab, scipy.stats, sklearn.metrics, torch.optim, torch.func, torch.distributed, statsmodels.api
import recipe_widgets
for name in {POSIX!r}:
    if name != "posix":
        sys.modules[name] = None
for one in pkgutil.walk_packages(recipe_widgets.__path__, "recipe_widgets."):
    if not one.name.endswith(("__main__", ".plugin", ".lightning", ".huggingface")):
        importlib.import_module(one.name)
print(len([name for name in sys.modules if name.startswith("recipe_widgets")]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8",
                          check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 200


@pytest.mark.parametrize(("command", "encoding"), [("check", "cp1252"), ("watch", "cp1252"),
                                                   ("watch", "utf-8"), ("data", "ascii"),
                                                   ("--help", "ascii"), ("train", "ascii")])
def test_the_command_line_speaks_to_any_terminal(command: str, encoding: str,
                                                 tmp_path: Path) -> None:
    """A pipe on Windows has no ✗, no → and no µ; the command must not fall over them, and no
    file loses them.
    """
    (tmp_path / "mine.py").write_text(CHECKED, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    arguments = {"check": ["check", "mine:build", "--html", "page.html"],
                 "watch": ["watch", "--html", "page.html", "script.py"],
                 "train": ["train", "--settings", "naïve→.json"]}.get(command, [command])
    surroundings = {
        **os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"
    }
    done = subprocess.run([sys.executable, "-m", "recipe_widgets", *arguments], capture_output=True,
                          check=False, cwd=tmp_path, env=surroundings)
    said = (done.stdout + done.stderr).decode(encoding)
    assert "Traceback" not in said
    assert done.returncode == (2 if command == "train" else 0)  # train: no such file
    if command in ("check", "watch"):
        page, marks = (tmp_path / "page.html").read_text(encoding="utf-8"), ("✓", "✗")
        assert any(mark in page for mark in marks)
        assert any(mark in said for mark in marks) == (encoding == "utf-8")


CHECKED = """import torch
def build():
    x, y = torch.randn(64, 4), torch.arange(64) % 2
    return dict(model=torch.nn.Linear(4, 2), batches=[(x, y)] * 4, loss_fn=torch.nn.functional.cross_entropy)
"""
SCRIPT = """import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
model[0] = torch.nn.Linear(4, 8)
for step in range(60):
    x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
print("done")
"""


def test_what_an_encoding_lacks_becomes_a_question_mark() -> None:
    import io

    assert printable("✗ 3 µs →", io.TextIOWrapper(io.BytesIO(), encoding="cp1252")) == "? 3 µs ?"
    assert printable("✗ 3 µs →", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == "✗ 3 µs →"
    assert printable("✗", io.StringIO()) == "✗"


def test_a_line_on_another_drive_has_its_whole_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_drive(path: str) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", other_drive)
    here = os.path.abspath("train.py")
    assert str(SourceLocation(here, 7)) == f"{here}:7"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_every_file_has_a_name_that_every_system_takes() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    names = done.stdout.decode().split("\0")[:-1]
    folded = [name.lower() for name in names]
    reserved = re.compile(
        r'[<>:"\\|?*\x00-\x1f]|[. ](/|$)|(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)', re.IGNORECASE)
    assert [name for name in names if reserved.search(name)] == []
    assert len(set(folded)) == len(folded)
    assert max(map(len, names)) < 120  # below Windows' 260 with a folder of 140
