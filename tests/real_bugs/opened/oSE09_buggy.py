"""A small DCGAN on pictures of rings."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
LATENT, CHANNELS = 16, 1


def rings(n):
    """(n, 1, 8, 8) in [-1, 1]: rings of random radius."""
    at = torch.arange(8) - 3.5
    distance = (at[:, None] ** 2 + at ** 2).sqrt()
    radius = 1.5 + 1.5 * torch.rand(n, 1, 1)
    return (2 * torch.exp(-2 * (distance - radius) ** 2) - 1)[:, None]


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Sequential(nn.Linear(LATENT, 32 * 2 * 2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(32),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 32, 3, stride=1, padding=1, bias=False),
            nn.BatchNorm2d(32, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 16, 3, stride=1, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, CHANNELS, 3, stride=1, padding=1),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.conv_blocks(self.l1(z).view(z.shape[0], 32, 2, 2))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(CHANNELS, 16, 3, 2, 1), nn.LeakyReLU(0.2),
                                   nn.Dropout2d(0.25), nn.Conv2d(16, 32, 3, 2, 1),
                                   nn.LeakyReLU(0.2))
        self.adv_layer = nn.Sequential(nn.Linear(32 * 2 * 2, 1), nn.Sigmoid())

    def forward(self, img):
        return self.adv_layer(self.model(img).flatten(1))


adversarial_loss = nn.BCELoss()
generator, discriminator = Generator(), Discriminator()
optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
dataloader = DataLoader(TensorDataset(rings(640)), batch_size=64, shuffle=True)

for epoch in range(4):
    for (real_imgs,) in dataloader:
        valid, fake = torch.ones(len(real_imgs), 1), torch.zeros(len(real_imgs), 1)

        optimizer_G.zero_grad()
        gen_imgs = generator(torch.randn(len(real_imgs), LATENT))
        g_loss = adversarial_loss(discriminator(gen_imgs), valid)
        g_loss.backward()
        optimizer_G.step()

        optimizer_D.zero_grad()
        d_loss = (adversarial_loss(discriminator(real_imgs), valid)
                  + adversarial_loss(discriminator(gen_imgs.detach()), fake)) / 2
        d_loss.backward()
        optimizer_D.step()
    print(f"[Epoch {epoch}/4] [D loss: {d_loss.item():.4f}] [G loss: {g_loss.item():.4f}]")
