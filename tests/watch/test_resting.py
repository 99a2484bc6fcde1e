"""Late in a long run of one optimiser most steps are only counted, and nothing is mistaken by that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from recipe_widgets.core.report import Report
from recipe_widgets.watch.evidence.optimizer_record import OptimizerRecord
from recipe_widgets.watch.session import WatchSession

STEPS = 1000


class Run:
    """A small network in training. step(k): the k-th one, as a test has it."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3)
        self.losses: list[float] = []

    def backward(self, passes: int = 1) -> None:
        loss = sum(self.net(torch.randn(8, 4)).square().mean() for _ in range(passes))
        loss.backward()
        self.losses.append(loss.item())

    def step(self, k: int) -> None:
        self.optimizer.zero_grad()
        self.backward()
        self.optimizer.step()


@dataclass
class Watched:
    """What the watcher knew at the end of a script, and what it said."""

    record: OptimizerRecord
    curve: list[tuple[int, float]]
    evaluated: list[int]
    report: Report


def watched(begin: Callable[[], Run], step: Callable[[Run, int], None]) -> Watched:
    """STEPS steps of a script that begins by making its network."""
    session = WatchSession()
    session.begin()
    try:
        run = begin()
        for k in range(STEPS):
            step(run, k)
        recorder = session.recorder
        record = recorder.optimizers[0]
        curve = [(at, value) for at, value, _ in recorder.losses.curve]
        evaluated = [phase.step for phase in recorder.evaluations.phases]
    finally:
        report = session.end()
    assert [value for _, value in curve] == pytest.approx(run.losses)
    return Watched(record, curve, evaluated, report)


def test_plain_steps_are_counted_and_their_losses_kept():
    seen = watched(Run, Run.step)
    gradients, report = seen.record.gradients, seen.report
    assert (gradients.steps, gradients.backwards) == (STEPS, STEPS)
    # two of each eight from step 320 on, and a few full looks
    assert 480 <= gradients.unseen <= 510
    assert [step for step, _ in seen.curve] == list(range(STEPS))
    assert not gradients.stale
    assert not gradients.cleared_early
    assert not gradients.dropped
    assert [[count for _, count in group] for group in gradients.groups] == [[1]]
    assert sum(gradients.groups.values()) == STEPS - gradients.unseen
    assert report.steps == STEPS
    assert not report.problems


def test_added_up_gradients_are_no_stale_ones():
    def step(run: Run, k: int) -> None:
        run.optimizer.zero_grad()
        run.backward()
        run.backward()
        run.optimizer.step()

    gradients = watched(Run, step).record.gradients
    assert (gradients.steps, gradients.backwards) == (STEPS, 2 * STEPS)
    assert gradients.unseen > 400
    assert not gradients.stale
    assert [[count for _, count in group] for group in gradients.groups] == [[2]]


def test_a_second_pass_within_a_step_wakes_the_watcher():
    def step(run: Run, k: int) -> None:
        run.optimizer.zero_grad()
        run.backward(passes=2)
        run.optimizer.step()

    seen = watched(Run, step)
    gradients, report = seen.record.gradients, seen.report
    assert (gradients.steps, gradients.unseen) == (STEPS, 0)
    assert not gradients.stale
    assert not gradients.cleared_early
    assert not report.problems


def test_gradients_that_are_never_cleared_are_found_and_the_steps_named():
    def step(run: Run, k: int) -> None:
        run.backward()
        run.optimizer.step()

    seen = watched(Run, step)
    found = next(one for one in seen.report.findings if one.name == "grads_are_cleared")
    looked = STEPS - seen.record.gradients.unseen
    assert f"{looked - 1} of {looked} steps that were looked at" in found.message


def test_what_begins_to_go_wrong_while_resting_is_seen():
    def step(run: Run, k: int) -> None:
        if k < 400:
            run.optimizer.zero_grad()
        run.backward()
        run.optimizer.step()

    seen = watched(Run, step)
    assert seen.record.gradients.stale > 100
    assert "grads_are_cleared" in {one.name for one in seen.report.findings}


def test_rates_of_all_steps_are_kept():
    def step(run: Run, k: int) -> None:
        run.optimizer.param_groups[0]["lr"] = 1e-3 * (1 - k / STEPS)
        run.step(k)

    record = watched(Run, step).record
    assert [k for k, _ in record.steps.learning_rates] == list(range(STEPS))


def test_evaluations_meanwhile_are_seen():
    def step(run: Run, k: int) -> None:
        run.step(k)
        if k % 100 == 50:
            run.net.eval()
            with torch.no_grad():
                run.net(torch.ones(5, 4))
            run.net.train()

    seen = watched(Run, step)
    assert seen.record.gradients.unseen > 400
    assert seen.evaluated == list(range(51, STEPS, 100))


def test_two_optimisers_are_looked_at_in_every_step():
    class Two(Run):
        def __init__(self) -> None:
            super().__init__()
            self.other = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1)

        def step(self, k: int) -> None:
            super().step(k)
            self.other.step()

    assert watched(Two, Two.step).record.gradients.unseen == 0
