"""A recogniser whose neck has an auxiliary head and a loss of its own."""
import torch
from torch import nn
from torch.nn import functional as F


class Neck(nn.Module):
    def __init__(self, dim, classes):
        super().__init__()
        self.mix, self.aux_head = nn.Linear(dim, dim), nn.Linear(dim, classes)

    def forward(self, x, labels=None):
        loss_aux = {}
        if labels is not None:
            loss_aux["loss_aux"] = 0.5 * F.cross_entropy(self.aux_head(x), labels)
        return self.mix(x).relu(), loss_aux


class Recogniser(nn.Module):
    def __init__(self, dim=32, classes=5):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(12, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU())
        self.neck, self.head = Neck(dim, classes), nn.Linear(dim, classes)

    def forward_train(self, x, labels):
        losses = {}
        x, loss_aux = self.neck(self.backbone(x), labels)
        self.log_aux = {name: value.item() for name, value in loss_aux.items()}
        losses.update(loss_aux)
        losses.update({"loss_cls": F.cross_entropy(self.head(x), labels)})
        return losses

    def forward(self, x, labels=None):
        if labels is not None:
            return self.forward_train(x, labels)
        return self.head(self.neck(self.backbone(x))[0])


def clips(count, centres):
    y = torch.randint(5, (count,))
    return centres[y] + torch.randn(count, 12), y


torch.manual_seed(0)
centres = 1.2 * torch.randn(5, 12)
(x, y), (x_test, y_test) = clips(800, centres), clips(200, centres)
model = Recogniser()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(5):
    model.train()
    for rows in torch.randperm(len(x)).split(40):
        losses = model(x[rows], y[rows])
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} aux {model.log_aux['loss_aux']:.4f} accuracy {accuracy:.3f}")
