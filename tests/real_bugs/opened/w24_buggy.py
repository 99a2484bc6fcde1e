# y = sin(x1) + ... + sin(x10) with one hidden layer, same recipe as the Keras notebook
import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler
from torch.utils.data import DataLoader, TensorDataset


def get_data():
    np.random.seed(0)
    Xtrain = np.random.normal(0, 1, size=(7000, 10))
    Xval = np.random.normal(0, 1, size=(700, 10))
    ytrain = np.sum(np.sin(Xtrain), axis=1)
    yval = np.sum(np.sin(Xval), axis=1)
    scaler = MinMaxScaler()
    ytrain = scaler.fit_transform(ytrain.reshape(-1, 1)).reshape(-1)
    yval = scaler.transform(yval.reshape(-1, 1)).reshape(-1)
    return Xtrain, Xval, ytrain, yval


class PTModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = torch.nn.Linear(10, 20)
        self.act = torch.nn.Tanh()
        self.linear2 = torch.nn.Linear(20, 1)
        for lin in (self.linear1, self.linear2):
            torch.nn.init.xavier_uniform_(lin.weight)
            torch.nn.init.zeros_(lin.bias)

    def forward(self, x):
        return self.linear2(self.act(self.linear1(x)))


def mse(pred, target):
    return torch.mean((pred - target) ** 2)


def run(epochs=12, batch_size=32):
    torch.manual_seed(0)
    Xtrain, Xval, ytrain, yval = get_data()
    trainset = TensorDataset(torch.tensor(Xtrain, dtype=torch.float32), torch.tensor(ytrain, dtype=torch.float32))
    valset = TensorDataset(torch.tensor(Xval, dtype=torch.float32), torch.tensor(yval, dtype=torch.float32))
    train_dl = DataLoader(trainset, batch_size=batch_size, shuffle=True)
    val_dl = DataLoader(valset, batch_size=batch_size)
    model = PTModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    for epoch in range(epochs):
        model.train()
        train_loss = 0.0
        for xb, yb in train_dl:
            pred = model(xb)
            loss = mse(pred, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
        model.eval()
        with torch.no_grad():
            pred = np.concatenate([model(xb).numpy() for xb, _ in val_dl]).reshape(-1)
        print(f"Epoch {epoch + 1}/{epochs} - loss: {train_loss / len(train_dl):.5f} "
              f"- val mse: {np.mean((pred - yval) ** 2):.5f}")
    print("variance of validation targets: %.5f" % yval.var())


run()
