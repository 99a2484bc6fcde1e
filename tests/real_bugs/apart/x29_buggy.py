"""Binding affinity from a protein string and a ligand string (two 1-D conv towers), best epoch kept."""
import argparse

import numpy as np
import torch
import torch.nn as nn

AA, CH, P_LEN, L_LEN = 20, 12, 40, 24


def complexes(n, seed):
    world = np.random.RandomState(2024)
    pocket, groups = world.normal(size=(AA, 3)), world.normal(size=(CH, 3))
    rng = np.random.RandomState(seed)
    prot, lig = rng.randint(AA, size=(n, P_LEN)), rng.randint(CH, size=(n, L_LEN))
    p, l = pocket[prot].mean(1) * np.sqrt(P_LEN), groups[lig].mean(1) * np.sqrt(L_LEN)
    y = 6.5 + 0.55 * p[:, 0] + 0.55 * l[:, 1] + 0.4 * np.tanh(p[:, 2] * l[:, 2]) + rng.normal(0, 0.9, n)
    return torch.tensor(prot), torch.tensor(lig), torch.tensor(y, dtype=torch.float32)


class DeepDTA(nn.Module):
    def __init__(self, dim=24, filters=48):
        super().__init__()
        self.p_emb, self.l_emb = nn.Embedding(AA, dim), nn.Embedding(CH, dim)

        def tower():
            return nn.Sequential(nn.Conv1d(dim, filters, 5, padding=2), nn.ReLU(), nn.Conv1d(filters, filters, 5, padding=2),
                                 nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten())
        self.p_tower, self.l_tower = tower(), tower()
        self.head = nn.Sequential(nn.Linear(8 * filters, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 64), nn.ReLU(),
                                  nn.Linear(64, 1))
        nn.init.constant_(self.head[-1].bias, 6.5)

    def forward(self, prot, lig):
        p = self.p_tower(self.p_emb(prot).transpose(1, 2))
        l = self.l_tower(self.l_emb(lig).transpose(1, 2))
        return self.head(torch.cat([p, l], 1)).squeeze(1)


def rmse(model, split):
    prot, lig, y = split
    model.eval()
    with torch.no_grad():
        return torch.sqrt(nn.functional.mse_loss(model(prot, lig), y)).item()


def train(model, train_set, val_set, args):
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    best_rmse, best_epoch = float('inf'), -1
    best_weights = None
    for epoch in range(args.epochs):
        model.train()
        losses = []
        for idx in torch.randperm(len(train_set[2])).split(args.batch):
            prot, lig, y = (t[idx] for t in train_set)
            loss = nn.functional.mse_loss(model(prot, lig), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        val = rmse(model, val_set)
        if val < best_rmse:
            best_rmse, best_epoch = val, epoch
            best_weights = model.state_dict()
        if epoch % 3 == 0 or epoch == args.epochs - 1:
            print(f'epoch {epoch:2d}: train mse {np.mean(losses):.4f}, val rmse {val:.4f}, best {best_rmse:.4f} (epoch {best_epoch})')
    model.load_state_dict(best_weights)
    return model


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--epochs', type=int, default=30)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--lr', type=float, default=1e-3)
    args = parser.parse_args()
    torch.manual_seed(1)
    data = {'train': complexes(900, 1), 'val': complexes(300, 2), 'test': complexes(800, 3)}
    model = train(DeepDTA(), data['train'], data['val'], args)
    print('Retraining results: ' + ', '.join(f'{k} RMSE {rmse(model, v):.4f}' for k, v in data.items()))
