"""Q-learning on a ring of rooms with a moving and a target network."""
import copy
import random

import torch
import torch.nn as nn


class Control:
    def __init__(self, rooms, actions, gamma=0.9, sync_every=50):
        self.moving_nn = nn.Sequential(nn.Linear(rooms, 48), nn.ReLU(), nn.Linear(48, actions))
        self.target_nn = copy.deepcopy(self.moving_nn)
        self.optimizer = torch.optim.Adam(self.moving_nn.parameters(), lr=1e-3)
        self.gamma, self.sync_every, self.n_iter = gamma, sync_every, 0

    def optimize(self, state, action, reward, following):
        if self.n_iter % self.sync_every == 0:
            self.target_nn.load_state_dict(self.moving_nn.state_dict())
            self.target_nn = self.moving_nn
        with torch.no_grad():
            aim = reward + self.gamma * self.target_nn(following).max(1)[0]
        value = self.moving_nn(state).gather(1, action[:, None]).squeeze(1)
        loss = nn.functional.mse_loss(value, aim)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.n_iter += 1
        return loss.item()


def main(rooms=10, steps=400):
    torch.manual_seed(0)
    random.seed(0)
    control, one_hot, memory = Control(rooms, 2), torch.eye(rooms), []
    room, losses = 0, []
    for step in range(steps):
        action = random.randrange(2)
        following = (room + (1 if action else -1)) % rooms
        memory.append((room, action, 1.0 if following == rooms // 2 else 0.0, following))
        room = following
        if len(memory) >= 32:
            s, a, r, f = zip(*random.sample(memory, 32))
            losses.append(control.optimize(one_hot[list(s)], torch.tensor(a), torch.tensor(r), one_hot[list(f)]))
        if step % 100 == 99:
            print(step + 1, f"loss {sum(losses[-50:]) / 50:.5f}")


if __name__ == "__main__":
    main()
