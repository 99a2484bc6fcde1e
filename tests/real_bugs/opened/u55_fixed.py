"""Node regression on a random graph with heavy-tailed targets; a trainer class with gradient clipping."""
import torch
import torch.nn as nn


class GraphNet(nn.Module):
    def __init__(self, n_in=8, hidden=32):
        super().__init__()
        self.self1, self.nb1 = nn.Linear(n_in, hidden), nn.Linear(n_in, hidden)
        self.self2, self.nb2 = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, adj):
        h = torch.relu(self.self1(x) + self.nb1(adj @ x))
        h = torch.relu(self.self2(h) + self.nb2(adj @ h))
        return self.out(h).squeeze(1)


def graph(n=400, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 8, generator=g)
    a = (torch.rand(n, n, generator=g) < 0.02).float()
    a = ((a + a.t()) > 0).float()
    adj = a / a.sum(1, keepdim=True).clamp(min=1)
    y = x[:, 0] + 2 * (adj @ x)[:, 1] + 0.5 * x[:, 2] * x[:, 3]
    outliers = torch.rand(n, generator=g) < 0.02
    y = y + outliers * 15 * torch.randn(n, generator=g)
    return x, adj, y


class NodePredictionTrainer:
    def __init__(self, model, lr, max_grad_norm):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.max_grad_norm = max_grad_norm

    def fit(self, x, adj, y, train_mask, val_mask, epochs, batch_size=32):
        nodes = train_mask.nonzero().squeeze(1)
        for epoch in range(epochs):
            self.model.train()
            total, norms = 0.0, []
            for idx in nodes[torch.randperm(len(nodes))].split(batch_size):
                pred = self.model(x, adj)[idx]
                loss = nn.functional.mse_loss(pred, y[idx])
                self.optimizer.zero_grad()
                loss.backward()
                norms.append(nn.utils.clip_grad_norm_(self.model.parameters(), self.max_grad_norm).item())
                self.optimizer.step()
                total += loss.item() * len(idx)
            self.model.eval()
            with torch.no_grad():
                err = (self.model(x, adj)[val_mask] - y[val_mask]).abs()
            print(f"epoch {epoch:2d} loss {total / len(nodes):8.4f} largest grad norm {max(norms):8.3f} "
                  f"median val error {err.median().item():.4f}")


if __name__ == "__main__":
    torch.manual_seed(280)
    x, adj, y = graph()
    train_mask = torch.rand(len(y)) < 0.75
    trainer = NodePredictionTrainer(GraphNet(), lr=0.02, max_grad_norm=1.0)
    trainer.fit(x, adj, y, train_mask, ~train_mask, epochs=15)
