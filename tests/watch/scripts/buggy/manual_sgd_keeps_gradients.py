"""SGD by hand, no optimiser; the gradients are never zeroed."""
import torch

torch.manual_seed(0)
x = torch.randn(600, 8)
y = x @ torch.randn(8, 1) + 0.1 * torch.randn(600, 1)
net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
for epoch in range(10):
    for i in torch.randperm(600).split(50):
        loss = ((net(x[i]) - y[i]) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.01 * p.grad
    print("epoch", epoch, "loss", round(loss.item(), 4))
