"""The shell's front door: help that explains itself, exit statuses that are kept."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from recipe_widgets import Run, Settings
from recipe_widgets.cli import EPILOG, SPINS, main, parser

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (one for one in parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


def examples() -> list[str]:
    """All lines of all helps that begin with `recipe`, without what is said about them after two
    spaces.
    """
    texts = [EPILOG, *(one.epilog or "" for one in commands().values())]
    lines = [
        line.strip() for text in texts for line in text.splitlines() if line.startswith("  recipe ")
    ]
    return [re.split(r" {2,}", line)[0] for line in lines]


def statuses(text: str) -> dict[str, str]:
    """Exit statuses and their meaning, from the help or from the guide's table."""
    return {
        number: said.strip().lower()
        for number, said in re.findall(r"^[ |]*(\d+) [ |]+([^|\n]+)", text, re.M)
    }


def test_every_command_shows_examples() -> None:
    assert set(commands()) == {"train", "check", "watch", "rules", "explain", "tune", "data",
                               "course"}
    for name, one in commands().items():
        assert one.description, name
        assert f"  recipe {name}" in (one.epilog or ""), name


@pytest.mark.parametrize("line", examples())
def test_the_examples_of_the_help_are_understood(line: str) -> None:
    assert parser().parse_args(shlex.split(line)[1:]).command == line.split()[1]


def test_the_guide_lists_the_exit_statuses_of_the_help() -> None:
    told = statuses(EPILOG[EPILOG.index("exit status"):])
    assert set(told) == {"0", "1", "2", "3", "130"}
    guide = GUIDE.read_text(encoding="utf-8")
    assert statuses(guide[guide.index("| exit status"):]) == told


# None in sys.modules: to import torch is an error, wherever it is tried
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from recipe_widgets.cli import main
status = 0
try:
    status = main({words})
except SystemExit as ended:
    status = ended.code
sys.modules.pop("torch")
print(f"status {{status}}, torch loaded: {{any(one.split('.')[0] == 'torch' for one in sys.modules)}}")
"""


@pytest.mark.parametrize(("line", "said"), [
    ("--help", "exit status"), ("--version", "recipe_widgets 0."),
    *[(f"{name} --help", "examples") for name in commands()], ("watch --schema", '"findings"'),
    ("rules", "rules; `recipe explain NAME`"), ("rules --json", '"loss_at_init"'),
    ("explain loss_at_init", "How to mend"),
])
def test_what_runs_nothing_of_the_readers_does_without_torch(line: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH.format(words=line.split())],
                          capture_output=True, text=True, check=False, timeout=120)
    assert said in done.stdout, done.stderr
    assert done.stdout.endswith("status 0, torch loaded: False\n"), done.stderr


@pytest.mark.parametrize(("line", "spins"), [("data", SPINS), ("watch no_such.py", None)],
                         ids=["ours", "a_script"])
def test_idle_threads_soon_sleep_in_commands_of_ours_only(
        line: str, spins: str | None, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    """A script that is watched keeps its environment."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "whatever, so that it is put back")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    main(line.split())
    assert os.environ.get("GOMP_SPINCOUNT") == spins
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    main(line.split())
    assert os.environ["GOMP_SPINCOUNT"] == "7"  # the user's own
    capsys.readouterr()


def test_make_lab_says_the_same_of_idle_threads() -> None:
    makefile = (GUIDE.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert f"\nexport GOMP_SPINCOUNT ?= {SPINS}\n" in makefile


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in ((["--help"], "exit status"), (["--version"], "recipe_widgets 0."),
                        (["tune", "--help"], "examples")):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
        assert said in capsys.readouterr().out


def test_train_writes_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(Settings(max_steps=12, width=8).to_json())
    assert main(["train", "--settings",
                 str(tmp_path / "run.json"), "--out",
                 str(tmp_path / "out")]) == 0
    run = Run.from_json((tmp_path / "out" / "run.json").read_text())
    assert (run.status, run.steps_done) == ("done", 12)


def test_a_run_that_diverges_gives_1(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        Settings(max_steps=300, width=64, depth=4, lr=10.0, momentum=0.9).to_json())
    assert main(["train", "--settings", str(tmp_path / "run.json")]) == 1


@pytest.mark.parametrize("words",
                         [["train", "--settings", "missing.json"],
                          ["train", "--settings", "bad.json"], ["train", "--data", "imagenet"],
                          ["train", "--resume"], ["watch", "missing.py"], ["check", "nowhere"]])
def test_slips_give_2_and_one_line(words: list[str], tmp_path: Path,
                                   monkeypatch: pytest.MonkeyPatch,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.json").write_text('{"lr": "fast"}')
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"recipe {words[0]}: ")


def test_a_search_stopped_by_hand_gives_130(tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    from recipe_widgets.tune import Tuning

    def stop(self: Tuning, progress: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tuning, "run", stop)
    assert main(["tune", "--trials", "1", "--out", str(tmp_path)]) == 130


@pytest.mark.parametrize("module", ["recipe_widgets", "recipe_widgets.cli"])
def test_python_runs_it_as_a_module_too(module: str) -> None:
    told = subprocess.run([sys.executable, "-m", module, "explain", "loss_at_init"],
                          capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "loss_at_init" in told.stdout
