"""Matching networks: a query is compared with a few labelled examples of each class."""
import torch
from torch import nn
from torch.nn import functional as F


class Episodes:
    """Tasks of five classes with four examples each, and ten queries."""

    def __init__(self, seed, ways=5, shots=4, queries=10):
        self.g = torch.Generator().manual_seed(seed)
        self.ways, self.shots, self.queries = ways, shots, queries
        self.mix = torch.randn(16, 16, generator=torch.Generator().manual_seed(8))

    def draw(self):
        centres = torch.randn(self.ways, 16, generator=self.g)
        y = torch.arange(self.ways).repeat_interleave(self.shots)
        q = torch.randint(0, self.ways, (self.queries, ), generator=self.g)

        def samples(labels):
            return (centres[labels] + 0.6 * torch.randn(len(labels), 16, generator=self.g)) @ self.mix

        return samples(y), y, samples(q), q


class AttentionalClassify(nn.Module):
    def __init__(self, ways):
        super().__init__()
        self.ways = ways

    def forward(self, similarities, labels):
        """similarities (Q, S), labels (S,) -> scores of the classes (Q, ways)."""
        weights = similarities
        return weights @ F.one_hot(labels, self.ways).float()


class MatchingNetwork(nn.Module):
    def __init__(self, ways):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 24))
        self.classify = AttentionalClassify(ways)

    def forward(self, support, labels, query):
        a, b = F.normalize(self.embed(query), dim=1), F.normalize(self.embed(support), dim=1)
        return self.classify(8 * a @ b.t(), labels)


def main():
    torch.manual_seed(0)
    episodes = Episodes(0)
    model = MatchingNetwork(episodes.ways)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(1, 201):
        support, y, query, q = episodes.draw()
        scores = model(support, y, query)
        loss = F.cross_entropy(scores, q)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"episode {step} loss {loss.item():.4f} right {(scores.argmax(1) == q).float().mean().item():.2f}")


if __name__ == "__main__":
    main()
