"""Pre-train a patch encoder without labels, then train a segmentation-style classifier on few labels."""
import torch
import torch.nn.functional as F
from torch import nn


def textures(n, g):
    """12x12 oriented textures; class = orientation bin, phase and frequency vary."""
    y = torch.randint(0, 6, (n,), generator=g)
    theta = y * 3.14159 / 6 + 0.12 * torch.randn(n, generator=g)
    freq = 0.9 + 0.5 * torch.rand(n, generator=g)
    phase = 6.283 * torch.rand(n, generator=g)
    v, u = torch.meshgrid(torch.arange(12.), torch.arange(12.), indexing="ij")
    arg = freq[:, None, None] * (torch.cos(theta)[:, None, None] * u + torch.sin(theta)[:, None, None] * v)
    x = torch.sin(arg + phase[:, None, None]) + 0.6 * torch.randn(n, 12, 12, generator=g)
    return x.unsqueeze(1), y


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.GELU(),
                                    nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.GELU(),
                                    nn.Flatten(), nn.Linear(288, 64))

    def forward(self, x):
        return self.layers(x)


class ContrastivePretrainer(nn.Module):
    def __init__(self, backbone, temp=0.2):
        super().__init__()
        self.backbone, self.temp = backbone, temp
        self.proj = nn.Sequential(nn.GELU(), nn.Linear(64, 32))

    @staticmethod
    def view(x):
        x = torch.roll(x, tuple(torch.randint(-3, 4, (2,)).tolist()), (2, 3))
        return x * (0.7 + 0.6 * torch.rand(len(x), 1, 1, 1)) + 0.4 * torch.randn_like(x)

    def forward(self, x):
        a, b = (F.normalize(self.proj(self.backbone(self.view(x))), dim=1) for _ in range(2))
        return F.cross_entropy(a @ b.t() / self.temp, torch.arange(len(x)))


class Segmentor(nn.Module):
    def __init__(self, pretrained):
        super().__init__()
        self.backbone = Backbone()
        self.backbone.load_state_dict(pretrained)
        self.decode_head = nn.Sequential(nn.GELU(), nn.Linear(64, 6))

    def init_weights(self):
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.05)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.decode_head(self.backbone(x))


class Runner:
    def __init__(self, model, train, test, lr=5e-4, epochs=30):
        self.model, self.train_set, self.test_set, self.epochs = model, train, test, epochs
        self.model.init_weights()
        self.opt = torch.optim.AdamW([
            {"params": model.backbone.parameters(), "lr": lr * 0.1},
            {"params": model.decode_head.parameters(), "lr": lr * 4},
        ], weight_decay=1e-2)

    def run(self):
        x, y = self.train_set
        for epoch in range(1, self.epochs + 1):
            self.model.train()
            for idx in torch.randperm(len(x)).split(16):
                loss = F.cross_entropy(self.model(x[idx]), y[idx])
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()
            if epoch % 5 == 0:
                self.model.eval()
                with torch.no_grad():
                    acc = (self.model(self.test_set[0]).argmax(1) == self.test_set[1]).float().mean()
                print(f"fine-tune epoch {epoch:2d} loss {loss.item():.4f} test acc {acc:.4f}")


def main():
    torch.manual_seed(30)
    g = torch.Generator().manual_seed(31)
    unlabeled, _ = textures(4000, g)
    pre = ContrastivePretrainer(Backbone())
    opt = torch.optim.Adam(pre.parameters(), lr=2e-3)
    for epoch in range(10):
        for idx in torch.randperm(len(unlabeled)).split(128):
            loss = pre(unlabeled[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"pretrain epoch {epoch} contrastive loss {loss.item():.4f}")
    Runner(Segmentor(pre.backbone.state_dict()), textures(90, g), textures(1000, g)).run()


main()
