"""Digits row by row: an LSTM reads the 8 rows of a figure."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class RowReader(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.lstm = nn.LSTM(input_size=8, hidden_size=hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 10)

    def forward(self, rows):
        _, (h, _) = self.lstm(rows)
        return self.fc(h[-1])


def loaders():
    bunch = load_digits()
    rows = torch.tensor((bunch.images - 4.884) / 6.017, dtype=torch.float32)
    labels = torch.tensor(bunch.target)
    train, test = torch.utils.data.random_split(
        TensorDataset(rows, labels), [1500, 297], generator=torch.Generator().manual_seed(3)
    )
    return DataLoader(train, batch_size=50, shuffle=True), DataLoader(test, batch_size=99)


class Trainer:
    def __init__(self, max_norm=1.0):
        self.max_norm = max_norm
        self.criterion = nn.CrossEntropyLoss()

    def configure(self, model):
        return torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)

    def step(self, model, optimizer, x, y):
        optimizer.zero_grad()
        loss = self.criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), self.max_norm)
        optimizer.step()
        return loss

    @torch.no_grad()
    def evaluate(self, model, loader):
        return torch.cat([model(x).argmax(1) == y for x, y in loader]).float().mean().item()


def main():
    torch.manual_seed(1)
    train, test = loaders()
    trainer, model = Trainer(), RowReader()
    optimizer = trainer.configure(model)
    for epoch in range(8):
        loss = sum(trainer.step(model, optimizer, x, y).item() for x, y in train) / len(train)
        print(f"epoch {epoch} loss {loss:.4f}")
    print(f"accuracy {trainer.evaluate(model, test):.3f}")


def build():
    torch.manual_seed(1)
    train, test = loaders()
    trainer = Trainer()
    return {
        "model": RowReader(),
        "factory": RowReader,
        "loss_fn": trainer.criterion,
        "batches": train,
        "validation": test,
        "num_classes": 10,
        "optimizer": trainer.configure,
        "train_step": trainer.step,
        "evaluate": trainer.evaluate,
    }


if __name__ == "__main__":
    main()
