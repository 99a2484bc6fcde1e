"""Topic of short texts (made-up words, 4 topics) with an EmbeddingBag."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TRAP = "integer inputs; most rows of the embedding have no gradient in a batch"
VOCABULARY, TOPICS, WORDS = 200, 4, 15


def texts(n, seed):
    g = torch.Generator().manual_seed(seed)
    logits = 1.2 * torch.randn(TOPICS, VOCABULARY, generator=torch.Generator().manual_seed(44))
    y = torch.randint(TOPICS, (n,), generator=g)
    return torch.multinomial(torch.softmax(logits, 1)[y], WORDS, replacement=True, generator=g), y


class TopicNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCABULARY, width, mode="mean")
        self.head = nn.Linear(width, TOPICS)

    def forward(self, words):
        return self.head(self.bag(words))


def loaders():
    train = DataLoader(TensorDataset(*texts(1500, 0)), batch_size=30, shuffle=True)
    return train, DataLoader(TensorDataset(*texts(400, 1)), batch_size=100)


loss_fn = nn.CrossEntropyLoss()


def train_epoch(model, optimizer, loader):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(0)
    train, test = loaders()
    model = TopicNet()
    optimizer = make_optimizer(model)
    for epoch in range(8):
        print(f"epoch {epoch} loss {train_epoch(model, optimizer, train):.4f}")
    print(f"accuracy {evaluate(model, test):.3f}")


def build():
    torch.manual_seed(0)
    train, test = loaders()
    return {
        "model": TopicNet(),
        "factory": TopicNet,
        "loss_fn": loss_fn,
        "batches": train,
        "validation": test,
        "num_classes": TOPICS,
        "optimizer": make_optimizer,
        "train_epoch": train_epoch,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
