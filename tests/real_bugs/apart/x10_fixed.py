"""Adaptive graph convolution: the adjacency is computed from the nodes themselves.

Every sample is a set of sensors. A sensor reports its kind, the kind of partner it depends on, and a reading;
its state is decided by the reading of that partner.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

KINDS, NODES = 10, 10


def sensors(n, generator):
    kinds = torch.rand(n, KINDS, generator=generator).argsort(1)          # every kind once, shuffled
    partner = torch.randint(KINDS, (n, NODES), generator=generator)
    reading = torch.randint(4, (n, NODES), generator=generator)
    x = torch.cat([F.one_hot(kinds, KINDS), F.one_hot(partner, KINDS), F.one_hot(reading, 4)], dim=2).float()
    x = x + 0.1 * torch.randn(x.shape, generator=generator)
    where = kinds.argsort(1).gather(1, partner)                           # node that holds the wanted kind
    return x, reading.gather(1, where)


class AdaptiveGraphConv(nn.Module):
    def __init__(self, d_in, d_out, d_att=16):
        super().__init__()
        self.W_theta = nn.Linear(d_in, d_att, bias=False)
        self.W_phi = nn.Linear(d_in, d_att, bias=False)
        self.W = nn.Linear(d_in, d_out)
        self.W_self = nn.Linear(d_in, d_out)

    def adjacency(self, x):
        sim = torch.bmm(self.W_theta(x), self.W_phi(x).transpose(1, 2)) / self.W_theta.out_features ** 0.5
        return F.softmax(sim, dim=-1)

    def forward(self, x):
        adj = self.adjacency(x)
        return F.relu(self.W_self(x) + torch.bmm(adj, self.W(x)))


class AGCN(nn.Module):
    def __init__(self, d_in, hidden=48, n_out=4):
        super().__init__()
        self.gc = AdaptiveGraphConv(d_in, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, n_out))

    def forward(self, x):
        return self.head(self.norm(self.gc(x)))


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(-1) == y).float().mean().item()


def run():
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    x_train, y_train = sensors(4000, g)
    x_val, y_val = sensors(800, g)
    model = AGCN(x_train.shape[-1])
    print(sum(p.numel() for p in model.parameters()), 'parameters')
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 20)
    for epoch in range(20):
        model.train()
        loss_sum = 0.0
        for idx in torch.randperm(len(x_train)).split(64):
            opt.zero_grad()
            logits = model(x_train[idx])
            loss = F.cross_entropy(logits.flatten(0, 1), y_train[idx].flatten())
            loss.backward()
            opt.step()
            loss_sum += loss.item() * len(idx)
        sched.step()
        print(f'epoch {epoch:2d}: loss {loss_sum / len(x_train):.4f}, '
              f'train acc {accuracy(model, x_train[:800], y_train[:800]):.3f}, val acc {accuracy(model, x_val, y_val):.3f}')


run()
