"""While torch traces, exports or scripts a program the watcher steps aside; then it goes on."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import recipe_widgets

X = torch.randn(16, 4)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(nn.functional.relu(self.hidden(x)).view(x.shape[0], -1))


def _trace(net: nn.Module) -> torch.Tensor:
    return torch.jit.trace(net, X)(X)


def _trace_module(net: nn.Module) -> torch.Tensor:
    return torch.jit.trace_module(net, {"forward": X})(X)


def _script(net: nn.Module) -> torch.Tensor:
    return torch.jit.script(net)(X)


@torch.jit.script_if_tracing
def _doubled(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def _script_class(net: nn.Module) -> torch.Tensor:
    class Pair:
        def __init__(self, x: torch.Tensor) -> None:
            self.x = x

        def both(self) -> torch.Tensor:
            return self.x + self.x

    torch.jit.script(Pair)
    return net(X)


def _export(net: nn.Module) -> torch.Tensor:
    return torch.export.export(net, (X, )).module()(X)


def _export_strict(net: nn.Module) -> torch.Tensor:
    return torch.export.export(net, (X, ), strict=True).module()(X)


def _symbolic_trace(net: nn.Module) -> torch.Tensor:
    return torch.fx.symbolic_trace(net)(X)


def _make_fx(net: nn.Module) -> torch.Tensor:
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(lambda x: net(x))(X)(X)


def _transforms(net: nn.Module) -> torch.Tensor:
    parameters = dict(net.named_parameters())

    def loss(p: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(net, p, (x[None], )).sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, X)
    return each["hidden.weight"]


def _fake_tensors(net: nn.Module) -> torch.Tensor:
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        x = mode.from_tensor(X)
        net(x)
    with mode:
        other = Net()
    other(x).sum().backward()
    return net(X)


def _meta(net: nn.Module) -> torch.Tensor:
    big = Net().to("meta")
    optimizer = torch.optim.AdamW(big.parameters())
    loss = nn.functional.cross_entropy(big(X.to("meta")), torch.zeros(16, dtype=torch.long,
                                                                      device="meta"))
    loss.backward()
    nn.utils.clip_grad_norm_(big.parameters(), 1.0)
    optimizer.step()
    return net(X)


def _count_flops(net: nn.Module) -> torch.Tensor:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        net(X).sum().backward()
    net.zero_grad()
    return torch.tensor(float(counter.get_total_flops()))


def _onnx(net: nn.Module) -> torch.Tensor:
    pytest.importorskip("onnx")
    torch.onnx.export(net, (X, ), io.BytesIO(), dynamo=False)
    return net(X)


def _onnx_new(net: nn.Module) -> torch.Tensor:
    pytest.importorskip("onnxscript")
    torch.onnx.export(net, (X, ), dynamo=True)
    return net(X)


def _tensorboard(net: nn.Module) -> torch.Tensor:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard._pytorch_graph import graph

    graph(net, X)  # what SummaryWriter.add_graph calls
    return net(X)


WAYS = (_trace, _trace_module, _script, _script_class, _export, _export_strict, _symbolic_trace,
        _make_fx, _transforms, _fake_tensors, _meta, _count_flops, _onnx, _onnx_new, _tensorboard)


def train(way, bug: bool) -> list[torch.Tensor]:
    """What `way` gives before, amid and after training, and the weights at the end."""
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    seen = []
    for step in range(24):
        if step in (0, 3, 20):
            seen.append(way(net).detach())
        if not bug:
            optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.randn(16, 4)), torch.randint(2, (16, ))).backward()
        optimizer.step()
    return [*seen, *(p.detach() for p in net.parameters())]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[1:])
@pytest.mark.filterwarnings("ignore")
def test_watching_steps_aside_and_goes_on(way):
    before = (torch.jit.trace, torch.export.export, torch.fx.Tracer.trace, nn.Module.__call__)
    alone = train(way, bug=True)
    with recipe_widgets.watch() as report:
        watched = train(way, bug=True)
        stack = torch._C._len_torch_function_stack()
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))
    assert report.problems == []
    assert report.steps == 24
    assert [one.check for one in report.of("error")] == ["grads_are_cleared"]
    assert stack <= 1
    assert torch._C._len_torch_function_stack() == 0
    after = (torch.jit.trace, torch.export.export, torch.fx.Tracer.trace, nn.Module.__call__)
    assert before == after


def test_a_patch_of_the_script_survives_a_trace(monkeypatch):
    with recipe_widgets.watch():
        own = nn.init.normal_

        def replaced(*args, **kwargs):
            return own(*args, **kwargs)

        monkeypatch.setattr(nn.init, "normal_", replaced)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _trace(Net())
        assert nn.init.normal_ is replaced
