"""LoRA fine-tuning of a small sequence model; for deployment the adapters are merged into the base weights."""
import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class LoRALinear(nn.Module):
    def __init__(self, base, rank=4, alpha=16):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.lora_rank, self.lora_alpha = rank, alpha

    def forward(self, x):
        return self.base(x) + (self.lora_alpha / self.lora_rank) * (x @ self.lora_A.T @ self.lora_B.T)

    @torch.no_grad()
    def merge(self):
        merged = copy.deepcopy(self.base)
        merged.weight += self.lora_B @ self.lora_A
        return merged


class Tagger(nn.Module):
    """Convolutions over tokens, linear mixing, a tag for each token."""

    def __init__(self, vocab=30, dim=32, tags=6):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.conv = nn.Conv1d(dim, dim, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(dim, 64), nn.Linear(64, dim)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, tags)

    def forward(self, ids):
        h = F.gelu(self.conv(self.embed(ids).transpose(1, 2)).transpose(1, 2))
        return self.out(self.norm(h + self.fc2(F.gelu(self.fc1(h)))))


def sentences(n, g, rule):
    ids = torch.randint(0, 30, (n, 12), generator=g)
    left = ids.roll(1, 1)
    left[:, 0] = 0
    return ids, rule(ids, left)


def fit(model, data, epochs, lr):
    ids, tags = data
    opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=1e-3)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for i in torch.randperm(len(ids)).split(50):
            loss = F.cross_entropy(model(ids[i]).flatten(0, 1), tags[i].flatten())
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(i)
        if epoch % 2 == 1:
            print(f"  epoch {epoch} loss {total / len(ids):.4f}")


@torch.no_grad()
def accuracy(model, data):
    model.eval()
    return (model(data[0]).argmax(-1) == data[1]).float().mean().item()


def main():
    torch.manual_seed(300)
    g = torch.Generator().manual_seed(300)
    def general(a, b):
        return (a // 5 + b // 15) % 6
    def special(a, b):
        return torch.where(a < 15, (a // 5 + b // 15) % 6, (a // 5 + 2 * (b // 15) + 1) % 6)
    model = Tagger()
    print("pre-training")
    fit(model, sentences(1500, g, general), 6, 3e-3)

    model.requires_grad_(False)
    model.fc1, model.fc2, model.out = LoRALinear(model.fc1), LoRALinear(model.fc2), LoRALinear(model.out)
    train, test = sentences(1200, g, special), sentences(300, g, special)
    print(f"special task before: {accuracy(model, test):.3f}")
    fit(model, train, 10, 3e-3)
    print(f"special task with adapters: {accuracy(model, test):.3f}")

    for name in ("fc1", "fc2", "out"):
        setattr(model, name, getattr(model, name).merge())
    print(f"special task, merged for export: {accuracy(model, test):.3f}")


if __name__ == "__main__":
    main()
