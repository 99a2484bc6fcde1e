"""Learns the embedding of one new token for a frozen text-to-feature model."""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, DIM, NEW = 40, 24, 40


class TextEncoder(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.emb = nn.Embedding(vocab, DIM)
        self.rnn = nn.GRU(DIM, DIM, batch_first=True)
        self.out = nn.Linear(DIM, 8)

    def forward(self, ids):
        return self.out(self.rnn(self.emb(ids))[1][-1])


def feature_targets(ids, table):
    return table[ids].mean(dim=1)


def captions(n, gen, with_new):
    ids = torch.randint(0, VOCAB, (n, 5), generator=gen)
    if with_new:
        ids[torch.arange(n), torch.randint(0, 5, (n,), generator=gen)] = NEW
    return ids


@torch.no_grad()
def error(model, ids, table):
    model.eval()
    return F.mse_loss(model(ids), feature_targets(ids, table)).item()


def main():
    torch.manual_seed(80)
    gen = torch.Generator().manual_seed(80)
    table = torch.randn(VOCAB + 1, 8, generator=gen)
    model = TextEncoder(VOCAB + 1)

    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for step in range(500):
        ids = captions(64, gen, with_new=False)
        loss = F.mse_loss(model(ids), feature_targets(ids, table))
        opt.zero_grad()
        loss.backward()
        opt.step()
    old_val, new_val = captions(300, gen, False), captions(300, gen, True)
    print(f"pretrained: loss {loss.item():.4f} old captions {error(model, old_val, table):.4f}")

    for module in (model.rnn, model.out):
        module.requires_grad_(False)
    frozen = model.emb.weight.detach().clone()
    opt = torch.optim.AdamW(model.emb.parameters(), lr=2e-2, weight_decay=0.1)
    for step in range(1, 301):
        model.train()
        ids = captions(32, gen, with_new=True)
        loss = F.mse_loss(model(ids), feature_targets(ids, table))
        opt.zero_grad()
        loss.backward()
        model.emb.weight.grad[:NEW] = 0
        opt.step()
        if step % 60 == 0:
            drift = (model.emb.weight[:NEW] - frozen[:NEW]).norm().item() / frozen[:NEW].norm().item()
            print(f"step {step} loss {loss.item():.4f} new {error(model, new_val, table):.4f} "
                  f"old {error(model, old_val, table):.4f} drift {drift:.4f}")


if __name__ == "__main__":
    main()
