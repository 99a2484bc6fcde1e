import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def surface(xy):
    return torch.sin(xy[:, :1] * xy[:, 1:])


def build(width=32, depth=7):
    layers = [nn.Linear(2, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    layers.append(nn.Linear(width, 1))
    return nn.Sequential(*layers)


def fit():
    torch.manual_seed(20)
    x = torch.randn(20000, 2)
    train = TensorDataset(x, surface(x))
    x_test = torch.randn(4000, 2)
    y_test = surface(x_test)
    loader = DataLoader(train, batch_size=200, shuffle=True)

    model = build()
    print(model)
    criterion = nn.L1Loss()
    opt = torch.optim.SGD(model.parameters(), lr=0.001)
    print('mean |y| on the test points: %.4f' % y_test.abs().mean())

    for epoch in range(15):
        model.train()
        total = 0.0
        for xb, yb in loader:
            pred = model(xb)
            loss = criterion(pred, yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            test_loss = criterion(model(x_test), y_test)
        print('epoch: [%d], train loss: %.4f, test loss: %.4f' % (epoch, total / len(loader), test_loss))

    with torch.no_grad():
        for point in ((0.5, 0.5), (1.0, 1.5), (-1.0, 1.2), (2.0, -0.3)):
            p = torch.tensor([point])
            print(point, 'true %.3f, network %.3f' % (surface(p).item(), model(p).item()))


if __name__ == '__main__':
    fit()
