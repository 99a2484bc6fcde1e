"""REINFORCE with a baseline: a walker on a line of 7 fields learns to walk to the marked one."""

import torch
from torch import nn

TRAP = "reinforcement learning: the loss does not fall while the reward rises"
FIELDS, HORIZON, WALKS = 7, 8, 48


class Policy(nn.Module):
    """Observation: one-hot of the position and of the goal."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2 * FIELDS, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, x):
        return self.net(x)


def observe(position, goal):
    return torch.cat([torch.eye(FIELDS)[position], torch.eye(FIELDS)[goal]], -1)


@torch.no_grad()
def play(policy):
    """Observations (n, 14), and per step the action and the advantage (n, 2); mean reward per walk."""
    position, goal = torch.randint(FIELDS, (2, WALKS))
    seen, actions, rewards = [], [], []
    for _ in range(HORIZON):
        x = observe(position, goal)
        action = torch.multinomial(policy(x).softmax(-1), 1).squeeze(1)
        position = (position + 2 * action - 1).clamp(0, FIELDS - 1)
        seen.append(x)
        actions.append(action.float())
        rewards.append(-(position - goal).abs() / FIELDS)
    rewards = torch.stack(rewards)
    to_go = rewards.flip(0).cumsum(0).flip(0)
    advantage = to_go - to_go.mean(1, keepdim=True)
    y = torch.stack([torch.stack(actions).flatten(), (advantage / (advantage.std() + 1e-6)).flatten()], 1)
    return torch.cat(seen), y, rewards.sum(0).mean().item()


def policy_loss(logits, y):
    """y (n, 2): action and advantage."""
    log_p = logits.log_softmax(-1).gather(1, y[:, :1].long()).squeeze(1)
    return -(log_p * y[:, 1]).mean()


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = policy_loss(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def main():
    torch.manual_seed(0)
    policy = Policy()
    optimizer = make_optimizer(policy)
    for epoch in range(100):
        x, y, reward = play(policy)
        loss = train_step(policy, optimizer, x, y)
        if epoch % 10 == 9:
            print(f"epoch {epoch} loss {loss.item():.4f} reward {reward:.3f}")
    print(f"final reward {play(policy)[2]:.3f}")


def build():
    torch.manual_seed(0)
    policy = Policy()
    return {
        "model": policy,
        "factory": Policy,
        "loss_fn": policy_loss,
        "batches": [play(policy)[:2] for _ in range(4)],
        "optimizer": make_optimizer,
        "train_step": train_step,
    }


if __name__ == "__main__":
    main()
