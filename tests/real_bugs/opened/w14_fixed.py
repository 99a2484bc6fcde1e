"""Policy-gradient tour construction on random city maps, with a learned value baseline."""
import torch
import torch.nn as nn


class Actor(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(2, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.mix = nn.MultiheadAttention(dim, 4, batch_first=True)
        self.query = nn.Linear(3 * dim, dim)
        self.key = nn.Linear(dim, dim)

    def forward(self, cities, greedy=False):
        b, n, _ = cities.shape
        h = self.embed(cities)
        h = h + self.mix(h, h, h, need_weights=False)[0]
        keys = self.key(h)
        graph = h.mean(1)
        rows = torch.arange(b)
        first = last = torch.zeros_like(graph)
        visited = torch.zeros(b, n, dtype=torch.bool)
        logp, tour = 0.0, []
        for step in range(n):
            q = self.query(torch.cat([graph, first, last], 1))
            att = 8 * torch.tanh((keys @ q.unsqueeze(2)).squeeze(2) / q.size(1) ** 0.5)
            dist = torch.distributions.Categorical(logits=att.masked_fill(visited, -1e9))
            pick = dist.probs.argmax(1) if greedy else dist.sample()
            logp = logp + dist.log_prob(pick)
            visited = visited.clone()
            visited[rows, pick] = True
            last = h[rows, pick]
            if step == 0:
                first = last
            tour.append(pick)
        return torch.stack(tour, 1), logp


class Critic(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.point = nn.Sequential(nn.Linear(2, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU())
        self.value = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 1))

    def forward(self, cities):
        return self.value(self.point(cities).mean(1)).squeeze(1)


def tour_length(cities, tour):
    path = cities.gather(1, tour.unsqueeze(2).expand(-1, -1, 2))
    return (path - path.roll(-1, 1)).norm(dim=2).sum(1)


class Trainer:
    def __init__(self, n_cities=8, batch=128, lr=1e-3):
        self.n, self.batch = n_cities, batch
        self.actor, self.critic = Actor(), Critic()
        self.optim = torch.optim.Adam(list(self.actor.parameters()) + list(self.critic.parameters()), lr=lr)
        self.mse = nn.MSELoss()

    def step(self):
        cities = torch.rand(self.batch, self.n, 2)
        tour, logp = self.actor(cities)
        length = tour_length(cities, tour)
        predicted = self.critic(cities)
        advantage = length - predicted.detach()
        policy_loss = (advantage * logp).mean()
        critic_loss = self.mse(predicted, length)
        self.optim.zero_grad()
        (policy_loss + critic_loss).backward()
        torch.nn.utils.clip_grad_norm_(self.actor.parameters(), 1.0)
        self.optim.step()
        return length.mean().item(), predicted.mean().item()

    @torch.no_grad()
    def evaluate(self, cities):
        tour, _ = self.actor(cities, greedy=True)
        return tour_length(cities, tour).mean().item()


def main():
    torch.manual_seed(0)
    test = torch.rand(1000, 8, 2)
    tr = Trainer()
    sums = [0.0, 0.0]
    for it in range(1, 401):
        length, value = tr.step()
        sums[0] += length
        sums[1] += value
        if it % 50 == 0:
            print(f"step {it:4d}  sampled length {sums[0] / 50:.3f}  predicted {sums[1] / 50:.3f}  "
                  f"greedy test length {tr.evaluate(test):.3f}")
            sums = [0.0, 0.0]


main()
