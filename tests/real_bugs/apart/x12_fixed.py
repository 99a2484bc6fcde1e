"""Pretraining on transitions of a pixel world: tell which next frame follows which frame.

A contrastive skill-discovery agent needs an encoder of observations; this is its offline part.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class PixelWorld:
    """A ball bouncing in a box over a cluttered, flickering background."""
    size = 24

    def __init__(self, rng):
        self.rng = rng

    def draw(self, pos):
        n = self.size
        yy, xx = np.mgrid[:n, :n]
        img = self.rng.uniform(0, 0.6, (n // 4, n // 4)).repeat(4, 0).repeat(4, 1)
        img = img + self.rng.normal(0, 0.05, img.shape)
        img[(yy - pos[0]) ** 2 + (xx - pos[1]) ** 2 <= 5] = 1.0
        return img.astype(np.float32)

    def transition(self):
        pos = self.rng.uniform(3, self.size - 4, 2)
        nxt = np.clip(pos + self.rng.normal(0, 1.0, 2), 3, self.size - 4)
        return self.draw(pos), self.draw(nxt)

    def collect(self, n):
        a, b = zip(*(self.transition() for _ in range(n)))
        return torch.from_numpy(np.stack(a))[:, None], torch.from_numpy(np.stack(b))[:, None]


class Encoder(nn.Module):
    def __init__(self, repr_dim=32):
        super().__init__()
        self.convnet = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2), nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2), nn.ReLU(),
            nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(),
            nn.Linear(16 * 9, repr_dim), nn.LayerNorm(repr_dim))

    def forward(self, obs):
        return self.convnet(obs - 0.5)


class CIC(nn.Module):
    def __init__(self, repr_dim=32, hidden=64, out=32):
        super().__init__()

        def net():
            return nn.Sequential(nn.Linear(repr_dim, hidden), nn.ReLU(), nn.Linear(hidden, out))
        self.state_net, self.next_net = net(), net()

    def forward(self, s, s_next):
        return F.normalize(self.state_net(s), dim=1), F.normalize(self.next_net(s_next), dim=1)


class Agent:
    def __init__(self, lr=1e-3, temp=0.2):
        self.encoder, self.cic, self.temp = Encoder(), CIC(), temp
        self.encoder_opt = torch.optim.Adam(self.encoder.parameters(), lr=lr)
        self.cic_opt = torch.optim.Adam(self.cic.parameters(), lr=lr)

    def logits(self, obs, next_obs):
        q, k = self.cic(obs, next_obs)
        return q @ k.t() / self.temp

    def update(self, obs, next_obs):
        obs, next_obs = self.encoder(obs), self.encoder(next_obs)
        logits = self.logits(obs, next_obs)
        loss = F.cross_entropy(logits, torch.arange(len(logits)))
        self.encoder_opt.zero_grad()
        self.cic_opt.zero_grad()
        loss.backward()
        self.encoder_opt.step()
        self.cic_opt.step()
        return loss.item()

    @torch.no_grad()
    def matching(self, obs, next_obs, group=64):
        hits = 0.0
        for a, b in zip(obs.split(group), next_obs.split(group)):
            top = self.logits(self.encoder(a), self.encoder(b)).topk(5, dim=1).indices
            hits += (top == torch.arange(len(a))[:, None]).any(1).float().mean().item()
        return hits / (len(obs) // group)


def main():
    torch.manual_seed(1)
    world = PixelWorld(np.random.default_rng(1))
    obs, nxt = world.collect(5000)
    val_obs, val_nxt = world.collect(640)
    agent = Agent()
    for epoch in range(12):
        losses = [agent.update(obs[i], nxt[i]) for i in torch.randperm(len(obs)).split(128)]
        print(f'| epoch {epoch + 1:2d} | contrastive loss {np.mean(losses):.4f} | '
              f'top-5 matching (val, of 64) {agent.matching(val_obs, val_nxt):.3f} |')


if __name__ == '__main__':
    main()
