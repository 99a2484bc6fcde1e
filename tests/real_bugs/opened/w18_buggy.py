# Multi-layer perceptron on small digit-like images, with a validation split
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.sampler import SubsetRandomSampler

np.random.seed(2)
torch.manual_seed(2)

# data
batch_size = 20
valid_size = 0.2

glyphs = (np.random.rand(10, 12, 12) > 0.55).astype(np.float32)


def draw(n):
    y = np.random.randint(0, 10, n)
    dx, dy = np.random.randint(-1, 2, (2, n))
    x = np.stack([np.roll(glyphs[c], (a, b), (0, 1)) for c, a, b in zip(y, dx, dy)])
    x = x + 0.7 * np.random.randn(*x.shape)
    return TensorDataset(torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(y))


train_data = draw(3000)
test_data = draw(600)

num_train = len(train_data)
indices = list(range(num_train))
np.random.shuffle(indices)
split = int(np.floor(valid_size * num_train))
train_idx, valid_idx = indices[split:], indices[:split]

train_sampler = SubsetRandomSampler(train_idx)
valid_sampler = SubsetRandomSampler(valid_idx)

train_loader = DataLoader(train_data, batch_size=batch_size, sampler=train_sampler)
valid_loader = DataLoader(train_data, batch_size=batch_size, sampler=valid_sampler)
test_loader = DataLoader(test_data, batch_size=batch_size)


# model
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(144, 128)
        self.fc2 = nn.Linear(128, 128)
        self.fc3 = nn.Linear(128, 10)
        self.droput = nn.Dropout(0.2)

    def forward(self, x):
        x = x.view(-1, 144)
        x = self.droput(F.relu(self.fc1(x)))
        x = self.droput(F.relu(self.fc2(x)))
        return self.fc3(x)


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
n_epochs = 15
valid_loss_min = np.inf

for epoch in range(n_epochs):
    train_loss = 0.0
    valid_loss = 0.0

    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * data.size(0)

    model.eval()
    with torch.no_grad():
        for data, target in valid_loader:
            output = model(data)
            loss = criterion(output, target)
            valid_loss += loss.item() * data.size(0)

    train_loss = train_loss / len(train_loader.dataset)
    valid_loss = valid_loss / len(valid_loader.dataset)

    print('Epoch: {} \tTraining Loss: {:.6f} \tValidation Loss: {:.6f}'.format(epoch + 1, train_loss, valid_loss))
    if valid_loss <= valid_loss_min:
        best = {k: v.clone() for k, v in model.state_dict().items()}
        valid_loss_min = valid_loss

model.load_state_dict(best)
model.eval()
test_loss, correct = 0.0, 0
with torch.no_grad():
    for data, target in test_loader:
        output = model(data)
        test_loss += criterion(output, target).item() * data.size(0)
        correct += (output.argmax(1) == target).sum().item()
print('Best Validation Loss: {:.6f} \tTest Loss: {:.6f} \tTest Accuracy: {:.1f}%'.format(
    valid_loss_min, test_loss / len(test_loader.dataset), 100. * correct / len(test_loader.dataset)))
