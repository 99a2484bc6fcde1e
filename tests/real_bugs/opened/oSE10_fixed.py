"""A small denoiser with attention between the pixels of a picture, as in a diffusion model."""
import torch
from torch import nn
from torch.utils.data import DataLoader


def stripes(n, seed):
    """(n, 1, 8, 8): stripes whose left and right halves belong together."""
    g = torch.Generator().manual_seed(seed)
    half = torch.randn(n, 1, 8, 4, generator=g)
    return torch.cat([half, -half.flip(3)], 3)


class PixelAttention(nn.Module):
    def __init__(self, channels, heads=2, d_k=8):
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.projection = nn.Linear(channels, heads * d_k * 3)
        self.output = nn.Linear(heads * d_k, channels)
        self.scale, self.heads, self.d_k = d_k ** -0.5, heads, d_k

    def forward(self, x):
        batch, channels, height, width = x.shape
        x = x.view(batch, channels, -1).permute(0, 2, 1)
        qkv = self.projection(x).view(batch, -1, self.heads, 3 * self.d_k)
        q, k, v = torch.chunk(qkv, 3, dim=-1)
        attn = torch.einsum("bihd,bjhd->bijh", q, k) * self.scale
        attn = attn.softmax(dim=2)
        res = torch.einsum("bijh,bjhd->bihd", attn, v)
        res = self.output(res.reshape(batch, -1, self.heads * self.d_k)) + x
        return res.permute(0, 2, 1).view(batch, channels, height, width)


class Denoiser(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.attention = PixelAttention(channels)
        self.end = nn.Sequential(nn.SiLU(), nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, x):
        return self.end(self.attention(self.stem(x)))


def main():
    torch.manual_seed(0)
    loader = DataLoader(stripes(640, 0), batch_size=32, shuffle=True)
    test = stripes(128, 1)
    net = Denoiser()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    fixed_noise = torch.randn(test.shape)
    for epoch in range(4):
        for x0 in loader:
            noise = torch.randn_like(x0)
            loss = nn.functional.mse_loss(net(0.8 * x0 + 0.6 * noise), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            error = nn.functional.mse_loss(net(0.8 * test + 0.6 * fixed_noise), fixed_noise)
        print(f"epoch {epoch}: loss {loss.item():.4f} test {error.item():.4f}")


if __name__ == "__main__":
    main()
