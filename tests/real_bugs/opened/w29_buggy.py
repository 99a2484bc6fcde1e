"""Imputation of missing values in multivariate time series with an attention-free SAITS-like net."""
import numpy as np
import torch
import torch.nn as nn


class _Imputer(nn.Module):
    def __init__(self, n_features, hidden=96):
        super().__init__()
        self.rnn = nn.GRU(2 * n_features, hidden, batch_first=True, bidirectional=True)
        self.mlp = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, n_features))

    def forward(self, x, mask):
        h, _ = self.rnn(torch.cat([x * mask, mask], -1))
        return self.mlp(h)


class BaseImputer:
    def __init__(self, n_features, epochs=40, batch_size=20, patience=None, lr=4e-3):
        self.model = _Imputer(n_features)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.epochs, self.batch_size = epochs, batch_size
        self.patience = epochs if patience is None else patience
        self.best_loss = float("inf")
        self.best_epoch = -1
        self.best_model_dict = None

    def _loss(self, x, observed, hidden):
        pred = self.model(x, observed)
        return ((pred - x) ** 2 * hidden).sum() / hidden.sum()

    def _train_model(self, train, val):
        waited = 0
        for epoch in range(1, self.epochs + 1):
            self.model.train()
            losses = []
            for idx in torch.randperm(len(train)).split(self.batch_size):
                x = train[idx]
                observed = (torch.rand_like(x) > 0.3).float()
                loss = self._loss(x, observed, 1 - observed) + self._loss(x, observed, observed)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            val_loss = self.evaluate(*val)
            if epoch % 16 == 0:
                print(f"Epoch {epoch:03d} - training loss: {np.mean(losses):.4f}, validation MSE: {val_loss:.4f}")
            if val_loss < self.best_loss:
                self.best_epoch = epoch
                self.best_loss = val_loss
                self.best_model_dict = self.model.state_dict()
                waited = 0
            else:
                waited += 1
                if waited == self.patience:
                    print("Exceeded the training patience. Terminating the training procedure...")
                    break

    def fit(self, train, val):
        self._train_model(train, val)
        self.model.load_state_dict(self.best_model_dict)
        self.model.eval()
        print(f"Finished training. The best model is from epoch#{self.best_epoch}, MSE {self.best_loss:.4f}.")

    @torch.no_grad()
    def evaluate(self, x, observed):
        self.model.eval()
        return self._loss(x, observed, 1 - observed).item()


def series(n, g, length=24, feats=6):
    t = torch.arange(length) / length
    freq = 1 + 3 * torch.rand(n, 1, 2, generator=g)
    phase = 6.28 * torch.rand(n, 1, 2, generator=g)
    latent = torch.sin(6.28 * freq * t[None, :, None] + phase)
    mix = torch.randn(2, feats, generator=torch.Generator().manual_seed(8))
    return latent @ mix + 0.5 * torch.randn(n, length, feats, generator=g)


torch.manual_seed(50)
gen = torch.Generator().manual_seed(51)
x_train, x_val, x_test = series(20, gen), series(120, gen), series(300, gen)
m_val = (torch.rand(x_val.shape, generator=gen) > 0.3).float()
m_test = (torch.rand(x_test.shape, generator=gen) > 0.3).float()
imputer = BaseImputer(n_features=6, epochs=160)
imputer.fit(x_train, (x_val, m_val))
print(f"restored model: validation MSE {imputer.evaluate(x_val, m_val):.4f}, test MSE {imputer.evaluate(x_test, m_test):.4f}")
