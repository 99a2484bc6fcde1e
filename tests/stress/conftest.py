"""`make stress` runs this folder with RECIPE_STRESS=1, in full; `make test` runs a short form of each part."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stress.tally import ROWS, Tally, table


@pytest.fixture
def tally() -> Callable[[str], Tally]:
    """`tally("panels made and dropped")` begins a row of the table that is printed at the end."""

    def begin(what: str) -> Tally:
        ROWS.append(Tally(what))
        return ROWS[-1]

    return begin


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("stress")
        for line in table():
            terminalreporter.line(line)
