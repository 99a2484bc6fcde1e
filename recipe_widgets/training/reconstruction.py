"""Learning without labels: train an autoencoder, and use what it learnt as features."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import nn

from recipe_widgets.core import History, Run, Settings
from recipe_widgets.core.errors import user_code
from recipe_widgets.core.validation import validated, whole
from recipe_widgets.data import Data, Split
from recipe_widgets.data.dataset import assemble
from recipe_widgets.data.split import Samples
from recipe_widgets.models import build_autoencoder
from recipe_widgets.training.batch_indices import BatchIndices
from recipe_widgets.training.device import pick_device
from recipe_widgets.training.optimizers import make_optimizer
from recipe_widgets.training.schedules import learning_rate
from recipe_widgets.training.trainer import why_diverged
from recipe_widgets.training.validation import eval_mode


@validated
def train_autoencoder(data: Data, settings: Settings) -> Run:
    """Train an autoencoder to give images back; labels are not looked at.

    `train_loss` and, after every epoch and at the end, `val_loss`: mean squared error per pixel of
    normalised images, so that 1 is what the mean image of each channel gets.
    """
    device = pick_device(settings.device)
    # own=True: `settings` alone do not tell that it was an autoencoder
    model, data = build_autoencoder(settings, data.shape).to(device).train(), data.to(device)
    optimizer, history = make_optimizer(model.parameters(), settings), History()
    batches = BatchIndices(data.train.size, settings.batch_size, settings.seed, device)
    run = Run(settings, history, model, data_name=data.name, threads=[(0, torch.get_num_threads())],
              own=True)
    every = settings.eval_every or batches.steps_per_epoch
    for index in range(settings.max_steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(index, settings, batches.steps_per_epoch)
        x, _labels = data.train.batch(next(batches))  # (n, C, H, W)
        loss = nn.functional.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        if settings.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        history.append("train_loss", index, loss.item())
        if not math.isfinite(history.last("train_loss")):
            run.status = "diverged"
            run.message = why_diverged(history, settings)
            return run
        if data.validation.size and ((index + 1) % every == 0 or index == settings.max_steps - 1):
            history.append("val_loss", index, reconstruction_error(model, data.validation))
    run.status = "done"
    return run


@validated
def reconstruction_error(model: nn.Module, split: Split,
                         batch_size: Annotated[int, whole(1)] = 1000) -> float:
    """Mean squared error per pixel on all of `split`, in eval mode."""
    total = 0.0
    with eval_mode(model):
        for x, _labels in split.batches(batch_size):
            with user_code("reconstruction_error(model=)",
                           "a model that gives batches of the split back in their shape"):
                total += float(nn.functional.mse_loss(model(x), x)) * len(x)
    return total / split.size


@validated
def encoded(encoder: nn.Module, data: Data, batch_size: Annotated[int, whole(1)] = 1000) -> Data:
    """`data` with each sample replaced by its features, a table (N, D) of float32, standardised
    anew; labels stay.

    encoder: maps batches to (N, D), such as `run.model.encoder`, or a classifier without its head.
    The test set is encoded unseen, into a new, closed vault.
    """
    # an encoder without weights, such as a fixed function, computes on the CPU
    device = next((weight.device for weight in encoder.parameters()), torch.device("cpu"))

    def features(split: Split) -> Samples:
        with eval_mode(encoder), user_code("encoded(encoder=)",
                                           "an encoder that maps the data's batches to features"):
            batches = split.to(device).batches(batch_size)
            found = [encoder(x).flatten(1).float() for x, _labels in batches]  # (n, D) each
        # an empty split, such as no validation set, stays one with as many columns
        x = torch.cat(found) if found else torch.empty(0, train.x.shape[1])
        return Samples(x.to(data.device), split.y.to(data.device), split.index, split.origin)

    train = features(data.train)
    # standardised by the training features' mean and std, as all data are
    return assemble(train, features(data.validation), features(data.vault.sealed()), name=data.name,
                    classes=data.classes, source=data.source, licence=data.licence,
                    notes=(*data.notes, "features of an encoder instead of the samples"))
