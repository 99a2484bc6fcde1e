"""Cross-site reconstruction: align encoder features of a source hospital with a target hospital."""
import torch
import torch.nn.functional as F
from torch import nn


def phantoms(n, contrast, bias, g):
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    c = torch.rand(n, 3, 2, generator=g) * 1.4 - 0.7
    s = 0.15 + 0.25 * torch.rand(n, 3, generator=g)
    d = (yy - c[..., 0, None, None]) ** 2 + (xx - c[..., 1, None, None]) ** 2
    img = torch.exp(-d / (2 * s[..., None, None] ** 2)).sum(1, keepdim=True)
    img = contrast * img + bias * xx
    k = torch.fft.fft2(img)
    mask = (torch.rand(n, 1, 16, 1, generator=g) < 0.4).float()
    mask[:, :, :3] = 1
    mask[:, :, -3:] = 1
    return torch.fft.ifft2(k * mask).real, img


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
                                 nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ReLU(),
                                 nn.Conv2d(16, 8, 3, padding=1), nn.Tanh())

    def forward(self, x):
        return self.net(x)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
                                 nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, z, x):
        return x + self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, z):
        return self.net(z).squeeze(1)


class LocalUpdate:
    def __init__(self, source, target, lam=0.05):
        self.source, self.target, self.lam = source, target, lam
        self.enc, self.dec, self.disc = Encoder(), Decoder(), Discriminator()
        self.opt = torch.optim.Adam([*self.enc.parameters(), *self.dec.parameters()], lr=1e-3)
        self.opt_d = torch.optim.Adam(self.disc.parameters(), lr=1e-3)
        self.gan = nn.BCEWithLogitsLoss()

    def batch(self, data, size=32):
        i = torch.randint(0, len(data[0]), (size,))
        return data[0][i], data[1][i]

    def train(self, iters=500):
        log = {"rec": [], "adv_g": [], "adv_d": []}
        for it in range(1, iters + 1):
            xs, ys = self.batch(self.source)
            xt, _ = self.batch(self.target)
            zs, zt = self.enc(xs), self.enc(xt)

            loss_d = self.gan(self.disc(zs.detach()), torch.ones(len(xs))) + \
                self.gan(self.disc(zt.detach()), torch.zeros(len(xt)))
            self.opt_d.zero_grad()
            loss_d.backward()
            self.opt_d.step()

            loss_rec = F.l1_loss(self.dec(zs, xs), ys)
            loss_adv_g = self.gan(self.disc(zs), torch.zeros(len(xs))) + self.gan(self.disc(zt), torch.ones(len(xt)))
            log["adv_g"].append(loss_adv_g.detach().item())
            loss = loss_rec + self.lam * loss_adv_g
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()

            log["rec"].append(loss_rec.item())
            log["adv_d"].append(loss_d.item())
            if it % 100 == 0:
                m = {k: sum(v[-100:]) / 100 for k, v in log.items()}
                print(f"iter {it:4d} rec {m['rec']:.4f} adv_g {m['adv_g']:.3f} adv_d {m['adv_d']:.3f} "
                      f"site gap {self.gap():.4f}")

    @torch.no_grad()
    def gap(self):
        a, b = self.enc(self.source[0][:300]), self.enc(self.target[0][:300])
        return ((a.mean(0) - b.mean(0)).norm() / a.mean(0).norm()).item()


torch.manual_seed(5)
gen = torch.Generator().manual_seed(6)
LocalUpdate(phantoms(800, 1.0, 0.0, gen), phantoms(800, 0.6, 0.5, gen)).train()
