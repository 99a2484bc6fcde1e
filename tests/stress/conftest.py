"""`make stress` runs this folder with RECIPE_STRESS=1, in full; `make test` runs a short form of each part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.stress.tally import ROWS, Tally, as_property, collect, table

# bounds memory and time by means of POSIX
collect_ignore = [] if os.name == "posix" else ["bad_input"]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Tally]]:
    """`tally("panels made and dropped")` begins a row of the table that is printed at the end."""
    begun: list[Tally] = []

    def begin(what: str) -> Tally:
        begun.append(Tally(what))
        return begun[-1]

    yield begin
    request.node.user_properties += [as_property(one) for one in begun]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        collect(report.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("stress")
        for line in table():
            terminalreporter.line(line)
