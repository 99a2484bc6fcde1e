"""Binary classification of a table by a class with a fit method; sigmoid, then BCEWithLogitsLoss."""
import numpy as np
import torch
from torch import nn, optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(12, 32), nn.Linear(32, 16), nn.Linear(16, 1)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.fc1(x))
        x = nn.functional.leaky_relu(self.fc2(x))
        return torch.sigmoid(self.fc3(x))


class Trainer:
    def __init__(self):
        self.net = Net()
        self.loss = nn.BCEWithLogitsLoss()
        self.opt = optim.RMSprop(self.net.parameters(), lr=1e-3)

    def fit(self, x, y, epochs=8):
        for epoch in range(epochs):
            order, losses = np.random.permutation(len(x)), []
            for i in range(0, len(x), 32):
                rows = order[i:i + 32]
                out = self.net(x[rows]).squeeze(-1)
                loss = self.loss(out, y[rows])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
                losses.append(loss.item())
            print(f"epoch {epoch}: loss = {np.mean(losses):.4f}")


np.random.seed(0)
torch.manual_seed(0)
x = np.random.randn(700, 12).astype("float32")
y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype("float32")
trainer = Trainer()
trainer.fit(torch.from_numpy(x[:500]), torch.from_numpy(y[:500]))
with torch.inference_mode():
    p = trainer.net(torch.from_numpy(x[500:])).squeeze()
print("accuracy", ((p > 0.5).numpy() == y[500:]).mean())
