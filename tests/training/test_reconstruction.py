"""The autoencoder: shapes, a known error, features."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.models import build_autoencoder, count_parameters
from recipe_widgets.training import encoded, reconstruction_error, train_autoencoder

SHORT = Settings(width=8, batch_size=32, max_steps=60, optimizer="adam", lr=3e-3, init="he")


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (2, 9, 14)])
@pytest.mark.parametrize("change", [{}, {"norm": "batch"}, {"activation": "maxout"}])
def test_images_come_back_in_their_size(shape: tuple[int, ...], change: dict) -> None:
    model = build_autoencoder(Settings(width=12, **change), shape)
    x = torch.randn(3, *shape)
    assert model.encoder(x).shape == (3, 12)
    assert model(x).shape == (3, *shape)


def test_parameters_by_hand() -> None:
    flat = 32 * 7 * 7
    encoder = 10 * 16 + (9 * 16 + 1) * 32 + (flat + 1) * 64
    decoder = 65 * flat + (9 * 32 + 1) * 16 + 9 * 16 + 1
    assert count_parameters(build_autoencoder(Settings(width=64), (1, 28, 28))) == encoder + decoder


def test_zero_out_costs_one_and_training_gets_below(blobs: Data) -> None:
    silent = build_autoencoder(Settings(init="zeros"), blobs.shape)
    # the variance of normalised images
    assert reconstruction_error(silent, blobs.train) == pytest.approx(1.0, abs=1e-3)
    run = train_autoencoder(blobs, SHORT)
    assert run.status == "done"
    assert run.history.last("val_loss") < 0.6
    assert run.history.last("val_loss") == pytest.approx(
        reconstruction_error(run.model, blobs.validation))
    again = train_autoencoder(blobs, SHORT)
    assert again.history.series("train_loss") == run.history.series("train_loss")


def test_it_does_not_look_at_labels(blobs: Data) -> None:
    other = Data.from_arrays(blobs.train.x, torch.zeros(blobs.train.size, dtype=torch.int64),
                             classes=("a", "b"), validation=0, test=0)
    same = Data.from_arrays(blobs.train.x, blobs.train.y, validation=0, test=0)
    losses = [
        train_autoencoder(data, SHORT.replace(max_steps=5)).history.series("train_loss")
        for data in (other, same)
    ]
    assert losses[0] == losses[1]


def test_divergence_ends_the_run(blobs: Data) -> None:
    run = train_autoencoder(blobs, SHORT.replace(optimizer="sgd", lr=1e4))
    assert run.status == "diverged"
    assert "learning rate 10000 is too high. Try" in run.message


def test_features_become_a_table_that_trains(blobs: Data) -> None:
    class Rows(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(3)[:, 0, :3]

    table = encoded(Rows(), blobs)
    assert table.shape == (3,)
    assert torch.allclose(table.train.x,
                          blobs.train.batch(torch.arange(blobs.train.size))[0].mean(3)[:, 0, :3],
                          atol=1e-5)
    assert torch.equal(table.train.y, blobs.train.y)
    assert table.vault.size == blobs.vault.size
    assert train(table, Settings(model="linear", lr=0.5,
                                 max_steps=50)).history.last("val_accuracy") == 1.0
    with pytest.raises(RecipeError, match="vault"):
        table.test  # noqa: B018


def test_splits_without_samples_stay_so(blobs: Data) -> None:
    alone = Data.from_arrays(blobs.train.x, blobs.train.y, validation=0, test=0)
    table = encoded(nn.Flatten(), alone)
    assert table.sizes == {"train": blobs.train.size, "validation": 0, "test": 0}
    assert table.validation.x.shape == (0, 64)
