"""Notes belong to one tensor, and hold none."""

from __future__ import annotations

import gc
import weakref

import torch

from recipe_widgets.watch.instrument.tensor_notes import TensorNotes


def test_a_note_is_about_one_tensor():
    notes, x = TensorNotes(), torch.zeros(3)
    notes[x] = "zeros"
    assert notes.of(x) == "zeros"
    assert notes.of(torch.zeros(3)) is None
    assert notes.of("zeros") is None
    notes.clear()
    assert (notes.of(x), len(notes)) == (None, 0)


def test_tensors_are_not_held():
    notes, x = TensorNotes(), torch.zeros(3)
    gone = weakref.ref(x)
    notes[x] = 1
    del x
    gc.collect()
    assert gone() is None


def test_another_tensor_under_the_same_id_has_no_note():
    notes, x = TensorNotes(), torch.zeros(3)
    notes[x] = 1
    (entry, ) = notes._notes.values()
    other = torch.zeros(3)
    notes._notes[id(other)] = entry  # as if x had gone, and `other` had got its id
    assert notes.of(other) is None


def test_a_tensor_that_only_its_graph_holds_keeps_its_note():
    notes, weight = TensorNotes(), torch.ones(3, requires_grad=True)
    hidden = weight * 2
    notes[hidden] = "hidden"
    product = hidden * hidden
    del hidden
    gc.collect()
    assert notes.of(product.grad_fn._saved_self) == "hidden"
