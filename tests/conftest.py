"""Shared pieces: a state folder of its own for each test, tiny data sets with known content."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from recipe_widgets import Data
from tests.blobs import make_blobs

# No test depends on how fast a machine is.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECIPE_STATE", str(tmp_path / "state"))


@pytest.fixture
def no_leaked_threads() -> Iterator[None]:
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("recipe-")]
    assert left == []


@pytest.fixture(scope="session")
def blobs() -> Data:
    """600 byte images 1x8x8 of 3 classes: see `make_blobs`."""
    return make_blobs()


@pytest.fixture(autouse=True)
def _global_rng_kept() -> Iterator[None]:
    """Every test begins with the same global generator, and does not touch that of the next one."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.random.set_rng_state(state)
