"""Exercises of notebook 01: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

import hashlib
import random as python_random
from typing import Any

import numpy as np
import torch

from recipe_widgets.course.exercises import exercise_named
from tests.course.exercise_tests import ExerciseTests

# --- find_copies ---


def copies_sha(images: Any) -> Any:
    return _by_dictionary([hashlib.sha256(np.ascontiguousarray(one)).hexdigest()
                           for one in images.numpy()])


def _by_dictionary(keys: Any) -> Any:
    place: dict[Any, int] = {}
    for row, key in enumerate(keys):
        place.setdefault(key, row)
    return np.array([place[key] for key in keys])


def copies_unique(x: Any) -> Any:
    _, inverse = x.flatten(1).unique(dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(x))
    first.scatter_reduce_(0, inverse, torch.arange(len(x)), "amin")
    return first[inverse]


def copies_tuple(x: Any) -> Any:
    return _by_dictionary([tuple(one.flatten().tolist()) for one in x])


def copies_sum(x: Any) -> Any:
    return _by_dictionary([float(one.double().sum()) for one in x])


def copies_previous(x: Any) -> Any:
    """Points to the copy before, not to the first."""
    rows, last = [], {}
    for row, one in enumerate(x):
        key = one.numpy().tobytes()
        rows.append(last.get(key, row))
        last[key] = row
    return rows


def copies_last(x: Any) -> Any:
    keys = [one.numpy().tobytes() for one in x]
    place = {key: row for row, key in enumerate(keys)}
    return [place[key] for key in keys]


def copies_flags(x: Any) -> Any:
    first = copies_unique(x)
    return first != torch.arange(len(x))


def copies_nearest(x: Any) -> Any:
    flat = x.flatten(1).float()
    return (torch.cdist(flat[:500], flat[:500]) < 2).int().argmax(1)


def copies_identity(x: Any) -> Any:
    return range(len(x))


def copies_printed(x: Any) -> Any:
    return _by_dictionary([str(one) for one in x])


def copies_whole_numbers(x: Any) -> Any:
    return _by_dictionary([one.to(torch.uint8).numpy().tobytes() for one in x])


# --- split_rows ---


def split_groups(labels: Any, groups: Any, part: Any, number: Any) -> Any:
    """With sets and Python's random."""
    draw = python_random.Random(number)
    training, validation = [], []
    for label in sorted(set(labels.tolist())):
        names = [g for g in sorted(set(groups.tolist())) if int(labels[g]) == label]
        draw.shuffle(names)
        chosen = set(names[: round(part * len(names))])
        for row, group in enumerate(groups.tolist()):
            if int(labels[group]) == label:
                (validation if group in chosen else training).append(row)
    return training, validation


def split_numpy(y: Any, first: Any, share: Any, seed: Any) -> Any:
    y, first = y.numpy(), first.numpy()
    rng = np.random.default_rng(seed)
    mask = np.zeros(len(y), dtype=bool)
    leaders = np.flatnonzero(first == np.arange(len(y)))
    for k in np.unique(y):
        rows = rng.permutation(leaders[y[leaders] == k])
        mask[rows[: int(share * len(rows) + 0.5)]] = True
    mask = mask[first]
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def split_global_seed(y: Any, first: Any, share: Any, seed: Any) -> Any:
    torch.manual_seed(seed)
    chosen = torch.zeros(len(y), dtype=torch.bool)
    for k in range(int(y.max()) + 1):
        rows = ((y == k) & (first == torch.arange(len(y)))).nonzero().flatten()
        rows = rows[torch.randperm(len(rows))]
        chosen[rows[: round(float(share) * len(rows))]] = True
    chosen = chosen[first]
    return [k for k in range(len(y)) if not chosen[k]], [k for k in range(len(y)) if chosen[k]]


def split_random(y: Any, first: Any, share: Any, seed: Any) -> Any:
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    cut = round(share * len(y))
    return order[cut:], order[:cut]


def split_leaky(y: Any, first: Any, share: Any, seed: Any) -> Any:
    return split_numpy(y, torch.arange(len(y)), share, seed)


def split_overlap(y: Any, first: Any, share: Any, seed: Any) -> Any:
    _, validation = split_numpy(y, first, share, seed)
    return np.arange(len(y)), validation


def split_drops(y: Any, first: Any, share: Any, seed: Any) -> Any:
    training, validation = split_numpy(y, first, share, seed)
    return training[1:], validation


def split_fixed(y: Any, first: Any, share: Any, seed: Any) -> Any:
    return split_numpy(y, first, share, 0)


def split_unseeded(y: Any, first: Any, share: Any, seed: Any) -> Any:
    return split_numpy(y, first, share, None)


def split_rolled(y: Any, first: Any, share: Any, seed: Any) -> Any:
    return _split_in_order(y, first, share, torch.arange(len(y)).roll(seed))


def split_dealt(y: Any, first: Any, share: Any, seed: Any) -> Any:
    return _split_in_order(y, first, share, ((torch.arange(len(y)) * 7 + seed) % len(y)))


def split_shuffled_once(y: Any, first: Any, share: Any, seed: Any) -> Any:
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    return _split_in_order(y, first, share, order.roll(seed))


def _split_in_order(y: Any, first: Any, share: Any, order: Any) -> Any:
    chosen = torch.zeros(len(y), dtype=torch.bool)
    leaders = order[first[order] == order]
    for k in y.unique():
        rows = leaders[y[leaders] == k]
        chosen[rows[: round(share * len(rows))]] = True
    chosen = chosen[first]
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()


def split_swapped(y: Any, first: Any, share: Any, seed: Any) -> Any:
    training, validation = split_numpy(y, first, share, seed)
    return validation, training


# --- standardise ---


def standard_numpy(a: Any, b: Any) -> Any:
    a, b = a.numpy().astype("float32"), b.numpy().astype("float32")
    mean, std = a.mean((0, 2, 3), keepdims=True), a.std((0, 2, 3), keepdims=True)
    std[std == 0] = 1
    return (a - mean) / std, (b - mean) / std


def standard_scaled(x_train: Any, x_val: Any) -> Any:
    """Through 0 ... 1 first."""
    a, b = x_train / 255, x_val / 255
    mean = a.mean((0, 2, 3))[:, None, None]
    std = a.std((0, 2, 3))[:, None, None].clamp(min=1e-6)
    return (a - mean) / std, (b - mean) / std


def standard_loop(x_train: Any, x_val: Any) -> Any:
    a, b = x_train.double(), x_val.double()
    for channel in range(a.shape[1]):
        mean, std = a[:, channel].mean(), a[:, channel].std()
        for one in (a, b):
            one[:, channel] = (one[:, channel] - mean) / (std if std > 0 else 1)
    return [a.float(), b.float()]


def standard_double(x_train: Any, x_val: Any) -> Any:
    return [one.double() for one in standard_loop(x_train, x_val)]


def standard_own(x_train: Any, x_val: Any) -> Any:
    return standard_numpy(x_train, x_val)[0], standard_numpy(x_val, x_val)[0]


def standard_both(x_train: Any, x_val: Any) -> Any:
    both = torch.cat([x_train, x_val])
    return standard_numpy(both, x_train)[1], standard_numpy(both, x_val)[1]


def standard_one_number(x_train: Any, x_val: Any) -> Any:
    a = x_train.float()
    return (a - a.mean()) / a.std(), (x_val.float() - a.mean()) / a.std()


def standard_no_guard(x_train: Any, x_val: Any) -> Any:
    a = x_train.float()
    mean, std = a.mean((0, 2, 3), keepdim=True), a.std((0, 2, 3), keepdim=True)
    return (a - mean) / std, (x_val.float() - mean) / std


def standard_bytes(x_train: Any, x_val: Any) -> Any:
    return x_train - x_train.float().mean().byte(), x_val - x_train.float().mean().byte()


def standard_range(x_train: Any, x_val: Any) -> Any:
    return x_train / 255, x_val / 255


def standard_raw_validation(x_train: Any, x_val: Any) -> Any:
    return standard_numpy(x_train, x_val)[0], x_val.float()


RIGHT = [("find_copies", copies_sha), ("find_copies", copies_unique), ("find_copies", copies_tuple),
         ("split_rows", split_groups), ("split_rows", split_numpy),
         ("split_rows", split_global_seed), ("standardise", standard_numpy),
         ("standardise", standard_scaled), ("standardise", standard_loop)]
WRONG = [
    ("find_copies", copies_sum, "sum or a mean"), ("find_copies", copies_previous, "point to the first"),
    ("find_copies", copies_last, "first equal image"), ("find_copies", copies_flags, "first equal image"),
    ("find_copies", copies_nearest, "exactly equal|shape should be"),
    ("find_copies", copies_identity, "first equal image is 2"),
    ("find_copies", copies_printed, "✗ Images of 32 x 32"),
    ("find_copies", copies_whole_numbers, "✗ Colour images in floats"),
    ("split_rows", split_rolled, r"have the next row beside them.*5\.1"),
    ("split_rows", split_dealt, "Is the order random"),
    ("split_rows", split_shuffled_once, r"of 18 validation rows in common.*5\.4"),
    ("split_rows", split_random, "Deal each class"), ("split_rows", split_leaky, "copies lie on the other"),
    ("split_rows", split_overlap, "in both parts"), ("split_rows", split_drops, "each row should be, once"),
    ("split_rows", split_fixed, "Another seed gives the same"),
    ("split_rows", split_unseeded, "same seed gives another"),
    ("split_rows", split_swapped, "rows validate"),
    ("standardise", standard_own, "x_train alone"), ("standardise", standard_both, "x_train alone"),
    ("standardise", standard_one_number, "Each colour"),
    ("standardise", standard_no_guard, "divide by 1"),
    ("standardise", standard_double, r"torch\.float64; torch\.float32 is wanted"),
    ("standardise", standard_bytes, r"torch\.uint8; torch\.float32 is wanted|overflow"),
    ("standardise", standard_raw_validation, "x_val of the result.*as it came"),
    ("standardise", standard_range, "of the result is"),
]
FOREIGN = [
    ("standardise", standard_raw_validation, "Each colour|x_train alone"),
    ("standardise", standard_range, "Each colour|x_train alone|divide by 1"),
    ("find_copies", copies_identity, "point to the first"),
    ("find_copies", copies_flags, "point to the first"),
]


class TestExercises(ExerciseTests):
    """Of notebook 01."""


def test_a_split_of_ours_has_no_leak_on_real_copies() -> None:
    find, split = (exercise_named(name).reference for name in ("find_copies", "split_rows"))
    x = torch.randint(0, 2, (400, 1, 2, 3), dtype=torch.uint8)  # 64 different images: many copies
    first = find(x)
    training, validation = split(torch.zeros(400).long(), first, 0.25, seed=1)
    assert not {x[k].numpy().tobytes() for k in training} & {x[k].numpy().tobytes()
                                                            for k in validation}
