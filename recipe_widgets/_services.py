"""What records of lower rooms offer and higher rooms do, such as `run.plot()`.

Each function here imports its room when it is called, so that `import recipe_widgets` stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipe_widgets.core import hooks

if TYPE_CHECKING:
    from recipe_widgets.core import CheckResult, Report, Run
    from recipe_widgets.data import Data
    from recipe_widgets.evaluation import Calibration, Confusion, Ledger, Mistakes
    from recipe_widgets.evaluation.seed_comparison import SeedComparison
    from recipe_widgets.plots import Picture
    from recipe_widgets.tune import Tuning


def plot_run(run: Run) -> Picture:
    from recipe_widgets.plots import plot_run

    return plot_run(run)


def plot_check(result: CheckResult) -> Picture:
    from recipe_widgets.plots import plot_check

    return plot_check(result)


def plot_calibration(found: Calibration) -> Picture:
    from recipe_widgets.plots import plot_calibration

    return plot_calibration(found)


def plot_confusion(found: Confusion) -> Picture:
    from recipe_widgets.plots import plot_confusion

    return plot_confusion(found)


def plot_mistakes(found: Mistakes) -> Picture:
    from recipe_widgets.plots import plot_mistakes

    return plot_mistakes(found)


def plot_ledger(ledger: Ledger) -> Picture:
    from recipe_widgets.plots.evaluation import plot_ledger

    return plot_ledger(ledger)


def plot_seed_comparisons(*comparisons: SeedComparison, title: str = "") -> Picture:
    from recipe_widgets.plots.seed_comparison import plot_seed_comparisons

    return plot_seed_comparisons(*comparisons, title=title)


def plot_tuning(tuning: Tuning, kind: str) -> Picture:
    from recipe_widgets.plots.tuning import plot_tuning

    return plot_tuning(tuning, kind)


def run_at(run: Run, step: int) -> Run:
    from recipe_widgets.training.snapshots import at

    return at(run, step)


def script_of(run: Run, data: Data | None, plain: bool) -> str:
    from recipe_widgets.export import script_of

    return script_of(run, data, plain)


def send_alert(report: Report, target: str) -> None:
    from recipe_widgets.reporting.alerts import send_alert

    send_alert(report, target)


def attach() -> None:
    """Put them all into the table of `core.hooks`."""
    services: list[Any] = [plot_run, plot_check, plot_calibration, plot_confusion, plot_mistakes,
                           plot_ledger, plot_seed_comparisons, plot_tuning, run_at, script_of,
                           send_alert]
    hooks.provide(**{service.__name__: service for service in services})
