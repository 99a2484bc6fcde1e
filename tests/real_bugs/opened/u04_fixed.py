"""Regression of standardised house prices from tabular features."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(11)


class Regressor(nn.Module):
    def __init__(self, n_in):
        super().__init__()
        self.fc1 = nn.Linear(n_in, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def houses(n):
    area = 60 + 90 * torch.rand(n)
    rooms = torch.randint(1, 7, (n,)).float()
    age = 80 * torch.rand(n)
    centre = 20 * torch.rand(n)
    noise = 15 * torch.randn(n)
    price = 2.5 * area + 20 * rooms - 0.8 * age - 6 * centre + 0.02 * area * rooms + noise
    return torch.stack([area, rooms, age, centre], 1), price.unsqueeze(1)


X, Y = houses(2500)
X_train, Y_train, X_test, Y_test = X[:2000], Y[:2000], X[2000:], Y[2000:]
x_mu, x_sd = X_train.mean(0), X_train.std(0)
y_mu, y_sd = Y_train.mean(), Y_train.std()
X_train, X_test = (X_train - x_mu) / x_sd, (X_test - x_mu) / x_sd
Y_train, Y_test = (Y_train - y_mu) / y_sd, (Y_test - y_mu) / y_sd

net = Regressor(4)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
mse = nn.MSELoss()
BATCH = 64

for epoch in range(15):
    net.train()
    order = torch.randperm(len(X_train))
    epoch_loss = 0
    for i in range(0, len(order), BATCH):
        pick = order[i:i + BATCH]
        pred = net(X_train[pick])
        loss = mse(pred, Y_train[pick])
        opt.zero_grad()
        loss.backward()
        opt.step()
        epoch_loss += loss.item() * len(pick)
    net.eval()
    with torch.no_grad():
        test_mse = mse(net(X_test), Y_test).item()
    print("epoch %2d train mse %.4f test mse %.4f test rmse %.1f kEUR"
          % (epoch, epoch_loss / len(X_train), test_mse, math.sqrt(test_mse) * y_sd.item()))
