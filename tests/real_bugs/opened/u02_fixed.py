"""Predicts the distribution of annotator votes over five emotions for each sentence vector."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch-size", type=int, default=50)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--seed", type=int, default=3)
    return p.parse_args()


def vote_data(n, dim, k, gen):
    x = torch.randn(n, dim, generator=gen)
    w = torch.randn(dim, k, generator=torch.Generator().manual_seed(99)) / dim ** 0.5
    p = F.softmax(1.5 * torch.tanh(x) @ w, dim=1)
    votes = torch.distributions.Multinomial(20, probs=p).sample()
    return x, votes / 20.0


class VoteNet(nn.Module):
    def __init__(self, dim, k):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, k)

    def forward(self, x):
        return self.head(self.body(x))


def total_variation(model, x, votes):
    model.eval()
    with torch.no_grad():
        p = F.softmax(model(x), dim=1)
    return 0.5 * (p - votes).abs().sum(1).mean().item()


def main():
    args = get_args()
    torch.manual_seed(args.seed)
    gen = torch.Generator().manual_seed(args.seed)
    x_train, v_train = vote_data(2000, 16, 5, gen)
    x_val, v_val = vote_data(500, 16, 5, gen)

    model = VoteNet(16, 5)
    kl = nn.KLDivLoss(reduction="batchmean")
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)

    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for idx in torch.randperm(len(x_train)).split(args.batch_size):
            logits = model(x_train[idx])
            loss = kl(F.log_softmax(logits, dim=1), v_train[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        tv = total_variation(model, x_val, v_val)
        print(f"[{epoch:02d}] loss={total / len(x_train):.4f}  val total variation={tv:.4f}")


if __name__ == "__main__":
    main()
