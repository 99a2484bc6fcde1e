"""Contrastive pretraining of an encoder on two noisy views, checked with a nearest-neighbour probe."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def info_nce(query, positive, negatives, temperature=0.1):
    query = F.normalize(query, dim=-1)
    positive = F.normalize(positive, dim=-1)
    negatives = F.normalize(negatives, dim=-1)
    positive_logit = (query * positive).sum(dim=1, keepdim=True)
    negative_logits = query @ negatives.t()
    logits = torch.cat([positive_logit, negative_logits / temperature], dim=1)
    labels = torch.zeros(len(logits), dtype=torch.long)
    return F.cross_entropy(logits, labels)


class Encoder(nn.Module):
    def __init__(self, n_in=40, width=96, out=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))

    def forward(self, x):
        return self.net(x)


def items(n, seed):
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(5, 40, generator=torch.Generator().manual_seed(180))
    centres = 1.5 * torch.randn(8, 5, generator=torch.Generator().manual_seed(181))
    y = torch.randint(0, 8, (n,), generator=g)
    latent = centres[y] + 0.8 * torch.randn(n, 5, generator=g)
    return torch.tanh(0.5 * latent @ mix), y


def view(x):
    keep = (torch.rand_like(x) > 0.2).float()
    return x * keep + 0.4 * torch.randn_like(x)


@torch.no_grad()
def probe(model, x, y, xt, yt):
    model.eval()
    a, b = F.normalize(model(x), dim=1), F.normalize(model(xt), dim=1)
    align = (F.normalize(model(view(xt)), dim=1) * b).sum(1).mean().item()
    near = (b @ a.t()).topk(5, dim=1).indices
    return (y[near].mode(dim=1).values == yt).float().mean().item(), align


def main():
    torch.manual_seed(182)
    x, y = items(2000, 1)
    xt, yt = items(500, 2)
    model = Encoder()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    print("untrained: probe %.3f alignment %.3f" % probe(model, x, y, xt, yt))
    for epoch in range(10):
        model.train()
        total, count = 0.0, 0
        for idx in torch.randperm(len(x)).split(100):
            anchor = model(view(x[idx]))
            other = model(view(x[idx]))
            rest = torch.randint(0, len(x), (200,))
            loss = info_nce(anchor, other, model(view(x[rest])))
            opt.zero_grad()
            loss.backward()
            opt.step()
            total, count = total + loss.item(), count + 1
        acc, align = probe(model, x, y, xt, yt)
        print(f"epoch {epoch} contrastive loss {total / count:.4f} probe {acc:.3f} alignment {align:.3f}")


if __name__ == "__main__":
    main()
