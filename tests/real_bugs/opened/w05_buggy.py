"""Neural matrix factorisation on implicit feedback, point-wise training."""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


class NeuMF(nn.Module):
    def __init__(self, user_num, item_num, factors=16, layers=2, dropout=0.1, lr=1e-3, epochs=8):
        super().__init__()
        self.embed_user_GMF = nn.Embedding(user_num, factors)
        self.embed_item_GMF = nn.Embedding(item_num, factors)
        self.embed_user_MLP = nn.Embedding(user_num, factors * 2)
        self.embed_item_MLP = nn.Embedding(item_num, factors * 2)
        mods, size = [], factors * 4
        for _ in range(layers):
            mods += [nn.Dropout(dropout), nn.Linear(size, size // 2), nn.ReLU()]
            size //= 2
        self.MLP_layers = nn.Sequential(*mods)
        self.predict_layer = nn.Linear(factors + size, 1)
        for m in self.modules():
            if isinstance(m, nn.Embedding):
                nn.init.normal_(m.weight, std=0.05)
        self.lr, self.epochs = lr, epochs
        self.criterion = nn.BCEWithLogitsLoss(reduction='sum')

    def forward(self, user, item):
        gmf = self.embed_user_GMF(user) * self.embed_item_GMF(item)
        mlp = self.MLP_layers(torch.cat((self.embed_user_MLP(user), self.embed_item_MLP(item)), -1))
        pred = self.predict_layer(torch.cat((gmf, mlp), -1)).sigmoid()
        return pred.view(-1)

    def fit(self, loader, on_epoch_end):
        optimizer = optim.Adam(self.parameters(), lr=self.lr)
        for epoch in range(1, self.epochs + 1):
            self.train()
            current_loss = 0.
            for user, item, label in loader:
                self.zero_grad()
                prediction = self.forward(user, item)
                loss = self.criterion(prediction, label)
                loss.backward()
                optimizer.step()
                current_loss += loss.item()
            print(f'[Epoch {epoch:02d}] loss {current_loss / len(loader.dataset):.4f}', end=' ')
            on_epoch_end(self)

    @torch.no_grad()
    def rank_all(self, users, item_num):
        self.eval()
        u = users.repeat_interleave(item_num)
        i = torch.arange(item_num).repeat(len(users))
        return self.forward(u, i).view(len(users), item_num)


def synthesize(users, items, rng):
    p, q = rng.normal(size=(users, 6)), rng.normal(size=(items, 6))
    score = p @ q.T + 0.8 * rng.normal(size=items) + rng.gumbel(size=(users, items))
    top = np.argsort(-score, axis=1)[:, :20]
    return top


def main():
    torch.manual_seed(2022)
    rng = np.random.default_rng(2022)
    n_users, n_items, num_ng = 300, 240, 4
    top = synthesize(n_users, n_items, rng)
    perm = rng.permuted(top, axis=1)
    train, test = perm[:, :15], perm[:, 15:]

    rows = []
    for u in range(n_users):
        seen = set(train[u])
        for pos in train[u]:
            rows.append((u, pos, 1.))
            for _ in range(num_ng):
                j = rng.integers(n_items)
                while j in seen:
                    j = rng.integers(n_items)
                rows.append((u, j, 0.))
    rows = np.array(rows)
    ds = TensorDataset(torch.as_tensor(rows[:, 0]).long(), torch.as_tensor(rows[:, 1]).long(),
                       torch.as_tensor(rows[:, 2]).float())
    loader = DataLoader(ds, batch_size=256, shuffle=True)

    def report(model):
        scores = model.rank_all(torch.arange(n_users), n_items)
        scores[torch.arange(n_users)[:, None], torch.as_tensor(train)] = -1e9
        rec = scores.topk(20, dim=1).indices.numpy()
        recall = np.mean([len(set(rec[u]) & set(test[u])) / test.shape[1] for u in range(n_users)])
        print(f'recall@20 {recall:.4f}')

    NeuMF(n_users, n_items).fit(loader, report)


if __name__ == '__main__':
    main()
