"""The addends of a loss and their factors, read from graphs whose terms are known."""

from __future__ import annotations

import pytest
import torch

from recipe_widgets.watch.instrument.autograd_graph import terms_of


def losses():
    """Three losses, each one number."""
    w = torch.ones(4, requires_grad=True)
    return [(w - k).square().mean() for k in range(3)]


@pytest.mark.parametrize(("join", "factors"), [
    (lambda a, b, c: a + b + c, (1, 1, 1)),
    (lambda a, b, c: a + 0.5 * (b + c / 2), (1, 0.5, 0.25)),
    (lambda a, b, c: torch.stack([a, b, c]).sum(), (1, 1, 1)),
    (lambda a, b, c: 2 * torch.stack([a, b, c]).mean(), (2 / 3, 2 / 3, 2 / 3)),
    (lambda a, b, c: torch.cat([a.view(1), b.view(1), c.view(1)]).sum(), (1, 1, 1)),
    (lambda a, b, c: a.clone() + sum([b, c]), (1, 1, 1)),
    (lambda a, b, c: a + (b * c), (1, 1)),  # a product of two terms is one
])
def test_terms_and_factors(join, factors):
    parts = losses()
    terms, sums = terms_of(join(*parts).grad_fn)
    assert sorted(term.factor for term in terms) == pytest.approx(sorted(factors))
    assert sums
    if len(factors) == 3:
        assert {term.node for term in terms} == {part.grad_fn for part in parts}


def test_vectors_are_no_terms():
    """The sum of a vector of sums is one term, whatever the vector is made of."""
    w = torch.ones(4, requires_grad=True)
    total = (w.square() + w.exp()).sum()
    terms, sums = terms_of(total.grad_fn)
    assert [term.node for term in terms] == [total.grad_fn]
    assert not sums
