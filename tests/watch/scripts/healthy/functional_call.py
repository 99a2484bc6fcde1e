"""Parameters in a dict, torch.func.grad, an update that makes new tensors."""
import torch
from torch.func import functional_call, grad_and_value

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(5, 24), torch.nn.ReLU(), torch.nn.Linear(24, 3))
params = {k: v.detach().clone() for k, v in net.named_parameters()}
x = torch.randn(500, 5)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0.3).long()


def loss_fn(params, x, y):
    return torch.nn.functional.cross_entropy(functional_call(net, params, (x,)), y)


for epoch in range(6):
    for i in torch.randperm(500).split(25):
        grads, loss = grad_and_value(loss_fn)(params, x[i], y[i])
        params = {k: p - 0.2 * grads[k] for k, p in params.items()}
    print(f"epoch {epoch} loss {loss.item():.3f}")
