"""New heads, frozen trunks and torchvision's weights."""

from __future__ import annotations

import copy
import os
import urllib.error
from pathlib import Path

import pytest
import torch
from torch import nn

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.data import only_classes
from recipe_widgets.models import build_model, new_head, pretrained
from recipe_widgets.models.transfer import IMAGENET, ToImageNet

SHORT = Settings(model="convnet", width=16, norm="batch", max_steps=20, batch_size=32)


@pytest.mark.parametrize("model", ["mlp", "convnet", "resnet", "gru"])
def test_a_new_head_keeps_the_trunk_and_the_given_model(model: str) -> None:
    old = build_model(SHORT.replace(model=model), (1, 8, 8), 5).eval()
    before = {name: value.clone() for name, value in old.state_dict().items()}
    new = new_head(old, 3).eval()
    x = torch.randn(4, 1, 8, 8)
    assert new(x).shape == (4, 3)
    last = [module for module in old.modules() if isinstance(module, nn.Linear)][-1]
    assert torch.allclose(last(new[0](x)), old(x), atol=1e-6)  # the old head on the new trunk
    for p in new.parameters():
        nn.init.zeros_(p)
    assert all(torch.equal(value, before[name]) for name, value in old.state_dict().items())


def test_a_frozen_trunk_stays_to_the_bit_its_norms_too(blobs: Data) -> None:
    pretrained_ = train(only_classes(blobs, [0, 1]), SHORT).model
    model = new_head(pretrained_, 3, freeze=True)
    before = copy.deepcopy(model[0].state_dict())
    head = model[1].weight.detach().clone()
    run = train(blobs, SHORT, model)
    assert all(
        torch.equal(value, before[name]) for name, value in run.model[0].state_dict().items())
    assert not torch.equal(run.model[1].weight, head)
    thawed = train(blobs, SHORT, new_head(pretrained_, 3)).model
    assert not all(
        torch.equal(value, before["trunk." + name])
        for name, value in thawed[0].state_dict().items())


def test_a_model_without_a_linear_layer_has_no_head() -> None:
    with pytest.raises(RecipeError, match="Linear"):
        new_head(nn.Conv2d(1, 2, 3), 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_imagenet_networks_expect(channels: int) -> None:
    mean, std = (0.2, 0.3, 0.4)[:channels], (0.5, 0.6, 0.7)[:channels]
    pixels = torch.rand(2, channels, 8, 8)
    ours = (pixels - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)
    expected = (pixels.expand(-1, 3, -1, -1) - torch.tensor(IMAGENET[0]).view(1, -1, 1, 1)) \
        / torch.tensor(IMAGENET[1]).view(1, -1, 1, 1)
    assert torch.allclose(ToImageNet(mean, std, 8)(ours), expected, atol=1e-5)
    assert ToImageNet(mean, std, 20)(ours).shape == (2, 3, 20, 20)


def test_pretrained_weights_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    source = torchvision.models.mobilenet_v3_small(weights=None)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url",
                        lambda *_, **__: source.state_dict())
    model = pretrained("mobilenet_v3_small", (1, 28, 28), 4, (0.1,), (0.3,), size=32)
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 4)
    assert torch.equal(model[1].trunk.features[0][0].weight, source.features[0][0].weight)
    assert [p.shape for p in model.parameters() if p.requires_grad] == [(4, 1024), (4,)]


@pytest.mark.parametrize("error",
                         [urllib.error.URLError("no route"),
                          RuntimeError("invalid hash value")])
def test_weights_that_cannot_be_had_are_told(monkeypatch: pytest.MonkeyPatch,
                                             error: Exception) -> None:
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fails)
    with pytest.raises(RecipeError, match="Put that file into"):
        pretrained("resnet18", (3, 32, 32), 10, (0.5,) * 3, (0.2,) * 3)


class Evil:
    """Unpickled, it makes the folder "owned"."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.place / "owned"),)


def test_a_file_in_torchs_cache_cannot_run_code(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    url = torchvision.models.get_model_weights("mobilenet_v3_small").DEFAULT.url
    file = tmp_path / "checkpoints" / url.rsplit("/", 1)[1]
    file.parent.mkdir()
    torch.save({"evil": Evil(tmp_path)}, file)
    with pytest.raises(RecipeError, match="Pretrained weights"):
        pretrained("mobilenet_v3_small", (1, 28, 28), 4, (0.1,), (0.3,), size=32)
    assert not (tmp_path / "owned").exists()
    torch.load(file, weights_only=False)  # the same file would act
    assert (tmp_path / "owned").exists()


def test_unknown_networks_and_tables_are_told() -> None:
    with pytest.raises(RecipeError, match="resnet18"):
        pretrained("resnet19", (3, 32, 32), 10, (0.5,) * 3, (0.2,) * 3)
    with pytest.raises(RecipeError, match="images"):
        pretrained("resnet18", (5,), 10, (0.5,) * 5, (0.2,) * 5)
