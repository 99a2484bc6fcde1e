"""Intent classifier on short word lists, starting from pretrained word vectors with few labelled samples."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

WORDS, DIM, INTENTS = 400, 24, 5


def pretrained_vectors():
    g = torch.Generator().manual_seed(310)
    topic = torch.arange(WORDS) % INTENTS
    return torch.randn(INTENTS, DIM, generator=g)[topic] + 0.6 * torch.randn(WORDS, DIM, generator=g), topic


def utterances(n, topic, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, INTENTS, (n,), generator=g)
    ids = torch.randint(0, WORDS, (n, 7), generator=g)
    on_topic = torch.rand(n, 7, generator=g) < 0.45
    ids = torch.where(on_topic, ids - topic[ids] + y[:, None], ids)
    return TensorDataset(ids, y)


class IntentNet(nn.Module):
    def __init__(self, vectors):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, DIM)
        self.embedding.weight = nn.Parameter(vectors.clone())
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Sequential(nn.Linear(DIM, 32), nn.ReLU(), nn.Linear(32, INTENTS))

    def forward(self, ids):
        return self.fc(self.drop(self.embedding(ids).mean(dim=1)))


def evaluate(model, loader, criterion):
    model.eval()
    loss = hits = n = 0
    with torch.no_grad():
        for ids, y in loader:
            out = model(ids)
            loss += criterion(out, y).item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
            n += len(y)
    return loss / n, hits / n


if __name__ == "__main__":
    torch.manual_seed(311)
    vectors, topic = pretrained_vectors()
    train_loader = DataLoader(utterances(600, topic, 1), batch_size=30, shuffle=True)
    val_loader = DataLoader(utterances(500, topic, 2), batch_size=250)
    model = IntentNet(vectors)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(8):
        model.train()
        total = 0.0
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(ids), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        vl, va = evaluate(model, val_loader, criterion)
        print(f"epoch {epoch} train {total / len(train_loader):.4f} val {vl:.4f} acc {va:.3f}")
