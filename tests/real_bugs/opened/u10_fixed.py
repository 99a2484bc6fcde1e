"""Autoencoder whose code layer is kept sparse with a penalty collected by a forward hook."""
import torch
import torch.nn as nn

torch.manual_seed(1)
activations = {}


def keep(name):
    def hook(module, inputs, output):
        activations[name] = output
    return hook


def patches(n, gen):
    basis = torch.randn(24, 32, generator=torch.Generator().manual_seed(50))
    code = torch.rand(n, 24, generator=gen) * (torch.rand(n, 24, generator=gen) < 0.12)
    return code @ basis + 0.05 * torch.randn(n, 32, generator=gen)


class SparseAE(nn.Module):
    def __init__(self, n_in, n_code):
        super().__init__()
        self.encoder = nn.Linear(n_in, n_code)
        self.act = nn.ReLU()
        self.decoder = nn.Linear(n_code, n_in)

    def forward(self, x):
        return self.decoder(self.act(self.encoder(x)))


gen = torch.Generator().manual_seed(9)
train_x, test_x = patches(3000, gen), patches(500, gen)

model = SparseAE(32, 48)
model.act.register_forward_hook(keep("code"))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
mse = nn.MSELoss()
weight = 0.3

for epoch in range(1, 13):
    model.train()
    for batch in train_x[torch.randperm(len(train_x))].split(100):
        optimizer.zero_grad()
        recon = mse(model(batch), batch)
        sparsity = activations["code"].abs().mean()
        loss = recon + weight * sparsity
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        test_mse = mse(model(test_x), test_x).item()
        used = (activations["code"] > 1e-3).float().mean().item()
    if epoch % 2 == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f} test mse {test_mse:.4f} "
              f"mean code {activations['code'].abs().mean().item():.3f} active {used:.2f}")
