"""Waveform restoration with a feature-matching loss in a pretrained recogniser's layers."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Recogniser(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv1d(1, 16, 7, stride=2, padding=3), nn.Conv1d(16, 32, 5, stride=2, padding=2),
                                     nn.Conv1d(32, 32, 3, padding=1)])
        self.head = nn.Linear(32, classes)

    def features(self, x):
        out = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            out.append(x)
        return out

    def forward(self, x):
        return self.head(self.features(x)[-1].mean(-1))


class Restorer(nn.Module):
    def __init__(self, c=24):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(1, c, 9, padding=4), nn.GELU(), nn.Conv1d(c, c, 9, padding=4), nn.GELU(),
                                 nn.Conv1d(c, 1, 9, padding=4))

    def forward(self, x):
        return x + self.net(x)


class FeatureLoss(nn.Module):
    def forward(self, real, fake):
        loss = fake[0].new_zeros(())
        for r, f in zip(real, fake):
            loss = loss + torch.abs(f - r.detach()).mean() / len(real)
        return loss


def waves(n, gen):
    y = torch.randint(0, 4, (n,), generator=gen)
    t = torch.linspace(0, 1, 64)
    f = torch.tensor([3.0, 5.0, 8.0, 12.0])[y][:, None]
    x = torch.sin(2 * torch.pi * (f * t + torch.rand(n, 1, generator=gen))) * (0.8 + 0.4 * torch.rand(n, 1, generator=gen))
    noisy = x + 0.9 * torch.randn(n, 64, generator=gen)
    return x[:, None], noisy[:, None], y


torch.manual_seed(60)
gen = torch.Generator().manual_seed(60)
clean, noisy, label = waves(2000, gen)
clean_v, noisy_v, label_v = waves(500, gen)

judge = Recogniser()
opt = torch.optim.Adam(judge.parameters(), lr=2e-3)
for epoch in range(5):
    for i in torch.randperm(len(clean)).split(64):
        loss = F.cross_entropy(judge(clean[i]), label[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
judge.eval().requires_grad_(False)
print(f"recogniser on clean waves: {(judge(clean_v).argmax(1) == label_v).float().mean():.3f}")

restorer = Restorer()
feature_loss = FeatureLoss()
opt = torch.optim.Adam(restorer.parameters(), lr=1e-3)
for epoch in range(8):
    restorer.train()
    rec_sum = feat_sum = 0.0
    for i in torch.randperm(len(clean)).split(64):
        out = restorer(noisy[i])
        rec = F.l1_loss(out, clean[i])
        feat = feature_loss(judge.features(clean[i]), judge.features(out))
        loss = 0.2 * rec + feat
        opt.zero_grad()
        loss.backward()
        opt.step()
        rec_sum += rec.item()
        feat_sum += feat.item()
    restorer.eval()
    with torch.no_grad():
        out = restorer(noisy_v)
        acc = (judge(out).argmax(1) == label_v).float().mean().item()
        gap = feature_loss(judge.features(clean_v), judge.features(out)).item()
    print(f"epoch {epoch} l1 {rec_sum / 32:.4f} feature {feat_sum / 32:.4f} | val feature gap {gap:.4f} recognised {acc:.3f}")
