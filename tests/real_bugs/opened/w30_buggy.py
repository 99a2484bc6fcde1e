"""Spam / phishing / ham text-message classifier on a pooled corpus (messages are generated)."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

CONFIG = {"vocab": 1200, "length": 14, "dim": 48, "epochs": 10, "batch_size": 64, "lr": 3e-3,
          "test_size": 0.2, "random_state": 42}
LABELS = ["ham", "spam", "phishing"]


def generate_messages(n, rng):
    topics = np.random.RandomState(1).dirichlet(np.full(CONFIG["vocab"], 0.5), size=3)
    topics = 0.3 * topics + 0.7 * topics.mean(0)
    y = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    x = np.stack([rng.choice(CONFIG["vocab"], CONFIG["length"], p=topics[c]) for c in y])
    return x, y


def combine_sources(rng):
    """Concatenates several public collections."""
    x, y = generate_messages(1800, rng)
    shared = rng.choice(len(x), 900, replace=False)
    sources = [(x, y)]
    for part in np.array_split(shared, 3):
        for _ in range(2):
            sources.append((x[part], y[part]))
    x = np.concatenate([s[0] for s in sources])
    y = np.concatenate([s[1] for s in sources])
    order = rng.permutation(len(x))
    return x[order], y[order]


class TextShield(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CONFIG["vocab"], CONFIG["dim"])
        self.hidden = nn.Sequential(nn.Linear(2 * CONFIG["dim"], 64), nn.ReLU(), nn.Dropout(0.2))
        self.out = nn.Linear(64, 3)

    def forward(self, ids):
        e = self.embed(ids)
        return self.out(self.hidden(torch.cat([e.mean(1), e.amax(1)], 1)))


def evaluate(model, loader):
    model.eval()
    pred, true = [], []
    with torch.no_grad():
        for ids, y in loader:
            pred.append(model(ids).argmax(1))
            true.append(y)
    pred, true = torch.cat(pred).numpy(), torch.cat(true).numpy()
    return accuracy_score(true, pred), f1_score(true, pred, average="macro")


def main():
    torch.manual_seed(CONFIG["random_state"])
    rng = np.random.default_rng(CONFIG["random_state"])
    x, y = combine_sources(rng)
    print("rows in corpus:", len(x), dict(zip(LABELS, np.bincount(y))))
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=CONFIG["test_size"], random_state=CONFIG["random_state"], stratify=y)
    to_loader = lambda a, b, s: DataLoader(TensorDataset(torch.as_tensor(a), torch.as_tensor(b)),
                                           batch_size=CONFIG["batch_size"], shuffle=s)
    train_loader, test_loader = to_loader(x_train, y_train, True), to_loader(x_test, y_test, False)
    fresh = to_loader(*generate_messages(1000, rng), False)
    model = TextShield()
    optimizer = torch.optim.AdamW(model.parameters(), lr=CONFIG["lr"])
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(1, CONFIG["epochs"] + 1):
        model.train()
        total = 0.0
        for ids, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), label)
            loss.backward()
            optimizer.step()
            total += loss.item()
        acc, f1 = evaluate(model, test_loader)
        print(f"Epoch {epoch:2d} train loss {total / len(train_loader):.4f} test accuracy {acc:.4f} macro F1 {f1:.4f}")
    print("accuracy on newly collected messages: %.4f" % evaluate(model, fresh)[0])


if __name__ == "__main__":
    main()
