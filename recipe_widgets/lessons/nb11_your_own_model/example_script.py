"""The script of notebook 11, as text: it is written to a folder and run by itself. One silent
bug is planted in it.
"""

SCRIPT = '''"""Photos into ten classes."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def main(epochs=6):
    torch.manual_seed(0)
    stored = np.load("photos.npz")
    x, y = torch.from_numpy(stored["x"]), torch.from_numpy(stored["y"])
    training = DataLoader(TensorDataset(x[:2500], y[:2500]), 50, shuffle=True)
    held_out = DataLoader(TensorDataset(x[2500:], y[2500:]), 50)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9)
    for epoch in range(epochs):
        for inputs, labels in training:
            loss = nn.functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy(model, held_out):.1%}")


if __name__ == "__main__":
    main()
'''
