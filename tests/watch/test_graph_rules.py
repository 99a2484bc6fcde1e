"""Parameters, graphs and modules: each kind of bug in several forms, beside healthy programs that
look like it.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from recipe_widgets.watch import watch

RULES = ("checkpoint", "frozen", "gradients_flow", "loss_terms", "optimizer_covers_model",
         "overwritten_weights", "rebuilt_layers", "registered_weights", "shared_modules",
         "residual", "target_network", "tied_weights", "unused_attributes",
         "zero_weights")
D, STEPS = 16, 14


def found(program) -> list[str]:
    """Names of the rules that say something at least as bad as a warning; the report must be whole.
    """
    torch.manual_seed(0)
    with watch(select=RULES) as report:
        program()
    assert report.problem == ""
    return [one.name for one in report.findings if one.severity in ("error", "warning")]


def data(count=24):
    x = torch.randn(count, D)
    return x, (x[:, 0] > 0).long()


def net(width=D):
    return nn.Sequential(nn.Linear(D, width), nn.ReLU(), nn.Linear(width, 2))


def adam(*modules):
    return torch.optim.Adam([p for m in modules for p in m.parameters()], lr=1e-2)


def train(model, optimizer, steps=STEPS, loss=None):
    x, y = data()
    loss = loss or (lambda: F.cross_entropy(model(x), y))
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()


# parameters that the optimiser holds, and those that learn


def deep_copied():
    model = net()
    optimizer = adam(model)
    train(copy.deepcopy(model), optimizer)


def another_instance():
    optimizer = adam(net())
    train(net(), optimizer)


def part_copied():
    model = net()
    optimizer = adam(model)
    model[0] = copy.deepcopy(model[0])
    train(model, optimizer)


def loaded_by_assignment():
    model = net()
    optimizer = adam(model)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    train(model, optimizer)


def layer_added_later():
    model = nn.ModuleDict({"first": nn.Linear(D, D), "head": nn.Linear(D, 2)})
    optimizer = adam(model)
    model["extra"] = nn.Linear(D, D)
    x, y = data()
    train(model, optimizer, loss=lambda: F.cross_entropy(
        model["head"](model["extra"](model["first"](x).relu()).relu()), y))


def encoder_is_cut_off():
    encoder, head = nn.Linear(D, D), nn.Linear(D, 2)
    both = adam(encoder)
    last = adam(head)
    x, y = data()
    for _ in range(STEPS):
        both.zero_grad()
        last.zero_grad()
        F.cross_entropy(head(encoder(x).detach()), y).backward()
        both.step()
        last.step()


def trunk_is_cut_off():
    """One optimiser holds both, and the first never learns."""
    trunk, head = nn.Linear(D, D), nn.Linear(D, 2)
    x, y = data()
    train(head, adam(trunk, head), loss=lambda: F.cross_entropy(head(trunk(x).data), y))


def trunk_runs_without_a_gradient():
    trunk, head = nn.Linear(D, D), nn.Linear(D, 2)
    x, y = data()

    def loss():
        with torch.no_grad():
            h = trunk(x)
        return F.cross_entropy(head(h), y)

    train(head, adam(trunk, head), loss=loss)


@pytest.mark.parametrize("program", [trunk_is_cut_off, trunk_runs_without_a_gradient,
                                     deep_copied, another_instance, part_copied,
                                     loaded_by_assignment, layer_added_later, encoder_is_cut_off])
def test_an_optimiser_of_parameters_that_never_learn(program):
    assert "optimizer_covers_model" in found(program)


def remade_from_a_number():
    model = net()
    x, y = data()
    train(model, adam(model),
          loss=lambda: torch.tensor(F.cross_entropy(model(x), y).item(), requires_grad=True))


def gradient_switched_on_again():
    model = net()
    x, y = data()
    train(model, adam(model),
          loss=lambda: F.cross_entropy(model(x), y).detach().requires_grad_())


@pytest.mark.parametrize("program", [remade_from_a_number, gradient_switched_on_again])
def test_a_loss_without_a_graph(program):
    assert found(program) == ["gradients_flow"]


def outputs_made_anew():
    model = net()
    x, y = data()
    train(model, adam(model),
          loss=lambda: F.cross_entropy(torch.tensor(model(x).tolist(), requires_grad=True), y))


def test_outputs_without_a_graph():
    assert found(outputs_made_anew) == ["optimizer_covers_model"]


def head_only_is_trained():
    """A pretrained trunk that is left out of the optimiser on purpose."""
    trunk, head = net(), nn.Linear(2, 2)
    trunk.load_state_dict({k: v + 0.01 for k, v in net().state_dict().items()})
    x, y = data()
    train(head, adam(head), loss=lambda: F.cross_entropy(head(trunk(x)), y))


def gan():
    generator, critic = net(), nn.Linear(2, 1)
    first, second = adam(generator), adam(critic)
    for _ in range(STEPS):
        fake = generator(torch.randn(8, D))
        second.zero_grad()
        real_loss = F.softplus(-critic(torch.randn(8, 2))).mean()
        fake_loss = F.softplus(critic(fake.detach())).mean()
        real_loss.backward()
        fake_loss.backward()
        total = real_loss + fake_loss
        second.step()
        first.zero_grad()
        generator_loss = F.softplus(-critic(fake)).mean()
        generator_loss.backward()
        first.step()
        float(total + generator_loss)


def frozen_trunk():
    trunk, head = net(), nn.Linear(2, 2)
    trunk.load_state_dict({k: v + 0.01 for k, v in net().state_dict().items()})
    trunk.requires_grad_(False)
    x, y = data()
    train(head, adam(head), loss=lambda: F.cross_entropy(head(trunk(x)), y))


def unused_part():
    """A part that this run does not call."""
    model = nn.ModuleDict({"used": net(), "pooler": nn.Linear(D, D)})
    x, y = data()
    train(model, adam(model), loss=lambda: F.cross_entropy(model["used"](x), y))


def moving_average():
    model = net()
    average, optimizer = copy.deepcopy(model), adam(model)
    x, _ = data()
    for _ in range(STEPS):
        train(model, optimizer, 1)
        with torch.no_grad():
            for a, p in zip(average.parameters(), model.parameters(), strict=True):
                a.lerp_(p, 0.1)
            average(x)


def gradients_by_hand():
    model = net()
    optimizer = adam(model)
    for _ in range(STEPS):
        for p in model.parameters():
            p.grad = torch.randn_like(p)
        optimizer.step()


def lbfgs():
    model = net()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)
    x, y = data()

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    for _ in range(6):
        optimizer.step(closure)


def head_replaced_before_the_optimiser():
    model = net()
    model.load_state_dict({k: v + 0.01 for k, v in net().state_dict().items()})
    model[2] = nn.Linear(D, 2)
    train(model, adam(model))


def frozen_in_name_only(freeze):
    model = net()
    freeze(model)
    train(model, adam(model))


def by_the_module(model):
    model[0].requires_grad = False


def by_a_misspelt_attribute(model):
    for p in model[0].parameters():
        p.require_grad = False


@pytest.mark.parametrize("freeze", [by_the_module, by_a_misspelt_attribute])
def test_a_freezing_that_does_nothing(freeze):
    assert found(lambda: frozen_in_name_only(freeze)) == ["frozen"]


def frozen_as_it_should_be():
    frozen_in_name_only(lambda model: model[2].requires_grad_(False))


def teacher_without_a_gradient():
    teacher, student = net(), net()
    teacher.load_state_dict({k: v + 0.01 for k, v in net().state_dict().items()})
    x, _ = data()

    def loss():
        with torch.no_grad():
            aim = teacher(x)
        return F.mse_loss(student(x), aim)

    train(student, adam(student), loss=loss)


# terms of a loss


def total_is_not_returned():
    model = net()
    x, y = data()

    def loss():
        out = model(x)
        main = F.cross_entropy(out, y)
        total = main + 0.1 * out.pow(2).mean()
        total.item()
        return main

    train(model, adam(model), loss=loss)


def part_of_a_list():
    model = net()
    x, y = data()

    def loss():
        out = model(x)
        parts = [F.cross_entropy(out, y), out.abs().mean(), out.pow(2).mean()]
        float(sum(parts))
        return parts[0]

    train(model, adam(model), loss=loss)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(D, D)
        self.one, self.two = nn.Linear(D, 2), nn.Linear(D, 1)

    def forward(self, x):
        h = self.trunk(x).relu()
        return self.one(h), self.two(h)


def second_loss_overwrites_the_first():
    model = TwoHeads()
    x, y = data()

    def loss():
        one, two = model(x)
        values = {"loss": F.mse_loss(two[:, 0], x[:, 1])}
        values["loss"] = F.cross_entropy(one, y)  # += was meant
        return values["loss"]

    train(model, adam(model), 20, loss)


@pytest.mark.parametrize("program", [total_is_not_returned, part_of_a_list,
                                     second_loss_overwrites_the_first])
def test_a_term_that_is_not_trained_on(program):
    assert "loss_terms" in found(program)


def running_total():
    model, total = net(), 0.0
    x, y = data()

    def loss():
        nonlocal total
        value = F.cross_entropy(model(x), y)
        total = total + value  # keeps the graphs, and trains as it should
        return value

    train(model, adam(model), loss=loss)


def warm_up():
    """A second term that comes in after some steps."""
    model, step = net(), 0
    x, y = data()

    def loss():
        nonlocal step
        step += 1
        out = model(x)
        main = F.cross_entropy(out, y)
        total = main + 0.1 * out.pow(2).mean()
        return total if step > 8 else main

    train(model, adam(model), loss=loss)


def teacher_in_the_optimiser():
    """A teacher that follows by averages, and whose parameters are in the optimiser, too."""
    student = net()
    teacher = copy.deepcopy(student)
    optimizer = adam(student, teacher)
    x, y = data()
    for _ in range(STEPS):
        optimizer.zero_grad()
        out = student(x)
        loss = F.cross_entropy(out, y) + F.mse_loss(out, teacher(x).detach())
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for a, p in zip(teacher.parameters(), student.parameters(), strict=True):
                a.lerp_(p, 0.1)


def infogan():
    """Three optimisers over overlapping parts: adversarial, and what the codes tell."""
    make, judge = nn.Linear(4, D), TwoHeads()
    steps = [adam(make), adam(judge), adam(make, judge)]
    real = torch.randn(24, D) + 1
    for _ in range(STEPS):
        z, code = torch.randn(24, 4), torch.randint(0, 2, (24, ))
        fake = make(z + code[:, None])
        for number, optimizer in enumerate(steps):
            optimizer.zero_grad()
            if number == 0:
                loss = F.mse_loss(judge(fake)[1], torch.ones(24, 1))
            elif number == 1:
                loss = F.mse_loss(judge(real)[1], torch.ones(24, 1)) \
                    + F.mse_loss(judge(fake.detach())[1], torch.zeros(24, 1))
            else:
                loss = F.cross_entropy(judge(make(z + code[:, None]))[0], code)
            loss.backward()
            optimizer.step()


def both_heads():
    model = TwoHeads()
    x, y = data()

    def loss():
        one, two = model(x)
        return F.cross_entropy(one, y) + 0.5 * F.mse_loss(two[:, 0], x[:, 1])

    train(model, adam(model), loss=loss)


def one_backward_a_term():
    model = TwoHeads()
    optimizer = adam(model)
    x, y = data()
    for _ in range(STEPS):
        optimizer.zero_grad()
        one, two = model(x)
        first, second = F.cross_entropy(one, y), F.mse_loss(two[:, 0], x[:, 1])
        float(first + second)
        first.backward(retain_graph=True)
        second.backward()
        optimizer.step()


def accumulated():
    model = net()
    optimizer = adam(model)
    x, y = data()
    for _ in range(STEPS):
        optimizer.zero_grad()
        total = 0.0
        for _ in range(3):
            loss = F.cross_entropy(model(x), y)
            (loss / 3).backward()
            total += loss
        optimizer.step()


# modules under several names


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(D, D)

    def forward(self, x):
        return x + self.linear(x).relu()


class Stack(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks, self.head = nn.ModuleList(blocks), nn.Linear(D, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Heads(nn.Module):
    """Heads on the same input, or on different ones."""

    def __init__(self, heads, same=True):
        super().__init__()
        self.heads, self.same = nn.ModuleList(heads), same

    def forward(self, x):
        return sum(head(x if self.same else x * (1 + i)) for i, head in enumerate(self.heads))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = self.second = nn.Linear(D, D)
        self.head = nn.Linear(D, 2)

    def forward(self, x):
        return self.head(self.second(self.first(x).relu()))


def n_times_one_block():
    model = nn.Sequential(*(3 * [Block()]), nn.Linear(D, 2))
    train(model, adam(model))


def one_block_in_a_list():
    model = Stack([Block()] * 3)
    train(model, adam(model))


def one_layer_under_two_names():
    model = Twice()
    train(model, adam(model))


def one_head_n_times():
    model = Heads([nn.Linear(D, 2)] * 3)
    train(model, adam(model))


class Mirror(nn.Module):
    """A decoder that is made of the encoder's layers, or of copies of them."""

    def __init__(self, copied):
        super().__init__()
        layers = [nn.Linear(D, D), nn.BatchNorm1d(D), nn.ReLU()]
        self.encoder, self.head = nn.Sequential(*layers), nn.Linear(D, 2)
        self.decoder = nn.Sequential(*(copy.deepcopy(layers) if copied else layers))

    def forward(self, x):
        return self.head(self.decoder(self.encoder(x)))


def decoder_of_the_encoder():
    model = Mirror(copied=False)
    train(model, adam(model))


def decoder_of_copies():
    model = Mirror(copied=True)
    train(model, adam(model))


def shared_in_two_parents():
    """One layer that is handed to several blocks on purpose."""
    shared = nn.Linear(D, D)
    model = nn.Sequential(*(nn.Sequential(shared, nn.ReLU()) for _ in range(3)), nn.Linear(D, 2))
    train(model, adam(model))


@pytest.mark.parametrize("program", [decoder_of_the_encoder, n_times_one_block, one_block_in_a_list,
                                     one_layer_under_two_names, one_head_n_times])
def test_one_block_where_several_are_meant(program):
    assert found(program) == ["shared_modules"]


def a_block_each():
    model = Stack(Block() for _ in range(3))
    train(model, adam(model))


def called_in_a_loop():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.block, self.head = Block(), nn.Linear(D, 2)

        def forward(self, x):
            for _ in range(3):
                x = self.block(x)
            return self.head(x)

    model = Loop()
    train(model, adam(model))


def shared_head_on_different_inputs():
    model = Heads([nn.Linear(D, 2)] * 3, same=False)
    train(model, adam(model))


def shared_activation():
    slope = nn.PReLU()
    model = nn.Sequential(nn.Linear(D, D), slope, nn.Linear(D, D), slope, nn.Linear(D, 2))
    train(model, adam(model))


# tensors that work as weights


class Memory(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.inner, self.outer = nn.Linear(D, D), nn.Linear(D, 2)
        self.keys = make(D, D)

    def forward(self, x):
        h = self.inner(x)
        return self.outer(h + torch.softmax(h @ self.keys.T, 1) @ self.keys)


class Lists(nn.Module):
    def __init__(self, kind=list):
        super().__init__()
        self.inner = nn.Linear(D, D)
        self.weights = kind([nn.Parameter(torch.randn(D, 2)) for _ in range(2)])

    def forward(self, x):
        h = self.inner(x)
        return sum(h @ weight for weight in self.weights)


def plain_random_tensor():
    model = Memory(torch.randn)
    train(model, adam(model))


def plain_tensor_with_gradient():
    model = Memory(lambda *shape: torch.randn(*shape, requires_grad=True))
    train(model, adam(model))


def parameters_in_a_plain_list():
    model = Lists()
    train(model, adam(model))


def weights_of_losses_forgotten():
    model = TwoHeads()
    x, y = data()
    spread = torch.zeros(2, requires_grad=True)

    def loss():
        one, two = model(x)
        both = torch.stack([F.cross_entropy(one, y), F.mse_loss(two[:, 0], x[:, 1])])
        return (both * torch.exp(-spread) + spread).sum()

    train(model, adam(model), loss=loss)


@pytest.mark.parametrize("program", [plain_random_tensor, plain_tensor_with_gradient,
                                     parameters_in_a_plain_list, weights_of_losses_forgotten])
def test_weights_that_are_no_parameters(program):
    assert found(program) == ["registered_weights"]


def a_parameter():
    model = Memory(lambda *shape: nn.Parameter(torch.randn(*shape)))
    train(model, adam(model))


def a_parameter_list():
    model = Lists(nn.ParameterList)
    train(model, adam(model))


def positions():
    """A table of sines is fixed, and no random numbers."""
    steps = torch.arange(D)[:, None] / 100**(torch.arange(D)[None] / D)
    model = Memory(lambda *_: torch.where(torch.arange(D) % 2 == 0, steps.sin(), steps.cos()))
    train(model, adam(model))


def random_features_of_the_data():
    class Features(nn.Module):
        def __init__(self):
            super().__init__()
            self.projection, self.head = torch.randn(D, 32), nn.Linear(32, 2)

        def forward(self, x):
            return self.head(torch.cos(x @ self.projection))

    model = Features()
    train(model, adam(model))


def fixed_on_purpose():
    class Fixed(Memory):
        def __init__(self):
            super().__init__(lambda *_: None)
            del self.keys
            self.register_buffer("keys", torch.randn(D, D))

    model = Fixed()
    train(model, adam(model))


def moved_by_hand():
    model = net()
    scale = torch.ones(1, requires_grad=True)
    x, y = data()
    optimizer = adam(model)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x) * scale, y).backward()
        optimizer.step()
        with torch.no_grad():
            scale -= 0.1 * scale.grad
            scale.grad = None


def differential_equation():
    """The points at which a net is differentiated want a gradient, and stay where they are."""
    model = nn.Sequential(nn.Linear(2, D), nn.Tanh(), nn.Linear(D, 1))
    x, t = torch.rand(40, 1, requires_grad=True), torch.rand(40, 1, requires_grad=True)

    def loss():
        u = model(torch.cat([x, t], 1))
        slope, = torch.autograd.grad(u.sum(), x, create_graph=True)
        return (slope - u).pow(2).mean() + x.mean() * 0

    train(model, adam(model), loss=loss)


# layers that are made anew


class MadeInForward(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.first, self.keep = nn.Linear(D, D), keep

    def forward(self, x):
        last = nn.Linear(D, 2)
        if self.keep:
            self.last = last
        return last(self.first(x).relu())


@pytest.mark.parametrize("keep", [False, True])
def test_a_layer_made_in_each_forward_pass(keep):
    def program():
        model = MadeInForward(keep)
        train(model, adam(model))

    assert "rebuilt_layers" in found(program)


def layer_made_in_each_step():
    model = nn.Linear(D, D)
    x, y = data()
    train(model, adam(model), loss=lambda: F.cross_entropy(nn.Linear(D, 2)(model(x)), y))


def test_a_layer_made_in_each_step():
    assert "rebuilt_layers" in found(layer_made_in_each_step)


def lazy_layer():
    model = nn.Sequential(nn.LazyLinear(D), nn.ReLU(), nn.LazyLinear(2))
    model(data()[0])
    train(model, adam(model))


def search_over_models():
    for width in (8, 16, 32):
        model = net(width)
        train(model, adam(model), 6)


# ties


class Tied(nn.Module):
    def __init__(self, vocabulary=20):
        super().__init__()
        self.embed, self.head = nn.Embedding(vocabulary, D), nn.Linear(D, vocabulary, bias=False)
        self.tie()

    def tie(self):
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.embed(ids))


def train_language(model):
    ids = torch.randint(0, 20, (8, 5))
    train(model, adam(model),
          loss=lambda: F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()))


def made_without_memory(tie_again):
    with torch.device("meta"):
        model = Tied()
    model.to_empty(device="cpu")
    for p in model.parameters():
        nn.init.normal_(p, std=0.1)
    if tie_again:
        model.tie()
    train_language(model)


def assigned(tie_again):
    model = Tied()
    model.load_state_dict({k: v.clone() for k, v in Tied().state_dict().items()}, assign=True)
    if tie_again:
        model.tie()
    train_language(model)


@pytest.mark.parametrize("program", [made_without_memory, assigned])
def test_a_broken_tie(program):
    assert found(lambda: program(tie_again=False)) == ["tied_weights"]
    assert found(lambda: program(tie_again=True)) == []


def copied_one_by_one(tie_again):
    model = Tied()
    model.embed, model.head = copy.deepcopy(model.embed), copy.deepcopy(model.head)
    if tie_again:
        model.tie()
    train_language(model)


def cloned_one_by_one(tie_again):
    model = Tied()
    for layer in (model.embed, model.head):
        layer.weight = nn.Parameter(layer.weight.detach().clone())
    if tie_again:
        model.tie()
    train_language(model)


class Saved(nn.Module):
    """Keeps the layer as it was, and trains a copy."""

    def __init__(self, layer):
        super().__init__()
        self.original = layer
        self.copy = copy.deepcopy(layer).requires_grad_(True)
        layer.requires_grad_(False)

    def forward(self, x):
        return self.copy(x)


def wrapped_one_by_one(tie_again):
    model = Tied()
    model.embed, model.head = Saved(model.embed), Saved(copy.deepcopy(model.head))
    if tie_again:
        model.head.copy.weight = model.embed.copy.weight
    train_language(model)


@pytest.mark.parametrize("program", [copied_one_by_one, cloned_one_by_one, wrapped_one_by_one])
def test_a_tie_that_a_copy_of_each_breaks(program):
    assert found(lambda: program(tie_again=False)) == ["tied_weights"]
    assert found(lambda: program(tie_again=True)) == []


def copied_together():
    model = Tied()
    model.embed, model.head = copy.deepcopy((model.embed, model.head))
    train_language(model)


def head_copied_alone():
    model = Tied()
    model.head = copy.deepcopy(model.head)
    train_language(model)


def tied():
    train_language(copy.deepcopy(Tied()))


def untied_on_purpose():
    model = Tied()
    model.head.weight = nn.Parameter(model.embed.weight.detach().clone())
    train_language(model)


# attributes that nothing reads


class Words(nn.Module):
    def __init__(self, attribute, vectors, parameter=True):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, D), nn.Linear(D, 2)
        setattr(self.embed, attribute, nn.Parameter(vectors) if parameter else vectors)

    def forward(self, ids):
        return self.head(self.embed(ids).mean(1))


class OwnLayer(nn.Module):
    """Reads a parameter of that name."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(D, D))

    def forward(self, x):
        return x @ (getattr(self, "weights", None) if hasattr(self, "weights") else self.weight)


def train_words(make):
    model = make()
    ids = torch.randint(0, 20, (24, 5))
    y = (ids[:, 0] > 9).long()
    train(model, adam(model), loss=lambda: F.cross_entropy(model(ids), y))


@pytest.mark.parametrize(("attribute", "parameter"), [("weights", True), ("pretrained", True),
                                                      ("weights", False), ("data", False)])
def test_vectors_in_an_attribute_that_nothing_reads(attribute, parameter):
    assert found(lambda: train_words(lambda: Words(attribute, torch.randn(20, D), parameter))) == [
        "unused_attributes"]


class Torso(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.fc = nn.Linear(D, D), nn.Linear(D, 2)

    def forward(self, x):
        return self.fc(self.body(x).relu())


def test_a_new_head_under_a_name_that_is_never_called():
    def program(name):
        model = Torso()
        setattr(model, name, nn.Linear(D, 2))
        train(model, adam(model))

    assert found(lambda: program("classifier")) == ["unused_attributes"]
    assert found(lambda: program("fc")) == []


def vectors_where_they_belong():
    train_words(lambda: Words("weight", torch.randn(20, D)))


def snapshot_of_the_start():
    def make():
        model = Words("weight", torch.randn(20, D))
        model.embed.start = nn.Parameter(model.embed.weight.detach().clone())
        model.head.weights = model.head.weight.detach().clone()
        return model

    train_words(make)


def penalised_attribute():
    """Read by the loss, and not by the layer."""
    model = nn.Sequential(nn.Linear(D, 2))
    model[0].mean = nn.Parameter(torch.randn(2, D))
    x, y = data()
    train(model, adam(model), loss=lambda: F.cross_entropy(model(x), y)
          + (model[0].weight - model[0].mean).pow(2).mean())


def read_by_a_layer_of_its_own():
    model = nn.Sequential(OwnLayer(), nn.Linear(D, 2))
    model[0].weights = nn.Parameter(torch.randn(D, D))
    x, y = data()
    train(model, adam(model), loss=lambda: F.cross_entropy(model(x), y))


def projection_called_by_the_script():
    model = Torso()
    model.projection = nn.Linear(2, 2)
    x, y = data()
    train(model, adam(model), loss=lambda: F.cross_entropy(model.projection(model(x)), y))


def pruned():
    model = net()
    prune.l1_unstructured(model[0], "weight", 0.3)
    train(model, adam(model))


# what was loaded


def init_over_the_load(apply):
    model = nn.Sequential(net(), nn.Linear(2, 2))
    model[0].load_state_dict({k: v + 0.01 for k, v in net().state_dict().items()})
    apply(model)
    train(model, adam(model))


def by_apply(model):
    def init(layer):
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)

    model.apply(init)


def by_data(model):
    for p in model.parameters():
        if p.ndim > 1:
            p.data.normal_(0, 0.1)


def by_reset(model):
    for layer in model.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()


@pytest.mark.parametrize("apply", [by_apply, by_data, by_reset])
def test_an_init_after_the_load(apply):
    assert found(lambda: init_over_the_load(apply)) == ["overwritten_weights"]


def only_the_head_again():
    init_over_the_load(lambda model: nn.init.xavier_normal_(model[1].weight))


def scaled_after_the_load():
    def scale(model):
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(0.5)

    init_over_the_load(scale)


def loaded_twice():
    init_over_the_load(lambda model: model[0].load_state_dict(net().state_dict()))


def reset_for_the_next_fold():
    model = net()
    for _ in range(2):
        model.load_state_dict(net().state_dict())
        train(model, adam(model), 4)
        by_apply(model)


# target networks


class Agent:
    def __init__(self, model, copied, soft):
        self.policy_net = model
        self.target_net = copy.deepcopy(model) if copied else model
        self.optimizer, self.soft = adam(model), soft

    def learn(self, steps=30):
        x, y = data()
        for step in range(steps):
            with torch.no_grad():
                aim = 0.9 * self.target_net(x).max(1)[0]
            loss = F.mse_loss(self.policy_net(x).gather(1, y[:, None])[:, 0], aim)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if self.soft:
                with torch.no_grad():
                    for old, new in zip(self.target_net.parameters(),
                                        self.policy_net.parameters(), strict=True):
                        old.copy_(0.99 * old + 0.01 * new)
            elif step % 5 == 4:
                self.target_net.load_state_dict(self.policy_net.state_dict())


@pytest.mark.parametrize("soft", [False, True])
def test_a_target_that_is_the_policy(soft):
    said = found(lambda: Agent(net(), copied=False, soft=soft).learn())
    assert set(said) & {"target_network", "checkpoint"}
    assert found(lambda: Agent(net(), copied=True, soft=soft).learn()) == []


def alias_for_the_evaluation():
    """No average is kept, and its name stands for the model itself."""
    class Trainer:
        def __init__(self):
            self.model = net()
            self.ema_model = self.model

        def run(self):
            x, _ = data()
            for _ in range(3):
                train(self.model, adam(self.model), 6)
                with torch.no_grad():
                    self.ema_model(x)

    Trainer().run()


def state_written_in_place():
    """Averages of several clients, written into the model's own state."""
    model = net()
    others = [net(), net()]
    optimizer = adam(model)
    for _ in range(3):
        train(model, optimizer, 4)
        state = model.state_dict()
        for name in state:
            state[name].copy_(sum(one.state_dict()[name] for one in others) / 2)
        model.load_state_dict(state)


@pytest.mark.parametrize("program", [
    warm_up, teacher_in_the_optimiser, frozen_as_it_should_be,
    teacher_without_a_gradient, decoder_of_copies, shared_in_two_parents,
    head_only_is_trained, gan, frozen_trunk, unused_part, moving_average, gradients_by_hand, lbfgs,
    head_replaced_before_the_optimiser, running_total, both_heads, one_backward_a_term,
    accumulated, a_block_each, called_in_a_loop, shared_head_on_different_inputs, shared_activation,
    a_parameter, a_parameter_list, positions, random_features_of_the_data, fixed_on_purpose,
    copied_together, head_copied_alone, vectors_where_they_belong, snapshot_of_the_start,
    penalised_attribute, read_by_a_layer_of_its_own, projection_called_by_the_script, pruned, infogan,
    moved_by_hand, differential_equation, lazy_layer, search_over_models, tied, untied_on_purpose,
    only_the_head_again, scaled_after_the_load, loaded_twice, reset_for_the_next_fold,
    alias_for_the_evaluation, state_written_in_place
])
def test_healthy_programs_are_not_accused(program):
    assert found(program) == []


# products of two zeros


class LowRank(nn.Module):
    """A frozen layer with two factors beside it."""

    def __init__(self, *zero):
        super().__init__()
        self.base, self.down, self.up = (
            nn.Linear(D, D),
            nn.Linear(D, 2, bias=False),
            nn.Linear(2, D, bias=False),
        )
        for name in zero:
            nn.init.zeros_(getattr(self, name).weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


@pytest.mark.parametrize(
    ("zero", "wrong"), [(("down", "up"), True), (("up",), False), (("down",), False)]
)
def test_two_factors_that_begin_at_zero(zero, wrong):
    def program():
        model = nn.Sequential(LowRank(*zero), nn.ReLU(), nn.Linear(D, 2))
        train(model, adam(model))

    assert found(program) == (["zero_weights"] if wrong else [])


# ways around a branch


class Branch(nn.Module):
    def __init__(self, join):
        super().__init__()
        self.layer, self.output, self.join = nn.Linear(D, D), nn.Linear(D, 2), join

    def forward(self, x):
        return self.output(self.join(x, torch.tanh(self.layer(x))))


def _in_place(x, y):
    y = y * 1.0
    y += y
    return y


@pytest.mark.parametrize(
    ("join", "wrong"),
    [
        (lambda x, y: y + y, True),
        (_in_place, True),
        (lambda x, y: torch.add(y, y), True),
        (lambda x, y: x + y, False),
        (lambda x, y: x + x + y, False),
        (lambda x, y: 2 * y, False),
    ],
)
def test_a_branch_that_is_added_to_itself(join, wrong):
    def program():
        model = Branch(join)
        train(model, adam(model))

    assert found(program) == (["residual"] if wrong else [])


# freezing that is undone


def _freeze(module):
    for p in module.parameters():
        p.requires_grad = False


def _thaw(module):
    for p in module.parameters():
        p.requires_grad = True


def _undone(model):
    _freeze(model[0])
    model.requires_grad_(True)


def _head_is_thawed(model):
    _freeze(model)
    _thaw(model[2])


def _frozen_for_a_look(model):
    _freeze(model)
    model(data()[0])
    _thaw(model)


@pytest.mark.parametrize(
    ("freeze", "wrong"),
    [
        (_undone, True),
        (_head_is_thawed, False),
        (_frozen_for_a_look, False),
        (_thaw, False),
    ],
)
def test_freezing_that_is_undone(freeze, wrong):
    def program():
        model = net()
        model[0].weight.data.mul_(1.01)  # not as it was drawn
        freeze(model)
        train(model, adam(model))

    got = found(program)
    assert ("frozen" in got) == wrong
