"""The callback in real runs of Lightning."""

from __future__ import annotations

import logging
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("lightning")

from lightning.pytorch import LightningModule, Trainer, seed_everything

from recipe_widgets import RecipeError
from recipe_widgets.core.report import FindingsError
from recipe_widgets.watch.integrations.lightning import WatchCallback


class Classifier(LightningModule):
    """Healthy; `forgets` leaves gradients uncleared, as an overridden hook can."""

    def __init__(self, forgets: bool = False, fails_at: int = -1) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3))
        self.forgets, self.fails_at = forgets, fails_at

    def training_step(self, batch, batch_idx):
        if batch_idx == self.fails_at:
            raise KeyError("the reader's own")
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", nn.functional.cross_entropy(self.net(x), y))

    def optimizer_zero_grad(self, *args):
        if not self.forgets:
            super().optimizer_zero_grad(*args)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-2)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2)]


def loaders() -> list[DataLoader]:
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()
    return [DataLoader(TensorDataset(x[:320], y[:320]), 20, shuffle=True),
            DataLoader(TensorDataset(x[320:], y[320:]), 40)]


def fit(folder, model: Classifier, *callbacks, **options) -> Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False,
                      enable_progress_bar=False, enable_model_summary=False,
                      default_root_dir=folder, callbacks=list(callbacks), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few workers, few batches
        trainer.fit(model, *loaders())
    return trainer


@pytest.mark.parametrize("options", [{}, {"gradient_clip_val": 1.0, "accumulate_grad_batches": 2}])
def test_a_healthy_run_is_left_in_peace(tmp_path, capsys, options):
    weights = []
    for watched in (False, True):
        seed_everything(1, verbose=False)
        model, callback = Classifier(), WatchCallback()
        fit(tmp_path, model, *([callback] if watched else []), **options)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*weights)  # to the last bit
    steps = 32 // options.get("accumulate_grad_batches", 1)
    assert (callback.report.steps, callback.report.problem) == (steps, "")
    assert [str(one) for one in callback.report.at_least("warning")] == []
    assert "nothing suspicious" in capsys.readouterr().err
    assert torch._C._len_torch_function_stack() == 0


def test_a_bug_is_found_and_ends_the_run_where_it_should(tmp_path):
    callback = WatchCallback(show=False, fail_on="error")
    with pytest.raises(FindingsError, match="grads_are_cleared"):
        fit(tmp_path, Classifier(forgets=True), callback)
    callback = WatchCallback(show=False, ignore=["grads_are_cleared"], fail_on="error")
    fit(tmp_path, Classifier(forgets=True), callback)
    assert callback.report.steps == 32


def test_an_error_in_the_run_ends_the_watching(tmp_path):
    before = nn.Module.__call__
    callback = WatchCallback(show=False)
    with pytest.raises(KeyError, match="own"):
        fit(tmp_path, Classifier(fails_at=5), callback)
    assert nn.Module.__call__ is before
    assert callback.report.steps == 5


def test_wrong_names_are_told_at_once():
    with pytest.raises(RecipeError, match="Rule"):
        WatchCallback(select=["axis"])
    with pytest.raises(RecipeError, match="Severity"):
        WatchCallback(fail_on="bad")
