"""`make stress` runs this folder with RECIPE_STRESS=1, in full; `make test` runs a short form of
each part.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.stress.tally import FULL, ROWS, Tally, as_property, collect, table

# bounds memory and time by means of POSIX
collect_ignore = [] if os.name == "posix" else ["bad_input"]

# the long ones begin first, so that no worker waits for the last of them at the end
FIRST = ("test_notebooks_whole", "test_kernel_storm", "test_kills", "test_panel_storm",
         "test_browser_storm")
TEST_BY_TEST = ("test_notebooks_whole", "test_kills", "test_panel_storm", "test_functions",
                "test_cli")


class LongFirst(LoadScopeScheduling):
    """A worker takes a file, or a test of those of which none needs another, as soon as it has
    nothing else to do.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return nodeid if Path(file).stem in TEST_BY_TEST else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongFirst | None:
    if not FULL:
        return None
    config.option.loadscopereorder = False
    return LongFirst(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if FULL:
        items.sort(
            key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST))


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
