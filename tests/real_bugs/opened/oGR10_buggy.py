"""Pairs pictures with captions: a hook takes the features out of an image encoder."""
import torch
import torch.nn.functional as F
from torch import nn


class Extractor:
    """Keeps what a layer of a network gives out."""

    def __init__(self, network, layer):
        self.network, self.latents = network, None
        layer.register_forward_hook(self.hook)

    def hook(self, _, inputs, output):
        self.latents = output.clone().detach()

    def __call__(self, x):
        self.network(x)
        return self.latents


class PairModel(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.text = nn.EmbeddingBag(50, dim)
        self.to_image = nn.Linear(32, dim)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, latents, words):
        image = F.normalize(self.to_image(latents), dim=-1)
        return self.scale.exp() * image @ F.normalize(self.text(words), dim=-1).T


def pairs(count, look):
    words = torch.randint(50, (count, 5))
    return look[words].mean(1) + 0.1 * torch.randn(count, 40), words


torch.manual_seed(0)
look = torch.randn(50, 40)
pictures, captions = pairs(640, look)
encoder = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 32), nn.LayerNorm(32))
extract = Extractor(encoder, encoder[3])
model = PairModel()
optimizer = torch.optim.Adam([*encoder.parameters(), *model.parameters()], lr=2e-3)
for epoch in range(5):
    for rows in torch.randperm(len(pictures)).split(32):
        logits = model(extract(pictures[rows]), captions[rows])
        labels = torch.arange(len(rows))
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
