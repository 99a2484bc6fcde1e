"""Adapts a pretrained residual network to a shifted task with low-rank adapters on its output projections."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class LowRank(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.kaiming_uniform_(self.down.weight, a=5 ** 0.5)
        nn.init.zeros_(self.up.weight)
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.proj(F.gelu(self.fc(self.norm(x))))


class ResNet(nn.Module):
    def __init__(self, n_in=20, width=48, depth=3, classes=6):
        super().__init__()
        self.stem = nn.Linear(n_in, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def init_weights(self):
        nn.init.xavier_uniform_(self.stem.weight)
        for block in self.blocks:
            nn.init.xavier_uniform_(block.fc.weight)
            for layer in block.proj.modules():  # every block starts as the identity
                if isinstance(layer, nn.Linear):
                    nn.init.zeros_(layer.weight)

    def add_adapters(self):
        for block in self.blocks:
            block.proj = LowRank(block.proj)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def sample(n, g, rotation):
    w = torch.randn(20, 6, generator=torch.Generator().manual_seed(130))
    x = torch.randn(n, 20, generator=g)
    return x, ((x @ rotation).tanh() @ w + 0.2 * torch.randn(n, 6, generator=g)).argmax(1)


def fit(model, params, data, epochs, lr, name):
    x, y = data
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=1e-3)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for i in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(model(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(i)
        if epoch % 2 == 1:
            print(f"{name} epoch {epoch} loss {total / len(x):.4f}")


@torch.no_grad()
def accuracy(model, data):
    model.eval()
    return (model(data[0]).argmax(1) == data[1]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(131)
    g = torch.Generator().manual_seed(131)
    eye = torch.eye(20)
    turned = torch.linalg.qr(eye + 0.35 * torch.randn(20, 20, generator=g) / 20 ** 0.5)[0]
    turned = turned * turned.diagonal().sign()

    base = ResNet()
    base.init_weights()
    source = sample(4000, g, eye)
    fit(base, base.parameters(), source, 8, 2e-3, "pretraining")
    pretrained = base.state_dict()

    model = ResNet()
    model.init_weights()
    model.add_adapters()
    model.load_state_dict({k.replace(".proj.", ".proj.base."): v for k, v in pretrained.items()}, strict=False)
    for name, p in model.named_parameters():
        p.requires_grad_(".down." in name or ".up." in name)
    target, target_test = sample(2500, g, turned), sample(1000, g, turned)
    print(f"before adapting: target accuracy {accuracy(model, target_test):.3f}")
    fit(model, [p for p in model.parameters() if p.requires_grad], target, 12, 3e-3, "adapting")
    print(f"after adapting: target accuracy {accuracy(model, target_test):.3f}")
