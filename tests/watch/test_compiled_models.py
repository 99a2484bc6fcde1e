"""Compiled models are replayed by an eager copy."""

import math

import pytest
import torch
from torch import nn

from recipe_widgets.watch import watch
from recipe_widgets.watch.evidence.observe_compiled import _distance


def without_gelu(graph, _):
    """A backend with a fault: it forgets an activation."""
    for node in graph.graph.nodes:
        if node.op == "call_function" and "gelu" in str(node.target):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    graph.recompile()
    return graph.forward


def findings(backend, dropout=0.0, in_place=False):
    torch.manual_seed(0)
    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 2))
    x = torch.randn(40, 6)
    with watch(select=["compiled_equals_eager"]) as report:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        if in_place:
            model.compile(backend=backend)
            compiled = model
        else:
            compiled = torch.compile(model, backend=backend)
        for _ in range(4):
            optimizer.zero_grad()
            nn.functional.cross_entropy(compiled(x), (x[:, 0] > 0).long()).backward()
            optimizer.step()
    assert not report.problem
    return report.findings


@pytest.mark.parametrize("in_place", [False, True])
def test_a_backend_that_forgets_an_activation(in_place):
    found, = findings(without_gelu, in_place=in_place)
    assert found.status == "warn"
    if not in_place:
        assert "1 (GELU)" in found.message


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_silent_on_a_right_backend(dropout):
    assert findings("eager", dropout) == []


@pytest.mark.parametrize(("eager", "compiled", "distance"), [
    ([1.0, 3.0], [1.0, 3.0], 0.0), ([1.0, 3.0], [1.0, 4.0], 1.0), ([1.0, 3.0], [1.0, math.nan], math.inf),
    ([1.0, math.nan], [1.0, math.nan], 0.0), ([math.inf, 1.0], [2.0, 1.0], math.inf),
])
def test_outputs_that_are_no_numbers_agree_only_with_their_like(eager, compiled, distance):
    """In standard deviations of the eager output: (1, 3) has one of 1."""
    assert _distance(torch.tensor(eager), torch.tensor(compiled)) == pytest.approx(distance)
