"""Actor-critic on a small routing task: walk over a ring of stations to the depot in few moves."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

STATIONS, STEPS, ENVS, GAMMA = 15, 14, 48, 0.97


class Routes:
    """Parallel copies of the task. Actions: back, stay, forward. Each move costs; the depot pays once."""

    def __init__(self, n, gen):
        self.n, self.gen = n, gen

    def reset(self):
        self.pos = torch.randint(0, STATIONS, (self.n,), generator=self.gen)
        self.goal = torch.randint(0, STATIONS, (self.n,), generator=self.gen)
        self.done = torch.zeros(self.n, dtype=torch.bool)
        return self.observe()

    def observe(self):
        a, b = (2 * torch.pi * v / STATIONS for v in (self.pos.float(), self.goal.float()))
        return torch.stack([a.sin(), a.cos(), b.sin(), b.cos(), (a - b).sin(), (a - b).cos()], dim=1)

    def step(self, action):
        live = ~self.done
        self.pos = torch.where(live, (self.pos + action - 1) % STATIONS, self.pos)
        arrived = live & (self.pos == self.goal)
        reward = arrived.float() - 0.1 * live.float()
        self.done = self.done | arrived
        return self.observe(), reward, live


def mlp(out):
    return nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, out))


def train():
    torch.manual_seed(80)
    env = Routes(ENVS, torch.Generator().manual_seed(80))
    actor, critic = mlp(3), mlp(1)
    optimizer = torch.optim.Adam(list(actor.parameters()) + list(critic.parameters()), lr=3e-3)
    for update in range(1, 301):
        obs = env.reset()
        log_probs, values, rewards, alive, entropies = [], [], [], [], []
        for _ in range(STEPS):
            dist = Categorical(logits=actor(obs))
            action = dist.sample()
            log_probs.append(dist.log_prob(action))
            entropies.append(dist.entropy())
            values.append(critic(obs).squeeze(-1))
            obs, reward, live = env.step(action)
            rewards.append(reward)
            alive.append(live.float())
        returns, running = [], torch.zeros(ENVS)
        for r in reversed(rewards):
            running = r + GAMMA * running
            returns.insert(0, running)
        returns, values = torch.stack(returns), torch.stack(values)
        log_probs, entropies, alive = torch.stack(log_probs), torch.stack(entropies), torch.stack(alive)
        count = alive.sum()

        advantage = returns - values.detach()
        actor_loss = -(advantage * log_probs * alive).sum() / count
        critic_loss = (F.mse_loss(values, returns, reduction="none") * alive).sum() / count
        loss = actor_loss + 0.5 * critic_loss - 0.01 * (entropies * alive).sum() / count
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()
        if update % 50 == 0:
            bias = ((values - returns) * alive).sum().item() / count.item()
            print(f"update {update:3d} return {torch.stack(rewards).sum(0).mean():.3f} arrived {env.done.float().mean():.2f} "
                  f"critic loss {critic_loss.item():.4f} value minus return {bias:+.3f}")


if __name__ == "__main__":
    train()
