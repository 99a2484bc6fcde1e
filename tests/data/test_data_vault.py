"""The vault: closed, opened for a reason, and every look on record."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from recipe_widgets import Data, RecipeError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "state" / "vault.jsonl"


def test_closed_until_opened(tiny: Data) -> None:
    with pytest.raises(RecipeError, match=r"Test set of tiny: found a closed vault.*open_vault"):
        _ = tiny.test
    assert tiny.sizes == {"train": 40, "validation": 10, "test": 10}  # counting is not looking


def test_opening_returns_logs_and_prints(tiny: Data, log: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    split = tiny.open_vault("the end")
    assert tiny.test is split
    assert (split.name, split.size) == ("test", 10)
    assert capsys.readouterr().out == "Vault of tiny opened, time 1 in all: the end\n"
    (entry,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "data": "tiny", "sha256": split.digest()[:12], "kind": "open", "count": 1, "samples": 10,
        "why": "the end"
    }


def test_the_log_outlasts_the_object(tiny: Data, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.open_vault("first")
    again = pickle.loads(pickle.dumps(tiny))
    other = tiny.split(0.6, 0.2, 0.2)
    other.open_vault("another test set")
    capsys.readouterr()
    again.open_vault("second")
    assert "time 2 in all" in capsys.readouterr().out
    assert [entry["why"] for entry in tiny.vault_log()] == ["first", "second"]
    assert [entry["why"] for entry in other.vault_log()] == ["another test set"]


def test_opening_one_object_leaves_others_closed(tiny: Data) -> None:
    twin, subset = copy.deepcopy(tiny), tiny.subset(10)
    tiny.open_vault("mine")
    for other in (twin, subset, tiny.subset(10), tiny.split(0.5, 0.25, 0.25)):
        with pytest.raises(RecipeError, match="closed vault"):
            _ = other.test
    assert subset.vault_log() == tiny.vault_log()  # the same test set has one record


def test_audit_does_not_open(tiny: Data, capsys: pytest.CaptureFixture[str]) -> None:
    assert tiny.audit_test("duplicates").size == 10
    with pytest.raises(RecipeError, match="closed vault"):
        _ = tiny.test
    tiny.open_vault("end")
    assert "time 1 in all" in capsys.readouterr().out
    assert [(entry["kind"], entry["count"]) for entry in tiny.vault_log()] == [("audit", 1),
                                                                               ("open", 1)]


@pytest.mark.parametrize("why", ["", "  \n", None, 3])
def test_a_reason_is_needed(tiny: Data, why: object, log: Path) -> None:
    for look in (tiny.open_vault, tiny.audit_test):
        with pytest.raises(RecipeError, match="Reason"):
            look(why)  # type: ignore[arg-type]
    assert not log.exists()
    with pytest.raises(RecipeError, match="closed vault"):
        _ = tiny.test


@pytest.mark.parametrize("torn", [b'{"time": "20', b"\xff\xfe\x00", b"[1, 2]\n", b"[" * 100_000])
def test_a_torn_line_is_skipped(tiny: Data, log: Path, torn: bytes) -> None:
    tiny.open_vault("before")
    with log.open("ab") as file:
        file.write(torn)
    assert [entry["why"] for entry in tiny.vault_log()] == ["before"]
    tiny.open_vault("after")
    assert [entry["why"] for entry in tiny.vault_log()] == ["before", "after"]


def test_lines_and_odd_characters_stay_in_one_entry(tiny: Data, log: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    tiny.open_vault("two\nlines \u2028 and \ud800")
    assert capsys.readouterr().out.count("\n") == 1
    assert len(log.read_text().splitlines()) == 1
    assert tiny.vault_log()[0]["why"] == "two lines and ?"


def test_no_log_no_test_set(tiny: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state" / "vault.jsonl").mkdir(
        parents=True)  # something that cannot be written as a file
    with pytest.raises(RecipeError, match="RECIPE_STATE"):
        tiny.open_vault("why")
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("RECIPE_STATE", str(blocked / "below"))
    with pytest.raises(RecipeError, match="RECIPE_STATE"):
        tiny.open_vault("why")
    with pytest.raises(RecipeError, match="closed vault"):
        _ = tiny.test


def test_a_full_disk_keeps_it_closed(tiny: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecipeError, match="No space left"):
        tiny.open_vault("why")
    with pytest.raises(RecipeError, match="closed vault"):
        _ = tiny.test


def test_nothing_shows_the_test_set() -> None:
    rng = np.random.default_rng(0)
    data = Data.from_arrays(rng.integers(0, 255, (12, 2, 2), dtype=np.uint8), np.arange(12) % 2)
    for text in (repr(data), str(data), f"{data}", repr(data.vault), repr(vars(data.vault))):
        assert "tensor(" not in text
    assert "(in the vault)" in repr(data)
    data.open_vault("why")
    assert "(open)" in repr(data)


@pytest.mark.parametrize("opened", [False, True])
def test_copies_keep_the_state(tiny: Data, opened: bool) -> None:
    if opened:
        tiny.open_vault("why")
    for twin in (pickle.loads(pickle.dumps(tiny)), copy.deepcopy(tiny), copy.copy(tiny)):
        assert twin.vault.opened == opened
        assert twin.sizes == tiny.sizes


def test_entries_of_other_programs_are_not_ours(tiny: Data, log: Path) -> None:
    tiny.open_vault("mine")
    with log.open("a") as file:
        file.write('{"sha256": "0123", "kind": "open"}\n{}\n')
    assert len(tiny.vault_log()) == 1
