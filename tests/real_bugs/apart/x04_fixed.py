# %% [markdown]
# # Which species is it?
# Four body measurements of a bird and the island it was seen on, twelve species.

# %%
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.data as td

torch.manual_seed(0)
np.random.seed(0)

# %% Make the table
n_species, n_birds = 12, 2600
centres = np.random.normal(0, 1.6, size=(n_species, 4))
spread = np.random.uniform(0.4, 0.8, size=(n_species, 4))
islands = np.random.dirichlet(np.ones(3) * 0.7, size=n_species)
label = np.random.choice(n_species, size=n_birds, p=np.arange(n_species, 0, -1) / 78)
measures = centres[label] + np.random.normal(size=(n_birds, 4)) * spread[label]
island = np.array([np.random.choice(3, p=islands[k]) for k in label])
features = np.concatenate([measures, np.eye(3)[island]], axis=1).astype(np.float32)

# %% Split
cut = int(0.7 * n_birds)
x_train, y_train = features[:cut], label[:cut]
x_test, y_test = features[cut:], label[cut:]
train_ds = td.TensorDataset(torch.tensor(x_train), torch.tensor(y_train).long())
test_ds = td.TensorDataset(torch.tensor(x_test), torch.tensor(y_test).long())
train_loader = td.DataLoader(train_ds, batch_size=20, shuffle=True)
test_loader = td.DataLoader(test_ds, batch_size=60, shuffle=False)


# %% The network
class BirdNet(nn.Module):
    def __init__(self, hl=24):
        super().__init__()
        self.fc1 = nn.Linear(features.shape[1], hl)
        self.fc2 = nn.Linear(hl, hl)
        self.fc3 = nn.Linear(hl, n_species)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


model = BirdNet()
loss_criteria = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


# %% Training and testing
def train(model, loader, optimizer):
    model.train()
    train_loss = 0
    for data, target in loader:
        optimizer.zero_grad()
        out = model(data)
        loss = loss_criteria(out, target)
        train_loss += loss.item()
        loss.backward()
        optimizer.step()
    return train_loss / len(loader)


def test(model, loader):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for data, target in loader:
            out = model(data)
            test_loss += loss_criteria(out, target).item()
            correct += (out.argmax(1) == target).sum().item()
    return test_loss / len(loader), correct / len(loader.dataset)


# %%
for epoch in range(1, 31):
    train_loss = train(model, train_loader, optimizer)
    test_loss, acc = test(model, test_loader)
    if epoch % 5 == 0:
        print(f"Epoch {epoch}: training loss {train_loss:.4f}, validation loss {test_loss:.4f}, accuracy {acc:.3f}")

# %% Confusion by species
with torch.no_grad():
    predicted = model(torch.tensor(x_test)).argmax(1).numpy()
for k in range(n_species):
    seen = y_test == k
    print(f"species {k}: {seen.sum():3d} birds, recall {np.mean(predicted[seen] == k):.2f}")
