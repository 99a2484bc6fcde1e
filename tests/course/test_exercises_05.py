"""Exercises of notebook 05: other right ways pass, wrong ones are refused for what is wrong."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from recipe_widgets.course import check
from tests.course.exercise_tests import ODD, ExerciseTests, word

# --- overfit_batch ---


def batch_sgd(net: Any, criterion: Any, images: Any, labels: Any, many: int = 200) -> Any:
    """SGD with momentum; the dropout layers alone in evaluation mode."""
    net = copy.deepcopy(net)
    net.train()
    for one in net.modules():
        if "Dropout" in type(one).__name__:
            one.eval()
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    seen: list[float] = []
    while len(seen) < many:
        sgd.zero_grad()
        value = criterion(net(images), labels)
        value.backward()
        sgd.step()
        seen.append(value.item())
    return tuple(seen)


def batch_by_hand(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    """No optimizer at all; clears at the end of a step."""
    model = copy.deepcopy(model).train()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0
    model.zero_grad()
    losses = np.empty(steps)
    for step in range(steps):
        loss = loss_fn(model(x), y)
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight -= 0.3 * weight.grad
        model.zero_grad()
        losses[step] = loss.detach().item()
    return losses.tolist()


def batch_put_back(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    """A copy, trained by a function of its own; AdamW without decay."""
    twin = copy.deepcopy(model)
    twin.train()
    twin.apply(lambda part: setattr(part, "p", 0.0) if isinstance(part, nn.Dropout) else None)
    optimizer = torch.optim.AdamW(twin.parameters(), lr=0.01, weight_decay=0.0)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_fn(twin(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return [step() for _ in range(steps)]


def batch_original(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return _plain_training(model, loss_fn, x, y, steps)


def _plain_training(model: Any, loss_fn: Any, x: Any, y: Any, steps: int, clear: bool = True,
                    lr: float = 0.003) -> Any:
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=lr), []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def batch_dropout_on(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return _plain_training(copy.deepcopy(model).train(), loss_fn, x, y, steps)


def batch_all_eval(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return _plain_training(copy.deepcopy(model).eval(), loss_fn, x, y, steps)


def batch_too_slow(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return _plain_training(copy.deepcopy(model).train(), loss_fn, x, y, steps, lr=1e-6)


def batch_last_only(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return batch_sgd(model, loss_fn, x, y, steps)[-1]


def batch_constant(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    first = loss_fn(copy.deepcopy(model)(x), y).item()
    return [first * 0.97**step for step in range(steps)]


def batch_own_loss(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return batch_sgd(model, F.cross_entropy, x, y, steps)


def batch_one_more(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    return batch_sgd(model, loss_fn, x, y, steps + 1)


def batch_turns_dropout_off(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return batch_sgd(model, loss_fn, x, y, steps)


def batch_graphs(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    learner, losses = copy.deepcopy(model), []
    for _ in range(steps):
        losses.append(loss_fn(learner(x), y))
    return losses


# --- convolution ---


def conv_unfold(images: Any, kernels: Any, bias: Any, step: int = 1, zeros: int = 0) -> Any:
    k = kernels.shape[-1]
    columns = F.unfold(images, k, padding=zeros, stride=step)            # (N, C*k*k, places)
    out = kernels.flatten(1) @ columns + bias[:, None]
    rows = (images.shape[2] + 2 * zeros - k) // step + 1
    return out.reshape(len(images), len(kernels), rows, -1)


def conv_shifted(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    """Loops over the kernel, not over the image."""
    n, c, h, w = x.shape
    o, _, k, _ = weight.shape
    wide = torch.zeros(n, c, h + 2 * padding, w + 2 * padding, dtype=x.dtype)
    wide[:, :, padding:padding + h, padding:padding + w] = x
    rows, columns = (wide.shape[2] - k) // stride + 1, (wide.shape[3] - k) // stride + 1
    out = bias[None, :, None, None] * torch.ones(n, o, rows, columns, dtype=x.dtype)
    for a in range(k):
        for b in range(k):
            part = wide[:, :, a:a + stride * rows:stride, b:b + stride * columns:stride]
            out = out + torch.einsum("nchw,oc->nohw", part[:, :, :rows, :columns], weight[:, :, a, b])
    return out


def conv_numpy(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    x, weight, bias = (one.numpy() for one in (x, weight, bias))
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    k = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncijab,ocab->noij", windows, weight) + bias[:, None, None]


def conv_library(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return F.conv2d(x, weight, bias, stride, padding)


def conv_mirrored(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return conv_unfold(x, weight.flip(2, 3), bias, stride, padding)


def conv_no_bias(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return conv_unfold(x, weight, 0 * bias, stride, padding)


def conv_no_padding(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return conv_unfold(x, weight, bias, stride, 0)


def conv_no_stride(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return conv_unfold(x, weight, bias, 1, padding)


def conv_first_channel(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return conv_unfold(x[:, :1], weight[:, :1], bias, stride, padding)


def conv_square_only(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    side = min(x.shape[2:])
    return conv_unfold(x[:, :, :side, :side], weight, bias, stride, padding)


def conv_every_window(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    """The right size, but the windows lie side by side."""
    wanted = conv_unfold(x, weight, bias, stride, padding)
    dense = conv_unfold(x, weight, bias, 1, padding)
    return dense[:, :, :wanted.shape[2], :wanted.shape[3]]


def conv_into_x(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    out = conv_unfold(x, weight, bias, stride, padding)
    x.zero_()
    return out


# --- make_model ---


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out, self.d2, self.d1 = nn.Linear(84, 10), nn.Linear(120, 84), nn.Linear(400, 120)
        self.c2, self.c1 = nn.Conv2d(6, 16, 5), nn.Conv2d(1, 6, 5, padding=2)

    def forward(self, x: Any) -> Any:
        for conv in (self.c1, self.c2):
            x = F.max_pool2d(conv(x).relu(), 2)
        x = x.flatten(1)
        for dense in (self.d1, self.d2):
            x = F.relu(dense(x))
        return self.out(x)


def model_class() -> Any:
    return Net()


def model_pooled_first() -> Any:
    """Max-pooling and ReLU may change places; padding as a layer."""
    return nn.Sequential(nn.ZeroPad2d(2), nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.ReLU(),
                         nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), *_dense())


def _dense(act: Any = nn.ReLU) -> list[nn.Module]:
    return [nn.Linear(400, 120), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10)]


def _body(act: Any = nn.ReLU, pool: Any = nn.MaxPool2d) -> list[nn.Module]:
    return [nn.Conv2d(1, 6, 5, padding=2), act(), pool(2), nn.Conv2d(6, 16, 5), act(), pool(2),
            nn.Flatten()]


def model_in_parts() -> Any:
    model = nn.Sequential()
    for number, layer in enumerate([*_body(), nn.Dropout(0.1), *_dense()]):
        model.add_module(f"layer{number}", layer)
    return model


def model_softmax() -> Any:
    return nn.Sequential(*_body(), *_dense(), nn.Softmax(dim=1))


def model_mean_pooling() -> Any:
    return nn.Sequential(*_body(pool=nn.AvgPool2d), *_dense())


def model_tanh() -> Any:
    return nn.Sequential(*_body(nn.Tanh), *_dense(nn.Tanh))


def model_no_dense_relu() -> Any:
    return nn.Sequential(*_body(), *_dense(nn.Identity))


def model_mlp() -> Any:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def model_of_the_notebook() -> Any:
    return SHARED


SHARED = Net()


def model_seeded() -> Any:
    torch.manual_seed(0)
    return Net()


def model_the_class() -> Any:
    return Net


def model_no_padding() -> Any:
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), *_dense())


def model_relu_at_the_end() -> Any:
    return nn.Sequential(*_body(), *_dense(), nn.ReLU())


# --- ResidualBlock ---


class BlockLayers(nn.Module):
    """Each layer by itself, the shortcut first; functional ReLU."""

    def __init__(self, cin: int, cout: int, s: int = 1) -> None:
        super().__init__()
        self.change = cin != cout or s > 1
        if self.change:
            self.side, self.side_norm = nn.Conv2d(cin, cout, 1, s, bias=False), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, s, 1, bias=False)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(cout), nn.BatchNorm2d(cout)

    def forward(self, x: Any) -> Any:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + (self.side_norm(self.side(x)) if self.change else x))


class BlockBiases(nn.Module):
    """With biases, which BatchNorm takes away again; padding "same" by hand; ReLU in place."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList([
            nn.Conv2d(inputs, outputs, 3, stride=stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3), nn.BatchNorm2d(outputs)])
        self.shortcut = nn.Sequential()
        if (inputs, stride) != (outputs, 1):
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, stride))
            self.shortcut.append(nn.BatchNorm2d(outputs))

    def forward(self, x: Any) -> Any:
        y = x
        for layer in self.layers:
            y = layer(F.pad(y, (1, 1, 1, 1)) if isinstance(layer, nn.Conv2d) else y)
        y += self.shortcut(x)
        return y.relu_()


class BlockNone(BlockLayers):
    """Shortcut None where there is none; torch.add."""

    def forward(self, x: Any) -> Any:
        f = nn.Sequential(self.conv1, self.bn1, nn.ReLU(), self.conv2, self.bn2)(x)
        shortcut = None if not self.change else self.side_norm(self.side(x))
        return torch.add(f, x if shortcut is None else shortcut).clamp(min=0)


class BlockPlain(BlockLayers):
    def forward(self, x: Any) -> Any:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class BlockNoLastRelu(BlockLayers):
    def forward(self, x: Any) -> Any:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return out + (self.side_norm(self.side(x)) if self.change else x)


class BlockReluBeforeSum(BlockLayers):
    def forward(self, x: Any) -> Any:
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return out + (self.side_norm(self.side(x)) if self.change else x)


class BlockNoInnerRelu(BlockLayers):
    def forward(self, x: Any) -> Any:
        out = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return F.relu(out + (self.side_norm(self.side(x)) if self.change else x))


class BlockChannelsOnly(BlockLayers):
    """Forgets that a stride changes the shape, too."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, stride)
        self.change = inputs != outputs


class BlockPlainList(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.inner = [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs),
                      nn.ReLU(), nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
                      nn.BatchNorm2d(outputs)]
        self.side = [] if (inputs, stride) == (outputs, 1) else [
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]

    def forward(self, x: Any) -> Any:
        out, side = x, x
        for layer in self.inner:
            out = layer(out)
        for layer in self.side:
            side = layer(side)
        return F.relu(out + side)


class BlockIntoX(BlockLayers):
    def forward(self, x: Any) -> Any:
        if self.change:
            return super().forward(x)
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x += out
        return F.relu(x)


class BlockAlwaysProjects(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.f = BlockLayers(inputs, outputs, stride)
        self.side = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Any) -> Any:
        return F.relu(self.f(x) + self.side(x))


class BlockNoModule:
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        self.channels = inputs, outputs, stride


class BlockNoSuper(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1)


class BlockNoForward(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()


class BlockEmpty(nn.Module):
    """Head and docstring."""


def batch_after_the_step(model: Any, loss_fn: Any, x: Any, y: Any, steps: int = 200) -> Any:
    """Dropout is off and the mode is right; the losses are those after each step."""
    return batch_sgd(model, loss_fn, x, y, steps + 1)[1:]


def _conv(x: Any, weight: Any, bias: Any, stride: int, padding: int, place: Any, swap: bool = False,
          channels: Any = None) -> Any:
    """By loops; place(products, bias): one number of the output for each sample."""
    x = F.pad(x, [padding] * 4)[:, :channels]
    weight = (weight.transpose(2, 3) if swap else weight)[:, :channels]
    k = weight.shape[-1]
    rows, columns = ((side - k) // stride + 1 for side in x.shape[2:])
    out = x.new_zeros(len(x), len(weight), rows, columns)
    for i in range(rows):
        for j in range(columns):
            patch = x[:, None, :, i * stride:i * stride + k, j * stride:j * stride + k]
            out[:, :, i, j] = place((patch * weight).flatten(2), bias)
    return out


def conv_mean(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return _conv(x, weight, bias, stride, padding, lambda products, bias: products.mean(2) + bias)


def conv_mean_of_channels(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return _conv(x, weight, bias, stride, padding,
                 lambda products, bias: products.sum(2) / x.shape[1] + bias)


def conv_bias_each(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return _conv(x, weight, bias, stride, padding,
                 lambda products, bias: (products + bias[:, None]).sum(2))


def conv_transposed_kernel(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    return _conv(x, weight, bias, stride, padding, lambda products, bias: products.sum(2) + bias, swap=True)


def conv_minus_bias(x: Any, weight: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
    """Of no known slip."""
    return _conv(x, weight, bias, stride, padding, lambda products, bias: products.sum(2) - bias)


RIGHT = [("overfit_batch", batch_sgd), ("overfit_batch", batch_by_hand),
         ("overfit_batch", batch_put_back), ("convolution", conv_unfold),
         ("convolution", conv_shifted), ("convolution", conv_numpy), ("make_model", model_class),
         ("make_model", model_pooled_first), ("make_model", model_in_parts),
         ("ResidualBlock", BlockLayers), ("ResidualBlock", BlockBiases), ("ResidualBlock", BlockNone)]
WRONG = [
    ("overfit_batch", batch_original, "Train a copy"),
    ("overfit_batch", batch_dropout_on, "Dropout is still on"),
    ("overfit_batch", batch_all_eval, "BatchNorm should use the batch"),
    ("overfit_batch", batch_too_slow, "take larger steps"),
    ("overfit_batch", batch_last_only, "a list of the losses is wanted"),
    ("overfit_batch", batch_constant, "cannot fall below ln 3"),
    ("overfit_batch", batch_own_loss, "loss_fn that is handed in"),
    ("overfit_batch", batch_one_more, "201 losses for 200 steps"),
    ("overfit_batch", batch_turns_dropout_off, "dropout of the model itself is changed"),
    ("overfit_batch", batch_graphs, "hold the graph"),
    ("convolution", conv_library, r"by hand.*line \d+"),
    ("convolution", conv_mirrored, "kernel is mirrored"),
    ("convolution", conv_no_bias, "bias is missing"),
    ("convolution", conv_no_padding, r"the shape should be \(2, 3, 5, 6\)"),
    ("convolution", conv_no_stride, r"the shape should be \(2, 2, 3, 4\)"),
    ("convolution", conv_first_channel, "over all input channels"),
    ("convolution", conv_square_only, r"the shape should be \(3, 2, 5, 3\)"),
    ("convolution", conv_every_window, "window begins at rows 0, 2, 4"),
    ("overfit_batch", batch_after_the_step, "no step before it"),
    ("convolution", conv_mean, "mean of the products"),
    ("convolution", conv_mean_of_channels, "mean over the input channels"),
    ("convolution", conv_bias_each, "added to every product"),
    ("convolution", conv_transposed_kernel, "Rows and columns of the kernel"),
    ("convolution", conv_into_x, "changes its input x"),
    ("make_model", model_softmax, "a softmax at the end"),
    ("make_model", model_mean_pooling, "mean-pooling"),
    ("make_model", model_tanh, "Tanh where the table says ReLU"),
    ("make_model", model_no_dense_relu, "No ReLU after the first dense layer, second dense layer"),
    ("make_model", model_mlp, r"missing: .*\(6, 1, 5, 5\)"),
    ("make_model", model_of_the_notebook, "return the same weights"),
    ("make_model", model_seeded, "is a seed set inside"),
    ("make_model", model_the_class, r"a network is wanted: Net\(\)"),
    ("make_model", model_no_padding, "Your code stops with"),
    ("make_model", model_relu_at_the_end, "a ReLU at the end"),
    ("ResidualBlock", BlockPlain, "nothing goes around f"),
    ("ResidualBlock", BlockNoLastRelu, "a ReLU after the sum"),
    ("ResidualBlock", BlockReluBeforeSum, "stands before the sum"),
    ("ResidualBlock", BlockNoInnerRelu, "between the two convolutions is missing"),
    ("ResidualBlock", BlockChannelsOnly, "Your code stops with"),
    ("ResidualBlock", BlockPlainList, "plain list are not found"),
    ("ResidualBlock", BlockIntoX, "changes its input x"),
    ("ResidualBlock", BlockAlwaysProjects, "too many: "),
    ("ResidualBlock", BlockNoModule, "no nn.Module"),
    ("ResidualBlock", BlockNoSuper, r"line \d+: `self.conv"),
    ("ResidualBlock", BlockNoForward, "forward"),
]


FOREIGN = [
    ("overfit_batch", batch_after_the_step, "Dropout is still on|BatchNorm should use"),
    ("overfit_batch", batch_dropout_on, "BatchNorm should use|no step before it"),
    ("overfit_batch", batch_all_eval, "Dropout is still on"),
    ("convolution", conv_minus_bias, "first input channel|window begins|mean|every product|exchanged"),
    ("convolution", conv_every_window, "first input channel|mean|every product|exchanged"),
    ("convolution", conv_first_channel, "window begins|mean|every product|exchanged"),
]


class TestExercises(ExerciseTests):
    """Of notebook 05."""


@pytest.mark.parametrize("name", ["make_model", "ResidualBlock"])
@pytest.mark.parametrize("odd", ODD, ids=word)
def test_whatever_a_network_returns_is_judged(name: str, odd: Any) -> None:
    class Odd(nn.Module):
        def __init__(self, *_: Any) -> None:
            super().__init__()

        def forward(self, x: Any) -> Any:
            return odd

    def make() -> Any:
        return Odd()

    verdict = check(make if name == "make_model" else Odd, name)
    assert not verdict.accepted
    assert verdict.trials, verdict


def test_an_empty_class_is_begun_by_a_hint() -> None:
    verdict = check(BlockEmpty, "ResidualBlock")
    assert "nothing is written yet" in str(verdict)
