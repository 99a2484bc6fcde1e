"""The widget that opens the vault once, worked from code."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from recipe_widgets import Data, Settings, train
from recipe_widgets.panels import VaultReport
from recipe_widgets.panels.vault_report import PAGES

QUICK = Settings(width=8, max_steps=60, batch_size=32, lr=0.1)


@pytest.fixture
def sealed(blobs: Data) -> Data:
    """A vault of its own, still closed."""
    return blobs.subset(300)


@pytest.fixture(scope="module")
def models(blobs: Data) -> tuple[nn.Module, nn.Module]:
    return train(blobs, QUICK).model, train(blobs,
                                            QUICK.replace(model="linear", max_steps=3,
                                                          lr=1e-4)).model


def opened(data: Data) -> int:
    return len([entry for entry in data.vault_log() if entry["kind"] == "open"])


def test_it_opens_once(sealed: Data, models: tuple[nn.Module, nn.Module]) -> None:
    report = VaultReport(sealed, *models, "a test of the widget", ("net", "line"))
    assert opened(sealed) == 0
    assert "opened never so far" in report.words
    assert "with ten models up to" in report.words
    assert report.page.disabled
    assert "closed" in report.plot().figure._suptitle.get_text()
    report.button.click()
    assert opened(sealed) == 1
    assert report.final is not None
    assert report.final.accuracy.n == sealed.vault.size
    assert report.button.disabled
    assert "Opened, time 1 in all" in report._words.value
    assert "accuracy of net" in report._body.value
    assert report.open() is report.final
    assert opened(sealed) == 1
    assert "opened once so far" in VaultReport(sealed, *models, "another", ("net", "line")).words


def test_every_page_has_something_to_show(sealed: Data, models: tuple[nn.Module,
                                                                      nn.Module]) -> None:
    report = VaultReport(sealed, *models, "a test of the pages")
    report.open()
    seen = set()
    for page in PAGES:
        report.page.value = page
        seen.add(report._body.value)
    assert len(seen) == len(PAGES)
    report.page.value = "classes"
    assert "recall" in report._body.value
    report.page.value = "confusion"
    assert "Confusion matrix" in report.plot().alt
    assert "alt=" in report._body.value
    report.close()


def test_a_log_that_cannot_be_written_is_said_and_nothing_is_opened(
        sealed: Data, models: tuple[nn.Module, nn.Module], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    report = VaultReport(sealed, *models, "a test of a slip")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RECIPE_STATE", str(tmp_path / "file" / "below"))
    report.button.click()
    assert report.final is None
    assert "State folder" in report.words
    assert not report.button.disabled
