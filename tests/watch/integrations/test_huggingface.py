"""The callback in real runs of Hugging Face's Trainer, on a small BERT with weights of its own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from recipe_widgets.core.report import FindingsError
from recipe_widgets.watch.integrations.huggingface import WatchTrainerCallback


def rows(count: int, seed: int) -> list[dict[str, torch.Tensor]]:
    """Sentences of ten words; the label says whether word 7 is among them."""
    words = torch.randint(2, 30, (count, 10), generator=torch.Generator().manual_seed(seed))
    return [{"input_ids": one, "attention_mask": torch.ones_like(one),
             "labels": (one == 7).any().long()} for one in words]


class Climbs(Trainer):
    """Maximises its loss."""

    def compute_loss(self, *args, **kwargs):
        return -super().compute_loss(*args, **kwargs)


def train(folder, *callbacks, kind=Trainer, **options) -> nn.Module:
    torch.manual_seed(1)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=16, num_labels=2))
    arguments = TrainingArguments(
        output_dir=str(folder), use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
        per_device_train_batch_size=8, num_train_epochs=1, learning_rate=1e-3, **options)
    trainer = kind(model, arguments, train_dataset=rows(160, 0), eval_dataset=rows(40, 1),
                   callbacks=list(callbacks))
    # BERT takes the arguments by which a loss would be told how many passes make a step, and does
    # not look at them: left at True, the sum over the passes would not be divided
    trainer.model_accepts_loss_kwargs = False
    trainer.train()
    return model


@pytest.mark.parametrize("options", [{"eval_strategy": "epoch"},
                                     {"gradient_accumulation_steps": 2}])
def test_a_healthy_run_is_left_in_peace(tmp_path, capsys, options):
    callback = WatchTrainerCallback()
    weights = [torch.cat([p.detach().flatten() for p in train(tmp_path, *one, **options).parameters()])
               for one in ([], [callback])]
    assert torch.equal(*weights)  # to the last bit
    steps = 20 // options.get("gradient_accumulation_steps", 1)
    assert (callback.report.steps, callback.report.problem) == (steps, "")
    assert [str(one) for one in callback.report.at_least("warning")] == []
    assert "recipe watch:" in capsys.readouterr().err


def test_a_bug_is_found_and_ends_the_run(tmp_path):
    callback = WatchTrainerCallback(show=False, fail_on="error")
    with pytest.raises(FindingsError, match="loss_sign"):
        train(tmp_path, callback, kind=Climbs)


def test_an_error_in_the_run_ends_the_watching_when_asked(tmp_path):
    class Fails(Trainer):
        def compute_loss(self, *args, **kwargs):
            if self.state.global_step == 3:
                raise KeyError("the reader's own")
            return super().compute_loss(*args, **kwargs)

    before = nn.Module.__call__
    callback = WatchTrainerCallback(show=False)
    with pytest.raises(KeyError, match="own"):
        train(tmp_path, callback, kind=Fails)
    assert callback.end().steps == 3
    assert nn.Module.__call__ is before
