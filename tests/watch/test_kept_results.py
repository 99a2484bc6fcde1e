"""Results of a model that are kept and used later: soft targets, merged layers, best states, and
texts that are generated.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.watch.test_cause_rules import WARNED, net, said, samples, step

# soft targets


@pytest.mark.parametrize(("how", "found"), [
    ("by batch number", True), ("in a data set", True), ("each batch", False), ("by sample number", False),
    ("fixed order", False), ("negatives", False),
])
def test_outputs_of_a_teacher_that_belong_to_other_samples(how, found):
    def train() -> None:
        teacher, student, (x, _) = net(4), net(4), samples()
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        loader = DataLoader(TensorDataset(x, torch.arange(len(x))), 32, shuffle=how != "fixed order")
        with torch.no_grad():
            kept = [teacher(a) for a, _ in loader]
            if how in ("by sample number", "negatives"):
                kept = [teacher(x)]
        if how == "in a data set":
            loader = DataLoader(TensorDataset(x, torch.cat(kept)), 32, shuffle=True)
        for _ in range(2):
            for i, (a, b) in enumerate(loader):
                z = student(a)
                if how == "in a data set":
                    soft = b
                elif how == "each batch":
                    with torch.no_grad():
                        soft = teacher(a)
                elif how in ("by sample number", "negatives"):
                    soft = kept[0][b]
                else:
                    soft = kept[i]
                loss = F.kl_div(F.log_softmax(z / 2, 1), F.softmax(soft / 2, 1), reduction="batchmean")
                if how == "negatives":
                    loss = loss - 0.01 * F.mse_loss(z, kept[0][b.roll(1)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    assert said("label_alignment", train) == (["error"] if found else [])


# adapters


class Adapted(nn.Module):
    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(2, base.in_features))
        self.up = nn.Parameter(torch.randn(base.out_features, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + 4 * (x @ self.down.T @ self.up.T)


@pytest.mark.parametrize(("factor", "found"), [(4.0, False), (1.0, True), (16.0, True), (0.0, False), (None, False)])
def test_adapters_that_are_merged_with_another_factor(factor, found):
    def train() -> None:
        model, (x, y) = net(), samples()
        model[2] = Adapted(model[2])
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3)
        for a, b in zip(x.split(32), y.split(32), strict=True):
            step(model, optimizer, a, b)
        old = model[2]
        assert isinstance(old, Adapted)
        if factor is None:  # another head
            model[2] = nn.Linear(16, 2)
            return
        merged = copy.deepcopy(old.base)
        with torch.no_grad():
            merged.weight += factor * old.up @ old.down
        model[2] = merged

    assert said("merged_adapter", train) == (["error"] if found else [])


# best states


@pytest.mark.parametrize(("how", "found"), [("previous", True), ("best", False), ("all", False)])
def test_a_best_state_that_is_not_the_best(how, found):
    def train() -> None:
        model, (x, y) = net(), samples()
        validation, labels = samples(100, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        least, best = float("inf"), {}
        for epoch in range(12):
            # some epochs go in the other direction
            optimizer.param_groups[0]["lr"] = -0.15 if epoch % 3 == 2 or epoch == 9 else 0.1
            for a, b in zip(x.split(32), y.split(32), strict=True):
                step(model.train(), optimizer, a, b)
            with torch.no_grad():
                loss = float(F.cross_entropy(model.eval()(validation), labels))
            better = how == "all" or loss < least
            if better:
                best = copy.deepcopy(model.state_dict())
            if better or how == "previous":
                least = loss
        model.load_state_dict(best)

    assert said("checkpoint", train) == ([WARNED] if found else [])


# masks of answers


class Reader(nn.Module):
    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.table, self.mix = nn.Embedding(tokens, 16), nn.GRU(16, 16, batch_first=True)
        self.head = nn.Linear(16, tokens)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.mix(self.table(ids))[0])


@pytest.mark.parametrize(("late", "generates", "separator", "found"), [
    (1, True, True, True), (0, True, True, False), (1, False, True, False), (1, True, False, False),
])
def test_a_loss_mask_that_is_one_place_off(late, generates, separator, found):
    def train() -> None:
        prompts = torch.randint(0, 9, (320, 5))
        if separator:
            prompts[:, -1] = 9
        ids = torch.cat([prompts, prompts[:, :3]], 1)
        model = Reader(10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        mask = torch.zeros(7)
        mask[4 + late:] = 1
        for rows in ids.split(32):
            loss = F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:], reduction="none")
            optimizer.zero_grad()
            ((loss * mask).sum() / mask.sum()).backward()
            optimizer.step()
        with torch.no_grad():
            text = prompts[:16]
            for _ in range(3):
                out = model.eval()(text)
                if generates:
                    text = torch.cat([text, out[:, -1:].argmax(-1)], 1)

    assert said("token_weights", train) == ([WARNED] if found else [])
