"""Digits: one function runs both the training and the validation epoch."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset


class Runner:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = make_optimizer(model)

    def run_epoch(self, loader, training):
        self.model.train(training)
        loss_sum = correct = count = 0
        for x, y in loader:
            output = self.model(x)
            loss = self.criterion(output, y)
            if training:
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            loss_sum += loss.item() * len(y)
            correct += (output.argmax(1) == y).sum().item()
            count += len(y)
        return loss_sum / count, correct / count


def make_model():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def make_loaders():
    bunch = load_digits()
    x = (torch.tensor(bunch.data, dtype=torch.float32) - 4.884) / 6.017
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, val = order[:500], order[500:1000]
    training, validation = TensorDataset(x[train], y[train]), TensorDataset(x[val], y[val])
    return DataLoader(training, batch_size=32, shuffle=True), DataLoader(validation, batch_size=50)


def evaluate(model, loader):
    return Runner(model).run_epoch(loader, training=False)[1]


def main():
    torch.manual_seed(0)
    train, val = make_loaders()
    runner = Runner(make_model())
    for epoch in range(8):
        loss, _ = runner.run_epoch(train, training=True)
        val_loss, accuracy = runner.run_epoch(val, training=False)
        print(f"epoch {epoch} loss {loss:.4f} val_loss {val_loss:.4f}")
    print(f"accuracy {accuracy:.3f}")


def build():
    torch.manual_seed(0)
    train, val = make_loaders()
    return {
        "model": make_model(),
        "factory": make_model,
        "loss_fn": nn.CrossEntropyLoss(),
        "batches": train,
        "validation": val,
        "num_classes": 10,
        "optimizer": make_optimizer,
        "evaluate": evaluate,
    }


if __name__ == "__main__":
    main()
