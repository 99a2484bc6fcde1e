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

    queue = MeasurementQueue(work)
    queue.request(1)
    assert queue.wait(20) == {}
    assert "ZeroDivisionError" in queue.problem
    queue.close()


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
    queue = MeasurementQueue(work)
    queue.request(7)
    assert queue.wait(20) == {7: 7}
    queue.close()
    assert begun == [7]


def test_who_waits_in_the_foreground_computes() -> None:
    def work(number: int) -> Iterator[int]:
        for _ in range(30):
            threading.Event().wait(0.02)
            yield number * number

    queue, before = MeasurementQueue(work, engine=Foreground()), threading.active_count()
    for number in (1, 2, 3):
        queue.request(number)
    assert queue.wait(20) == {1: 1, 2: 4, 3: 9}
    assert threading.active_count() == before
    queue.close()
