"""torchvision's MobileNetV3-Small with a stride-1 stem on 32x32 pictures of coloured blobs; a few steps only."""

import torch
from torch import nn
from torchvision.models import mobilenet_v3_small

TRAP = "depthwise convolutions, squeeze-excitation, hard-swish, dropout before the classifier"


def make_model():
    model = mobilenet_v3_small(weights=None, num_classes=8)
    model.features[0][0].stride = (1, 1)
    return model


def blobs(n, seed):
    """Class: the corner (of 4) that holds a blob, and whether it is warm or cold."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(8, (n,), generator=g)
    centre = torch.stack([8.0 + 16 * (y % 2), 8.0 + 16 * (y // 2 % 2)], 1) + 4 * torch.rand(n, 2, generator=g) - 2
    r = torch.arange(32.0)
    dy, dx = r[None, :, None] - centre[:, 0, None, None], r[None, None, :] - centre[:, 1, None, None]
    spot = torch.exp(-(dy**2 + dx**2) / 40).unsqueeze(1)
    colour = torch.tensor([[1.0, 0.5, 0.1], [0.1, 0.5, 1.0]])[y // 4]
    x = spot * colour[:, :, None, None] + 0.1 * torch.randn(n, 3, 32, 32, generator=g)
    return (x - 0.065) / 0.17, y


def batches(n, seed, size=16):
    x, y = blobs(n, seed)
    return [(x[i], y[i]) for i in torch.arange(n).split(size)]


loss_fn = nn.CrossEntropyLoss()


class Trainer:
    @staticmethod
    def optimizer(model):
        return torch.optim.Adam(model.parameters(), lr=1e-3)

    @staticmethod
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    @staticmethod
    @torch.no_grad()
    def evaluate(model, loader):
        model.eval()
        hits = torch.cat([model(x).argmax(1) == y for x, y in loader])
        model.train()
        return hits.float().mean().item()


def main():
    torch.manual_seed(0)
    model, trainer = make_model(), Trainer()
    optimizer = trainer.optimizer(model)
    for epoch in range(2):
        losses = [trainer.step(model, optimizer, x, y).item() for x, y in batches(64, 0)]
        print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f}")
    print(f"accuracy {trainer.evaluate(model, batches(32, 1)):.3f}")


def build():
    torch.manual_seed(0)
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": loss_fn,
        "batches": batches(96, 0),
        "validation": batches(32, 1),
        "num_classes": 8,
        "optimizer": Trainer.optimizer,
        "train_step": Trainer.step,
        "evaluate": Trainer.evaluate,
    }


if __name__ == "__main__":
    main()
