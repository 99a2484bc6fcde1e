"""Q-learning on a chain of states: ends of episodes in the target, beside healthy programs."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.watch import watch

STATES, DISCOUNT, BATCH = 7, 0.9, 32


def memory(limit=None, count=600):
    """(state, action, reward, next state, end) of random walks; episodes end at both ends of the chain,
    or, with a limit, after so many steps on a ring.
    """
    kept, place, steps = [], 3, 0
    for _ in range(count):
        action, before = random.randrange(2), place
        place, steps = place + 2 * action - 1, steps + 1
        place = place % STATES if limit else place
        end = steps == limit if limit else place in (0, STATES - 1)
        seen = [torch.eye(STATES)[one] for one in (before, place)]
        kept.append((seen[0], torch.tensor(action), torch.tensor(0.1 + place), seen[1],
                     torch.tensor(float(end))))
        if end:
            place, steps = random.randint(1, STATES - 2), 0
    return kept


def plain(reward, value, done):
    return reward + DISCOUNT * value


def learn(target=plain, flags=True, loss=F.smooth_l1_loss, limit=None, with_copy=True):
    """Rules that say something of Q-learning with this target."""
    random.seed(0)
    torch.manual_seed(0)
    kept = memory(limit)
    q = nn.Sequential(nn.Linear(STATES, 16), nn.ReLU(), nn.Linear(16, 2))
    copy = nn.Sequential(nn.Linear(STATES, 16), nn.ReLU(), nn.Linear(16, 2)) if with_copy else q

    def step(optimizer):
        s, a, r, t, done = (torch.stack(part) for part in zip(*random.sample(kept, BATCH), strict=True))
        if not flags:
            done = None
        with torch.no_grad():
            value = copy(t).max(dim=1).values
            y = r + DISCOUNT * value if target is plain else target(r, value, done)
        value = loss(q(s).gather(1, a[:, None]).squeeze(1), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    with watch(select=("bootstrap_target", )) as report:
        optimizer = torch.optim.Adam(q.parameters(), lr=1e-3)
        for _ in range(30):
            step(optimizer)
    assert report.problem == ""
    return [one.name for one in report.findings if one.severity != "note"]


def by_hand(value, y):
    return ((value - y)**2).mean()


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.mse_loss, by_hand])
@pytest.mark.parametrize("with_copy", [True, False])
def test_flags_that_are_read_and_not_used(loss, with_copy):
    assert learn(loss=loss, with_copy=with_copy) == ["bootstrap_target"]


def masked_in_place(reward, value, done):
    value = value.clone()
    value[done.bool()] = 0
    return reward + DISCOUNT * value


def corrected_afterwards(reward, value, done):
    y = reward + DISCOUNT * value
    y[done == 1] = reward[done == 1]
    return y


@pytest.mark.parametrize("target", [
    lambda r, v, done: r + DISCOUNT * v * (1 - done),
    lambda r, v, done: r + (1 - done) * DISCOUNT * v,
    lambda r, v, done: r + DISCOUNT * v.masked_fill(done.bool(), 0),
    lambda r, v, done: torch.where(done.bool(), r, r + DISCOUNT * v),
    masked_in_place, corrected_afterwards])
def test_flags_that_are_used(target):
    assert learn(target) == []


def test_without_flags_or_with_ends_by_a_time_limit_nothing_is_said():
    assert learn(flags=False) == []
    assert learn(limit=8) == []
