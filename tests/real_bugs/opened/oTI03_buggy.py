"""An autoencoder trained in micro-batches whose gradients are added up."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

GRAD_ACCUM, MICRO_BATCH, EPOCHS = 4, 16, 6


def make_data():
    g = torch.Generator().manual_seed(3)
    code = torch.randn(1024, 6, generator=g)
    return torch.tanh(code @ torch.randn(6, 40, generator=g)) + 0.05 * torch.randn(1024, 40, generator=g)


def main():
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(make_data()), MICRO_BATCH, shuffle=True, drop_last=True)
    model = nn.Sequential(nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 6), nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 40))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    for epoch in range(EPOCHS):
        running = 0.0
        for step, (x,) in enumerate(loader):
            opt.zero_grad(set_to_none=True)
            loss = nn.functional.mse_loss(model(x), x)
            (loss / GRAD_ACCUM).backward()
            if (step + 1) % GRAD_ACCUM == 0:
                opt.step()
            running += loss.item()
        print(f"epoch {epoch} reconstruction {running / len(loader):.4f}")


if __name__ == "__main__":
    main()
