"""Q-learning from whole episodes kept in a replay buffer; a lander on a line must stop at the pad."""
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F


class Lander:
    """Position and speed on a line; actions push left, none, right. Reward is closeness to rest at the origin."""

    def __init__(self, rng):
        self.rng = rng

    def reset(self):
        self.x, self.v, self.t = self.rng.uniform(-1, 1), self.rng.uniform(-0.3, 0.3), 0
        return [self.x, 3 * self.v]

    def step(self, action):
        self.v = 0.9 * self.v + 0.06 * (action - 1)
        self.x = max(-1.5, min(1.5, self.x + self.v))
        self.t += 1
        return [self.x, 3 * self.v], 1.0 - abs(self.x) - abs(self.v), self.t >= 20


class Agent:
    def __init__(self, capacity=60):
        self.q = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3))
        self.target = nn.Sequential(nn.Linear(2, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3))
        self.target.load_state_dict(self.q.state_dict())
        self.optimizer = torch.optim.Adam(self.q.parameters(), lr=1e-3)
        self.state_replay, self.action_replay, self.r_replay = (deque(maxlen=capacity) for _ in range(3))
        self.state_traj, self.action_traj, self.r_traj = [], [], []

    def act(self, state, epsilon):
        if random.random() < epsilon:
            return random.randrange(3)
        with torch.no_grad():
            return self.q(torch.tensor(state)).argmax().item()

    def self_play(self, env, epsilon):
        self.state_traj = []
        self.action_traj = []
        self.r_traj = []
        state, done = env.reset(), False
        while not done:
            action = self.act(state, epsilon)
            nxt, reward, done = env.step(action)
            self.state_traj.append(state)
            self.action_traj.append(action)
            self.r_traj.append(reward)
            state = nxt
        self.state_traj.append(state)
        self.state_replay.append(self.state_traj)
        self.action_replay.append(self.action_traj)
        self.r_replay.append(self.r_traj)
        return sum(self.r_traj)

    def update(self, episodes=8, gamma=0.9):
        picks = random.choices(range(len(self.r_replay)), k=episodes)
        s = torch.tensor([self.state_replay[i] for i in picks])
        a = torch.tensor([self.action_replay[i] for i in picks])
        r = torch.tensor([self.r_replay[i] for i in picks])
        with torch.no_grad():
            # the horizon is a time limit, so the last state is bootstrapped as well
            goal = r + gamma * self.target(s[:, 1:]).max(-1).values
        value = self.q(s[:, :-1]).gather(-1, a[..., None]).squeeze(-1)
        loss = F.smooth_l1_loss(value, goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main():
    torch.manual_seed(220)
    random.seed(220)
    env, exam = Lander(random.Random(1)), Lander(random.Random(2))
    agent = Agent()
    for episode in range(1, 121):
        agent.self_play(env, epsilon=max(0.1, 1 - episode / 80))
        loss = sum(agent.update() for _ in range(4)) / 4
        if episode % 5 == 0:
            agent.target.load_state_dict(agent.q.state_dict())
        if episode % 20 == 0:
            scores = []
            for _ in range(20):
                state, done, score = exam.reset(), False, 0.0
                while not done:
                    state, reward, done = exam.step(agent.act(state, 0.0))
                    score += reward
                scores.append(score)
            print(f"episode {episode:3d} td loss {loss:.4f} greedy return {sum(scores) / 20:.2f} of 20")


if __name__ == "__main__":
    main()
