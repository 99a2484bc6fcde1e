"""Actor-critic on a chain: walk right to the reward."""
import torch
from torch import nn

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=3e-3)


def episode():
    at, log_p, values, rewards = 0, [], [], []
    for _ in range(20):
        state = nn.functional.one_hot(torch.tensor(at), 6).float()
        policy = torch.distributions.Categorical(logits=actor(state))
        action = policy.sample()
        log_p.append(policy.log_prob(action))
        values.append(critic(state).squeeze())
        at = min(5, max(0, at + (1 if action == 1 else -1)))
        rewards.append(1.0 if at == 5 else -0.05)
        if at == 5:
            break
    return torch.stack(log_p), torch.stack(values), rewards


for n in range(120):
    log_p, values, rewards = episode()
    returns, total = [], 0.0
    for r in reversed(rewards):
        total = r + 0.95 * total
        returns.insert(0, total)
    returns = torch.tensor(returns)
    advantage = returns - values.detach()
    loss = -(log_p * advantage).mean() + 0.5 * (returns - values).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(actor.parameters(), 0.5)
    optimizer.step()
    if n % 30 == 29:
        print(f"episode {n} reward {sum(rewards):.2f} loss {loss.item():.3f}")
