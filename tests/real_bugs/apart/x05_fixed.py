"""World-model style VAE: compress rendered frames of a toy race track to a latent vector."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

Z_DIM = 8
FRAME = 32


class FrameRenderer:
    """Draws a car on a straight road whose direction, width and offset vary."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.yy, self.xx = np.mgrid[:FRAME, :FRAME] / (FRAME - 1) * 2 - 1

    def frame(self):
        angle = self.rng.uniform(-1.0, 1.0)
        offset = self.rng.uniform(-0.5, 0.5)
        width = self.rng.uniform(0.2, 0.4)
        across = self.xx * np.cos(angle) + self.yy * np.sin(angle) - offset
        img = 0.15 + 0.5 * (np.abs(across) < width)
        cy, cx = self.rng.uniform(-0.7, 0.7, 2)
        img = np.where((np.abs(self.yy - cy) < 0.2) & (np.abs(self.xx - cx) < 0.13), 1.0, img)
        return img + self.rng.normal(0, 0.02, img.shape)

    def batch(self, n):
        return torch.tensor(np.stack([self.frame() for _ in range(n)]), dtype=torch.float32)[:, None]


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(), nn.Flatten(),
        )
        self.fc_mu = nn.Linear(32 * 16, Z_DIM)
        self.fc_logvar = nn.Linear(32 * 16, Z_DIM)
        self.fc_dec = nn.Linear(Z_DIM, 32 * 16)
        self.decoder = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid(),
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) if self.training else mu
        return self.decoder(self.fc_dec(z).view(-1, 32, 4, 4)), mu, logvar


def vae_loss(recon, x, mu, logvar):
    r_loss = 10 * F.mse_loss(recon, x, reduction='sum') / x.size(0)
    kl_loss = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
    return r_loss + kl_loss, r_loss, kl_loss


class Trainer:
    def __init__(self, model, train, val, lr=1e-3, batch_size=64):
        self.model, self.train_frames, self.val_frames = model, train, val
        self.batch_size = batch_size
        self.optim = torch.optim.Adam(model.parameters(), lr=lr)

    def epoch(self):
        self.model.train()
        sums = np.zeros(3)
        order = torch.randperm(len(self.train_frames)).split(self.batch_size)
        for idx in order:
            x = self.train_frames[idx]
            parts = vae_loss(*self._forward(x))
            self.optim.zero_grad()
            parts[0].backward()
            self.optim.step()
            sums += [p.item() for p in parts]
        return sums / len(order)

    def _forward(self, x):
        recon, mu, logvar = self.model(x)
        return recon, x, mu, logvar

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        recon, mu, logvar = self.model(self.val_frames)
        explained = 1 - (recon - self.val_frames).var() / (self.val_frames - self.val_frames.mean(0)).var()
        return explained.item(), mu.std(0)


torch.manual_seed(5)
trainer = Trainer(VAE(), FrameRenderer(1).batch(1600), FrameRenderer(2).batch(300))
for e in range(12):
    loss, r, kl = trainer.epoch()
    explained, spread = trainer.validate()
    print(f'epoch {e + 1:2d} loss: {loss:.4f} - vae_r_loss: {r:.4f} - vae_kl_loss: {kl:.4e} - explained variance (val): {explained:.3f}')
print('spread of the latent means:', ' '.join(f'{s:.3f}' for s in spread))
