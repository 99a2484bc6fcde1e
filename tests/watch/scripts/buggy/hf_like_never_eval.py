"""A model that computes its loss itself and returns a record, AdamW, linear warm-up, gradient clipping, logging."""
import logging
from dataclasses import dataclass

import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("train")


@dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


class Classifier(nn.Module):
    def __init__(self, words=50, width=32, labels=3):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.3, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.classifier = nn.Linear(width, labels)

    def forward(self, input_ids, attention_mask=None, labels=None):
        h = self.encoder(self.embed(input_ids), src_key_padding_mask=attention_mask == 0)
        logits = self.classifier(h.mean(1))
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return Output(loss, logits)


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (n,), generator=g)
    x = torch.where(torch.rand(n, 12, generator=g) < 0.4, y[:, None] * 5 + torch.randint(5, (n, 12), generator=g),
                    torch.randint(50, (n, 12), generator=g))
    return [dict(input_ids=a, attention_mask=torch.ones_like(a), labels=b) for a, b in zip(x.split(16), y.split(16))]


def main():
    torch.manual_seed(0)
    model = Classifier()
    decay = [p for n, p in model.named_parameters() if p.ndim > 1]
    rest = [p for n, p in model.named_parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=2e-3)
    train, test = data(960, 0), data(160, 1)
    total = 4 * len(train)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / 20) * max(0.0, (total - s) / total))
    for epoch in range(4):
        for batch in train:
            out = model(**batch)
            (out.loss * 1.0).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        hits = 0
        with torch.no_grad():
            for batch in test:
                hits += (model(**batch).logits.argmax(-1) == batch["labels"]).sum().item()
        log.info("epoch %d loss %.3f accuracy %.3f", epoch, out.loss.item(), hits / 160)


main()
