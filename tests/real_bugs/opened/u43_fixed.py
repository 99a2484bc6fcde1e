"""Deep Q-learning on a small corridor: step left or right, the goal pays 1 and ends the episode, a pit costs 1."""
import copy
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F

GAMMA = 0.95


class Corridor:
    """Positions 0..8; 0 is the pit, 8 the goal; an episode ends after 40 moves at most."""

    def reset(self):
        self.pos, self.t = random.randint(2, 6), 0
        return self.obs()

    def obs(self):
        return torch.eye(9)[self.pos]

    def step(self, action):
        move = 1 if action == 1 else -1
        if random.random() < 0.1:
            move = -move
        self.pos += move
        self.t += 1
        terminal = self.pos in (0, 8)
        reward = {0: -1.0, 8: 1.0}.get(self.pos, -0.01)
        return self.obs(), reward, terminal, terminal or self.t >= 40


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(9, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2))

    def forward(self, s):
        return self.net(s)


def learn(q, target, batch, opt):
    s, a, r, s2, done = (torch.stack(z) for z in zip(*batch))
    with torch.no_grad():
        best_next = target(s2).max(dim=1).values
        y = r + GAMMA * best_next * (1 - done)
    value = q(s).gather(1, a.unsqueeze(1)).squeeze(1)
    loss = F.smooth_l1_loss(value, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


def main():
    random.seed(160)
    torch.manual_seed(160)
    env, memory = Corridor(), deque(maxlen=5000)
    q = QNet()
    target = copy.deepcopy(q)
    opt = torch.optim.Adam(q.parameters(), lr=1e-3)
    steps, returns, losses = 0, [], []
    for episode in range(1, 241):
        s, over, total = env.reset(), False, 0.0
        eps = max(0.1, 1 - episode / 120)
        while not over:
            if random.random() < eps:
                a = random.randrange(2)
            else:
                with torch.no_grad():
                    a = q(s).argmax().item()
            s2, r, done, over = env.step(a)
            memory.append((s, torch.tensor(a), torch.tensor(r), s2, torch.tensor(float(done))))
            s, total, steps = s2, total + r, steps + 1
            if len(memory) >= 200:
                losses.append(learn(q, target, random.sample(memory, 32), opt))
            if steps % 100 == 0:
                target.load_state_dict(q.state_dict())
        returns.append(total)
        if episode % 40 == 0:
            with torch.no_grad():
                v = q(torch.eye(9)[1:8]).max(1).values
            print(f"episode {episode} return {sum(returns[-40:]) / 40:.3f} loss {sum(losses[-200:]) / 200:.5f} "
                  f"mean value {v.mean().item():.3f}")


if __name__ == "__main__":
    main()
