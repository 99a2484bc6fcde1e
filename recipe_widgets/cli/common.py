"""What the commands share: exit statuses, the form of a command's help, files that are asked for.

Nothing here imports torch: `recipe --help` and `recipe COMMAND --help` answer at once. A command
imports what it runs inside its `run`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.json_files import read_text

if TYPE_CHECKING:
    from recipe_widgets.core import Settings
    from recipe_widgets.reporting.outputs import ReportOutputs

# Exit statuses, as `recipe --help` lists them.
DONE = 0
DIVERGED = 1  # recipe train: the loss became NaN or infinite
MISTAKE = 2  # in what was asked for; argparse uses this number, too
FOUND = 3  # recipe check, recipe watch: something at or above --fail-on
INTERRUPTED = 130  # by hand: what a shell gives for Ctrl-C (128 + SIGINT)

SEVERITIES = ("error", "warning", "note")  # the worst first
_OLD_WORDS = {"fail": "error", "warn": "warning"}  # of --fail-on, still accepted

# What `commands` is: argparse names the type of `add_subparsers()` with an underscore.
Commands = Any
Run = Callable[[argparse.Namespace], int]


def add_command(commands: Commands, name: str, purpose: str, run: Run,
                examples: str) -> argparse.ArgumentParser:
    """Add a command that explains itself: what it is for, its options, examples.

    Args:
        examples: lines such as "recipe data cifar10", each with what it does after two spaces.
        run: does what was asked for, and gives the exit status.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"examples:{examples}", formatter_class=argparse.RawDescriptionHelpFormatter)
    command.set_defaults(run=run)  # `main` calls it with all arguments
    return command


def add_report_options(command: argparse.ArgumentParser, fail_on: str | None) -> None:
    """The options that `recipe check` and `recipe watch` share: which rules, and what becomes of
    their findings. Those that are not given are None: pyproject.toml may have them.

    Args:
        fail_on: the severity that `--fail-on` names where it is not given; None: no finding does.
    """
    command.add_argument("--select", type=_names, metavar="RULE,RULE",
                         help="judge by these rules only; `recipe rules` lists them")
    command.add_argument("--ignore", type=_names, metavar="RULE,RULE",
                         help="leave these rules out")
    command.add_argument("--fail-on", type=_severity, choices=SEVERITIES,
                         metavar="|".join(SEVERITIES),
                         help=f"exit with {FOUND} when something this bad, or worse, is found; "
                         f"default: {fail_on or 'never'}")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    command.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    command.add_argument("--sarif", type=Path, metavar="FILE",
                         help="write the report as SARIF 2.1.0, for code scanning")
    command.add_argument("--github", action=argparse.BooleanOptionalAction, default=None,
                         help="print findings as annotations of GitHub Actions; "
                         "default: where GITHUB_ACTIONS is true")
    command.add_argument("--baseline", type=Path, metavar="FILE",
                         help="findings that are known: they are told, and do not count")
    command.add_argument("--update-baseline", action="store_true",
                         help="write all that is found now into the baseline")
    command.add_argument("--alert", action="append", default=[], metavar="PROGRAM[:PLACE]",
                         help="tell tensorboard:FOLDER, wandb, mlflow or trackio, each with a "
                         "project or address after a colon; may be given again")


def add_project_options(chosen: argparse.Namespace, start: Path, fail_on: str | None) -> None:
    """Fills in what was not given: from the nearest pyproject.toml, then the defaults.

    Args:
        start: folder where the search for pyproject.toml begins. fail_on: the default.

    Raises:
        RecipeError: `[tool.recipe]` there holds what is no option.
    """
    from recipe_widgets.reporting.project_options import project_options

    project = project_options(start)
    if chosen.select is None:
        chosen.select = project.select
    if chosen.ignore is None:
        chosen.ignore = project.ignore
    chosen.baseline = chosen.baseline or project.baseline
    chosen.fail_on = chosen.fail_on or project.fail_on or fail_on


def outputs_of(chosen: argparse.Namespace) -> ReportOutputs:
    """What is to be written, as the options say. Raises: RecipeError: the baseline is none."""
    from recipe_widgets.reporting.outputs import ReportOutputs

    return ReportOutputs(chosen.json, chosen.html, chosen.sarif, chosen.github, chosen.baseline,
                   chosen.update_baseline, chosen.alert)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _severity(word: str) -> str:
    return _OLD_WORDS.get(word, word)


def read_settings(path: Path | None) -> Settings:
    """The settings in a JSON file; the defaults where there is no path.

    Raises:
        RecipeError: the file cannot be read, or holds no settings.
    """
    from recipe_widgets.core.settings import LONGEST, Settings  # LONGEST: characters of a file

    if path is None:
        return Settings()
    return Settings.from_json(read_text(path, "--settings", "a readable JSON file", LONGEST))


def make_folder(folder: Path) -> None:
    """Make the folder of `--out`, with those above it. Raises: RecipeError: it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character in it
        found = f"{folder} ({getattr(error, 'strerror', None) or error})"
        raise RecipeError("--out", found=found, expected="a folder that can be made") from None
