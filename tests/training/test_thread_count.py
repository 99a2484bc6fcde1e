"""How many threads a live run computes with, by step times that are given."""

import math
from collections.abc import Iterator

import pytest
import torch

from recipe_widgets import Data, LivePanel, Settings
from recipe_widgets.core import Run
from recipe_widgets.live import Session, UserLoop
from recipe_widgets.live.active_run import ModelRun
from recipe_widgets.models import build_model
from recipe_widgets.training import Training, thread_count
from recipe_widgets.training.thread_count import FEWEST_STEPS, ThreadCount
from tests.live.test_session import until


@pytest.fixture
def two() -> ThreadCount:
    """Two threads were chosen, at 1 ms per step."""
    chosen = ThreadCount()
    chosen._usual = 0.001
    return chosen


def test_no_more_threads_than_a_quota_grants_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch counts the machine's; the rest of the process keeps its count."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(thread_count, "cores", lambda: 1)
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(thread_count, "set_threads", lambda *counts: given.append(counts))
    counts = ThreadCount()
    run = running()
    counts.try_in_run(run, ("a kind of model",))
    counts.apply(run)
    assert (run.threads, given) == ([(0, 1)], [(1, 8)])


def running() -> Run:
    run = Run(Settings(max_steps=10))
    run.threads[:] = [(0, 2)]
    return run


@pytest.mark.parametrize(
    ("durations", "falls"),
    [
        ([0.001] * 400, False),
        ([0.0015] * 400, False),
        ([0.002] * 200, True),
        ([0.002] * 100, False),  # not long enough to tell
        ([0.001] * 400 + [0.08] * (FEWEST_STEPS - 1), False),  # a hiccup
        # two threads wait for each other: nobody waits for 16 such steps
        ([0.001] * 20 + [0.15] * FEWEST_STEPS, True),
        ([0.15] * (FEWEST_STEPS - 1), False),
        ([0.001, 0.001, 0.35], False),  # the laptop slept
        # one step in ten waits for the core: as measured beside a busy process
        (([0.001] * 9 + [0.007]) * 40, True),
        (([0.001] * 49 + [0.007]) * 10, False),
    ])
def test_a_neighbour_is_told_from_a_hiccup(two: ThreadCount, durations: list[float],
                                           falls: bool) -> None:
    run = running()
    for seconds in durations:
        two.note(seconds)
    two.mind_neighbours([run])
    assert (run.threads[-1][1] == 1) == falls


@pytest.mark.parametrize(("looks", "falls"), [(0, True), (1000, True), (10, False)])
def test_looks_at_the_validation_set_are_no_neighbour(two: ThreadCount, looks: int,
                                                      falls: bool) -> None:
    run = Run(Settings(max_steps=10, eval_every=looks))
    run.threads[:] = [(0, 2)]
    for seconds in ([0.001] * 9 + [0.007]) * 40:
        two.note(seconds)
    two.mind_neighbours([run])
    assert (run.threads[-1][1] == 1) == falls


def test_only_the_newest_steps_count(two: ThreadCount) -> None:
    for _ in range(10**5):
        two.note(0.001)
    assert 299 <= len(two._durations) <= 301
    two.begin()
    assert two._lasted == 0


def test_two_branches_take_twice_the_time(two: ThreadCount) -> None:
    old, new = running(), running()
    for _ in range(200):
        two.note(0.0025)
    two.mind_neighbours([old, new])
    assert old.threads == new.threads == [(0, 2)]
    two.mind_neighbours([new])
    assert new.threads[-1] == (0, 1)


def test_a_run_of_unknown_time_keeps_its_threads(two: ThreadCount) -> None:
    two.forget()
    assert two._usual == math.inf
    run = running()
    for _ in range(9):
        two.note(9.0)
    two.mind_neighbours([run])
    assert run.threads == [(0, 2)]


def test_one_thread_is_not_asked_twice(two: ThreadCount) -> None:
    run = running()
    run.threads[:] = [(0, 1)]
    for _ in range(9):
        two.note(9.0)
    two.mind_neighbours([run])
    assert run.threads == [(0, 1)]


def test_each_panel_computes_with_its_own_count_whatever_another_left(
        blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    many, counts, step = torch.get_num_threads(), [], ModelRun.step
    monkeypatch.setattr(thread_count, "choose_threads", lambda training, most:
                        (training.settings.width // 8, math.inf))
    monkeypatch.setattr(
        ModelRun, "step", lambda self: counts.append(
            (self.run.settings.width // 8, torch.get_num_threads())) or step(self))
    wide, own = Settings(width=16, batch_size=32, max_steps=10**9), []

    def loop() -> Iterator[float]:
        while len(own) < 9:
            own.append(torch.get_num_threads())
            yield 1.0

    two, one = Session(blobs, wide), Session(blobs, wide.replace(width=8, max_steps=30))
    reader = Session(UserLoop(loop), wide)
    for order in ("restart", "resume", "continue", "fork"):
        before = len(counts)
        two.order(order, wide.replace(lr=0.01 * len(order)))
        until(lambda before=before: len(counts) > before + 20)
        two.order("pause")
        two.wait(20)
        one.order("restart")
        one.wait(20)
    reader.order("restart")
    reader.wait(20)
    assert {asked for asked, _ in counts} == {1, 2}
    assert all(asked == had for asked, had in counts)
    assert set(own) == {many} == {count for _, count in reader.run.threads}
    for session in (two, one, reader):
        session.close()


def test_the_foreground_gives_the_main_thread_its_count_back(
        blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    before, other = torch.get_num_threads(), 3 - min(torch.get_num_threads(), 2)
    monkeypatch.setattr(thread_count, "choose_threads", lambda training, most: (other, math.inf))
    panel = LivePanel(blobs, Settings(width=8, max_steps=20), foreground=True)
    panel.start()
    assert panel.wait(20).threads == [(0, other)]
    assert torch.get_num_threads() == before
    assert f"{other} of {before} CPU threads" in panel._view.status.value
    panel.close()


def test_a_knob_that_changes_the_cost_of_a_step_is_no_neighbour(
        blobs: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_count, "choose_threads", lambda training, most: (2, 0.001))
    session, wanted = Session(blobs, Settings(width=8, batch_size=16)), Settings(
        width=8, batch_size=16, max_steps=10**9)
    session.order("restart", wanted)
    until(lambda: session.run is not None and session.run.steps_done > 0)
    for change, usual in (({"lr": 0.01}, 0.001), ({"lr": 0.01, "batch_size": 64}, math.inf)):
        session.order("continue", wanted.replace(**change))
        until(lambda change=change: session.run.newest.to_dict().items() >= change.items())
        session.order("pause")
        session.wait(20)
        assert session.threads._usual == usual
    session.close()


@pytest.mark.parametrize("change", [{"optimizer": "adam"}, {"augment": "flip"}, {"ema": 0.9},
                                    {"activation": "gelu"}, {"precision": "bf16"}, {"width": 16}])
def test_each_kind_of_model_is_measured(blobs: Data, monkeypatch: pytest.MonkeyPatch,
                                        change: dict[str, object]) -> None:
    measured: list[Settings] = []
    monkeypatch.setattr(thread_count, "choose_threads",
                        lambda training, most: measured.append(training.settings) or (1, 1.0))
    chosen, plain = ThreadCount(), Settings(width=8, model="mlp")
    for settings in (plain, plain.replace(**change), plain.replace(lr=0.5), plain):
        training = Training(build_model(settings, blobs.shape, blobs.num_classes), blobs, settings)
        chosen.choose(training, training.new_run(), blobs.name)
    assert measured == [plain, plain.replace(**change)]
