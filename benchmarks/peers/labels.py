"""Finding planted label errors and copies: our checks beside cleanlab and cleanvision as their
guides use them.

The embedded CIFAR-10 sample, 3 % of the training labels changed to another class; 40 training
images copied over others, half of them darker by a tenth. What is real in the sample is found by
both and cannot be counted here, so only the planted ones are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipe_widgets import Data, checks

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Planted:
    x: torch.Tensor  # (N, 3, 32, 32) uint8
    y: torch.Tensor  # (N,)
    rows: Array


def wrong_labels(data: Data, share: float = 0.03) -> Planted:
    random, (x, y) = np.random.default_rng(0), data.train
    rows = random.choice(len(y), round(share * len(y)), replace=False)
    labels = y.clone()
    labels[rows] = (labels[rows] + torch.from_numpy(random.integers(1, data.num_classes,
                                                                    len(rows)))) % data.num_classes
    return Planted(x, labels, rows)


def copied_images(data: Data, count: int = 40) -> Planted:
    random, (x, y) = np.random.default_rng(1), data.train
    source, rows = random.choice(len(y), (2, count), replace=False)
    images = x.clone()
    images[rows] = images[source]
    images[rows[::2]] = (images[source[::2]].float() * 0.9).to(torch.uint8)
    return Planted(images, y, rows)


def caught(ranked: Array, planted: Planted) -> float:
    """Share of the planted rows among as many first ones as were planted."""
    return float(np.isin(ranked[:len(planted.rows)], planted.rows).mean())


def our_labels(planted: Planted) -> Array:
    found = checks.label_errors((planted.x, planted.y), progress=False)
    ranked, = found.details["ranked"].values()
    return np.asarray(ranked["rows"])


def cleanlab_on_pixels(planted: Planted) -> Array:
    """Logistic regression by cross-validation, then cleanlab's ranking: the shortest of its
    guides.
    """
    from cleanlab.filter import find_label_issues
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    x, y = planted.x.flatten(1).numpy() / 255.0, planted.y.numpy()
    guesses = cross_val_predict(LogisticRegression(max_iter=50), x, y, cv=3, method="predict_proba")
    return np.asarray(
        find_label_issues(y, guesses, return_indices_ranked_by="self_confidence", n_jobs=1))


def our_copies(planted: Planted) -> Array:
    details = checks.duplicates((planted.x, planted.y), progress=False).details
    pairs = [
        np.asarray(details[name])
        for name in ("exact", "near")
        if name in details and len(details[name])
    ]
    return np.unique(np.concatenate([pair[:, [1, 3]].ravel()
                                     for pair in pairs])) if pairs else np.zeros(0, int)


def cleanvision_copies(planted: Planted) -> Array:
    """It reads files; writing them is not timed by the caller's clock of the search alone, see
    `seconds`.
    """
    from cleanvision import Imagelab
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        for row, image in enumerate(planted.x.permute(0, 2, 3, 1).numpy()):
            Image.fromarray(image).save(Path(folder) / f"{row}.png")
        _began[0] = time.perf_counter()
        lab = Imagelab(data_path=folder)
        lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
        sets = [
            one for kind in ("exact_duplicates", "near_duplicates")
            for one in lab.info[kind]["sets"]
        ]
        return np.array(sorted({int(Path(name).stem) for one in sets for name in one}), int)


_began = [0.0]  # where a way sets its own start


def seconds(find: Callable[[Planted], Array], planted: Planted) -> tuple[float, Array]:
    _began[0] = time.perf_counter()
    rows = find(planted)
    return time.perf_counter() - _began[0], rows


LABELS: dict[str, Callable[[Planted], Array]] = {
    "recipe_widgets label_errors": our_labels, "cleanlab, logistic regression on pixels":
    cleanlab_on_pixels
}
COPIES: dict[str, Callable[[Planted], Array]] = {
    "recipe_widgets duplicates": our_copies, "cleanvision": cleanvision_copies
}
