"""Questions answered behind the page: half answers, and who computes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from recipe_widgets.live import MeasurementQueue
from recipe_widgets.live.foreground import Foreground

pytestmark = pytest.mark.usefixtures("no_leaked_threads")


def test_half_an_answer_is_none() -> None:
    def work(number: int) -> Iterator[int]:
        yield number
        raise ZeroDivisionError

    asking = MeasurementQueue(work)
    asking.ask(1)
    assert asking.wait(20) == {}
    assert "ZeroDivisionError" in asking.problem
    asking.close()


def test_one_question_begins_once() -> None:
    begun, gate = [], threading.Event()

    def work(number: int) -> Iterator[int]:
        begun.append(number)

        def going() -> Iterator[int]:
            while not gate.wait(0.03):  # longer than a turn
                if len(begun) + len(turns) > 3:
                    gate.set()
                turns.append(1)
                yield number

        return going()

    turns: list[int] = []
    asking = MeasurementQueue(work)
    asking.ask(7)
    assert asking.wait(20) == {7: 7}
    asking.close()
    assert begun == [7]


def test_who_waits_in_the_foreground_computes() -> None:
    def work(number: int) -> Iterator[int]:
        for _ in range(30):
            threading.Event().wait(0.02)
            yield number * number

    asking, before = MeasurementQueue(work, engine=Foreground()), threading.active_count()
    for number in (1, 2, 3):
        asking.ask(number)
    assert asking.wait(20) == {1: 1, 2: 4, 3: 9}
    assert threading.active_count() == before
    asking.close()
