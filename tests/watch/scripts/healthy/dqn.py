"""Deep Q-learning with a replay memory and a target network that is copied now and then."""
import random
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)


def net():
    return nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 2))


policy, target = net(), net()
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
memory, at = deque(maxlen=500), 0
one_hot = torch.eye(5)
for step in range(400):
    with torch.no_grad():
        greedy = policy(one_hot[at][None]).argmax(1).item()
    action = random.randrange(2) if random.random() < 0.3 else greedy
    new = min(4, at + 1) if action else max(0, at - 1)
    reward = 1.0 if new == 4 else 0.0
    memory.append((at, action, reward, new))
    at = 0 if new == 4 else new
    if len(memory) < 32:
        continue
    s, a, r, n = (torch.tensor(part) for part in zip(*random.sample(memory, 32)))
    q = policy(one_hot[s]).gather(1, a[:, None]).squeeze(1)
    with torch.no_grad():
        wanted = r + 0.9 * target(one_hot[n]).max(1).values
    loss = nn.functional.smooth_l1_loss(q, wanted)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy.parameters(), 100)
    optimizer.step()
    if step % 50 == 0:
        target.load_state_dict(policy.state_dict())
    if step % 100 == 99:
        print(f"step {step} loss {loss.item():.4f}")
