"""Rating prediction with user and item embeddings; embeddings and dense layers use separate optimizers."""
import torch
import torch.nn as nn

USERS, ITEMS, DIM = 200, 120, 8


class Recommender(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = nn.Embedding(USERS, DIM)
        self.item = nn.Embedding(ITEMS, DIM)
        self.mlp = nn.Sequential(nn.Linear(3 * DIM, 32), nn.ReLU(), nn.Linear(32, 1))
        nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.item.weight, std=0.3)

    def forward(self, u, i):
        eu, ei = self.user(u), self.item(i)
        return self.mlp(torch.cat([eu, ei, eu * ei], dim=-1)).squeeze(-1)


def make_ratings(n, seed):
    g = torch.Generator().manual_seed(seed)
    taste = torch.randn(USERS, 3, generator=torch.Generator().manual_seed(100))
    style = torch.randn(ITEMS, 3, generator=torch.Generator().manual_seed(101))
    u = torch.randint(0, USERS, (n,), generator=g)
    i = torch.randint(0, ITEMS, (n,), generator=g)
    r = (taste[u] * style[i]).sum(1) / 3 ** 0.5 + 0.3 * torch.randn(n, generator=g)
    return u, i, r


def main():
    torch.manual_seed(5)
    u, i, r = make_ratings(12000, 0)
    uv, iv, rv = make_ratings(2000, 1)
    model = Recommender()
    emb_params = list(model.user.parameters()) + list(model.item.parameters())
    opt_emb = torch.optim.Adam(emb_params, lr=1e-2)
    opt_dense = torch.optim.Adam(model.mlp.parameters(), lr=3e-3)
    loss_fn = nn.MSELoss()

    for epoch in range(10):
        model.train()
        total, batches = 0.0, 0
        for idx in torch.randperm(len(r)).split(256):
            pred = model(u[idx], i[idx])
            loss = loss_fn(pred, r[idx])
            opt_dense.zero_grad()
            loss.backward()
            opt_dense.step()
            opt_emb.step()
            total += loss.item()
            batches += 1
        model.eval()
        with torch.no_grad():
            val = loss_fn(model(uv, iv), rv).item()
        print(f"epoch {epoch + 1:2d} | train mse {total / batches:.4f} | val mse {val:.4f}")


if __name__ == "__main__":
    main()
