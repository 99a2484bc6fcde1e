"""Random draws inside of networks, log-probabilities and spreads, beside healthy programs."""

from __future__ import annotations

import ast

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal
from torch.nn import functional as F

from recipe_widgets.watch import watch
from recipe_widgets.watch.evidence.observe_spreads import meaning_of

RULES = ("reparametrisation", "policy_gradient", "spread_argument")
STEPS, N, D = 12, 32, 6


def train(loss, *modules):
    """(rule, severity) of what is said about some steps on this loss(x)."""
    x = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
    with watch(select=RULES) as report:
        optimizer = torch.optim.Adam([p for one in modules for p in one.parameters()], 1e-3)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(x).backward()
            optimizer.step()
    assert report.problem == ""
    return [one.name for one in report.findings if one.severity != "note"]


def encoder():
    torch.manual_seed(0)
    return nn.Linear(D, 2 * D), nn.Linear(D, D)


def bottleneck(draw, divergence=lambda q: 0.0):
    encode, decode = encoder()

    def loss(x):
        mu, raw = encode(x).chunk(2, 1)
        q = Normal(mu, F.softplus(raw))
        return F.mse_loss(decode(draw(q)), x) + divergence(q)

    return train(loss, encode, decode)


@pytest.mark.parametrize(
    ("draw", "wrong"),
    [
        (lambda q: q.sample(), True),
        (lambda q: Independent(q, 1).sample(), True),
        (lambda q: torch.normal(q.mean, q.stddev), True),
        (lambda q: q.rsample(), False),
        (lambda q: q.mean + q.stddev * torch.randn_like(q.mean), False),
        (lambda q: torch.normal(torch.zeros(N, D), 1.0) + q.mean, False),
    ],
)
def test_samples_without_a_gradient(draw, wrong):
    assert bottleneck(draw) == (["reparametrisation"] if wrong else [])


def test_samples_that_are_scored_need_no_gradient():
    encode, _ = encoder()

    def loss(x):
        mu, raw = encode(x).chunk(2, 1)
        q = Normal(mu, F.softplus(raw))
        action = q.sample()
        return -(q.log_prob(action).sum(1) * (-(action**2)).sum(1)).mean()

    assert train(loss, encode) == []


def test_samples_without_gradients_are_a_look():
    encode, decode = encoder()

    def loss(x):
        mu, raw = encode(x).chunk(2, 1)
        with torch.no_grad():
            Normal(mu, F.softplus(raw)).sample()
        return F.mse_loss(decode(mu), x) + raw.square().mean()

    assert train(loss, encode, decode) == []


def kl(mu, s, variance):
    return -0.5 * (1 + s - mu.pow(2) - variance).sum(1).mean()


VAE = {  # (standard deviation, divergence) of a logarithm s
    "variance as std": (lambda s: s.exp(), lambda mu, s: kl(mu, s, s.exp()), True),
    "the same number for both": (lambda s: s.exp(), lambda mu, s: kl(mu, s, torch.exp(s)), True),
    "std as variance": (lambda s: (0.5 * s).exp(), lambda mu, s: kl(mu, s, (0.5 * s).exp()), True),
    "right": (lambda s: (0.5 * s).exp(), lambda mu, s: kl(mu, s, s.exp()), False),
    "right, halved by division": (
        lambda s: torch.exp(s / 2),
        lambda mu, s: kl(mu, s, s.exp()),
        False,
    ),
    "log of the std": (lambda s: s.exp(), lambda mu, s: kl(mu, 2 * s, (2 * s).exp()), False),
    "log of the std, squared": (
        lambda s: s.exp(),
        lambda mu, s: kl(mu, 2 * s, s.exp() ** 2),
        False,
    ),
    "log of the std, times itself": (
        lambda s: s.exp(),
        lambda mu, s: kl(mu, 2 * s, s.exp() * s.exp()),
        False,
    ),
}


@pytest.mark.parametrize(("std", "divergence", "wrong"), VAE.values(), ids=VAE)
def test_noise_and_divergence_mean_one_spread(std, divergence, wrong):
    encode, decode = encoder()

    def loss(x):
        mu, s = encode(x).chunk(2, 1)
        z = mu + torch.randn_like(mu) * std(s)
        return F.mse_loss(decode(z), x, reduction="sum") / len(x) + divergence(mu, s)

    assert train(loss, encode, decode) == (["reparametrisation"] if wrong else [])


def actor_critic(policy_loss, episode=1):
    torch.manual_seed(0)
    body, actor, critic = nn.Linear(D, D), nn.Linear(D, 3), nn.Linear(D, 1)

    def loss(x):
        scores, values = [], []
        for _ in range(episode):
            h = torch.tanh(body(x))
            policy = Categorical(logits=actor(h))
            action = policy.sample()
            scores.append(policy.log_prob(action))
            values.append(critic(h).squeeze(1))
        reward = x[:, 0]
        return policy_loss(torch.stack(scores), torch.stack(values), reward) + F.mse_loss(
            values[-1], reward
        )

    return train(loss, body, actor, critic)


@pytest.mark.parametrize("episode", [1, 5])
@pytest.mark.parametrize(
    ("policy_loss", "wrong"),
    [
        (lambda score, value, r: -(score * (r - value)).mean(), True),
        (lambda score, value, r: ((value - r) * score * 0.5).sum() / len(r), True),
        (lambda score, value, r: -((score - score.detach()).exp() * (r - value)).mean(), True),
        (lambda score, value, r: -(score * (r - value.detach())).mean(), False),
        (
            lambda score, value, r: -(score * (r - value).detach()).mean() + 0.1 * value.mean(),
            False,
        ),
        (lambda score, value, r: -(score * r).mean() - 0.01 * score.exp().mul(score).mean(), False),
    ],
)
def test_advantages_are_constants(policy_loss, wrong, episode):
    assert actor_critic(policy_loss, episode) == (["policy_gradient"] if wrong else [])


def test_a_temperature_and_a_mixture_are_no_advantages():
    torch.manual_seed(0)
    net, weights, alpha = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(1, 1)

    def loss(x):
        density = Normal(net(x), 1.0).log_prob(x).exp()  # (N, D) components of a mixture
        mixture = (weights(x).softmax(1) * density).sum(1).log().mean()
        score = Bernoulli(logits=net(x)).log_prob((x > 0).float())
        return -mixture + (alpha.weight.exp() * score).mean()

    assert train(loss, net, weights, alpha) == []


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("sigma", "std"),
        ("self.std", "std"),
        ("out.sigma_x", "std"),
        ("pred_var", "var"),
        ("variance", "var"),
        ("logvar", "log_var"),
        ("log_sigma", "log_std"),
        ("torch.exp(logvar)", "var"),
        ("log_std.exp()", "std"),
        ("log_var.clamp(-5, 5).exp()", "var"),
        ("sigma2", "var"),
        ("var.unsqueeze(-1)", "var"),
        ("sigma ** 2", None),
        ("scale", None),
        ("torch.exp(0.5 * logvar)", None),
        ("var.sqrt()", None),
        ("F.softplus(var)", None),
        ("sigma_var", None),
        ("variable", None),
        ("1.0", None),
    ],
)
def test_what_a_name_says(words, meaning):
    assert meaning_of(ast.parse(words, mode="eval").body) == meaning


def test_words_that_contradict_the_argument():
    net, _ = encoder()

    def likelihood(spread):
        def loss(x):
            mu, raw = net(x).chunk(2, 1)
            return spread(mu, x, F.softplus(raw) + 0.1)

        return train(loss, net)

    sigma_given = [
        lambda mu, x, sigma: nn.GaussianNLLLoss()(mu, x, sigma),
        lambda mu, x, sigma: F.gaussian_nll_loss(mu, x, var=sigma.clamp(min=1e-3)),
        lambda mu, x, var: -Normal(mu, var).log_prob(x).mean(),
        lambda mu, x, logvar: -Normal(mu, scale=logvar.exp()).log_prob(x).mean(),
    ]
    healthy = [
        lambda mu, x, sigma: nn.GaussianNLLLoss()(mu, x, sigma**2),
        lambda mu, x, var: F.gaussian_nll_loss(mu, x, var),
        lambda mu, x, sigma: -Normal(mu, sigma).log_prob(x).mean(),
        lambda mu, x, var: -Normal(mu, var.sqrt()).log_prob(x).mean(),
    ]
    assert [likelihood(one) for one in sigma_given] == [["spread_argument"]] * 4
    assert [likelihood(one) for one in healthy] == [[]] * 4
