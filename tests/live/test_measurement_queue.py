"""Questions answered behind the page: half answers, and who computes."""

from __future__ import annotations

import threading
import time
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


def test_the_newest_question_goes_first_and_answers_are_kept() -> None:
    ended, begun, gate = [], threading.Event(), threading.Event()

    def work(name: str) -> Iterator[str]:
        if name == "c":
            begun.set()
        while not gate.is_set():
            time.sleep(0.001)
            yield ""
        ended.append(name)
        yield name.upper()

    queue = MeasurementQueue(work)
    for name in "abc":
        queue.request(name)
    assert begun.wait(20)
    gate.set()
    assert queue.wait(20) == {"a": "A", "b": "B", "c": "C"}
    assert ended == ["c", "b", "a"]
    queue.request("a")
    assert not queue.has_command
    queue.close()
    queue.request("d")
    assert not queue.has_command


def test_a_failing_question_is_said_and_the_others_go_on() -> None:
    def work(number: int) -> Iterator[float]:
        yield 1 / number

    queue = MeasurementQueue(work)
    queue.request(0)
    queue.wait(20)
    queue.request(2)
    assert queue.wait(20) == {2: 0.5}
    assert "ZeroDivisionError" in queue.problem
    queue.close()
