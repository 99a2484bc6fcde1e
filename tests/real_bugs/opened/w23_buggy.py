import torch
import torch.nn as nn

torch.manual_seed(5)

# vital signs of simulated patients: heart rate, oxygen saturation, systolic and diastolic pressure
n = 1500
heart = 92 + 14 * torch.randn(n)
spo2 = 96 + 2 * torch.randn(n)
systolic = 124 + 16 * torch.randn(n)
diastolic = 0.5 * systolic + 18 + 7 * torch.randn(n)
x_data = torch.stack([heart, spo2, systolic, diastolic], 1)
risk = 0.08 * (heart - 92) - 0.5 * (spo2 - 96) + 0.004 * (systolic - diastolic - 44) ** 2 - 1.0
y_data = (risk + 0.3 * torch.randn(n) > 0).float().unsqueeze(1)

x_train, y_train = x_data[:1200], y_data[:1200]
x_test, y_test = x_data[1200:], y_data[1200:]


class Model(nn.Module):
    def __init__(self, input_size, H1, H2, output_size):
        super().__init__()
        self.linear = nn.Linear(input_size, H1)
        self.linear2 = nn.Linear(H1, H2)
        self.linear3 = nn.Linear(H2, output_size)

    def forward(self, x):
        x = torch.sigmoid(self.linear(x))
        x = torch.sigmoid(self.linear2(x))
        return torch.sigmoid(self.linear3(x))

    def predict(self, x):
        return (self.forward(x) >= 0.5).float()


model = Model(4, 24, 12, 1)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

epochs = 3000
losses = []
for i in range(epochs):
    y_pred = model(x_train)
    loss = criterion(y_pred, y_train)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (i + 1) % 300 == 0:
        with torch.no_grad():
            acc = (model.predict(x_test) == y_test).float().mean().item()
        print("epoch:", i + 1, "loss: %.4f" % loss.item(), "test accuracy: %.3f" % acc)

print("share of positives in test set: %.3f" % y_test.mean().item())
