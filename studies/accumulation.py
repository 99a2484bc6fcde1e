"""MNIST: a batch of 256 at once, and as the mean of four gradients of 64; with BatchNorm, too."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch.nn import functional as F

from recipe_widgets import Data, Run, Settings
from recipe_widgets.evaluation.experiment import Arm, Experiment, PairedQuestion
from recipe_widgets.models import build_model
from recipe_widgets.training import lr_at, make_optimizer
from recipe_widgets.training.batch_indices import BatchIndices

from .samples import mnist

PARTS = 4


def accumulated(data: Data, settings: Settings, seeds: Sequence[int]) -> list[Run]:
    """Each update from the gradients of four parts of its batch, one after the other."""
    runs = []
    for seed in seeds:
        own = settings.replace(seed=seed)
        model = build_model(own, data.shape, data.num_classes).train()
        run = Run(own, model=model, data_name=data.name, own=True)
        batches = BatchIndices(data.train.size, own.batch_size, seed, data.train.y.device)
        optimizer = make_optimizer(model.parameters(), own)
        run.status = "done"
        for step in range(own.max_steps):
            optimizer.zero_grad()
            total = 0.0
            for rows in next(batches).chunk(PARTS):
                x, y = data.train.batch(rows)
                loss = F.cross_entropy(model(x), y) / PARTS  # the mean of means of equal size
                loss.backward()  # adds to what is in .grad
                total += loss.item()
            run.history.append("train_loss", step, total)
            if not math.isfinite(total):
                run.status = "diverged"
                break
            for group in optimizer.param_groups:
                group["lr"] = lr_at(step, own)
            optimizer.step()
        runs.append(run)
    return runs


EXPERIMENT = Experiment(
    name="accumulation",
    title="MNIST, MLP of two hidden layers of 64 units",
    asks="Is a batch of 256 in four parts the same as a batch of 256?",
    refuted_by="accuracies that differ where no norm looks at the batch",
    equal="300 updates from 256 images",
    page="06",
    data=mnist,
    base=Settings(model="mlp", width=64, depth=2, batch_size=256, max_steps=300, momentum=0.9,
                  schedule="cosine"),
    arms=[
        Arm("at once"),
        Arm("in parts", train=accumulated),
        Arm("at once, BatchNorm", {"norm": "batch"}),
        Arm("in parts, BatchNorm", {"norm": "batch"}, train=accumulated),
    ],
    questions=[
        PairedQuestion("A batch at once is better than the same in four parts", "at once", "in parts"),
        PairedQuestion("With BatchNorm, a batch at once is better than the same in four parts",
                       "at once, BatchNorm", "in parts, BatchNorm"),
    ],
    grid={"lr": (0.01, 0.03, 0.1, 0.3)},
    matters=0.002,
)
