"""Every kind of file that the package writes, in one form: write version n into a folder; tell
which one is there.

`write(folder, n)` returns when version n is acknowledged. `read(folder)` gives the newest version
that is whole, 0 for none; where a file carries a checksum (`exact`), anything else in it than what
was written is an error of the reader.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from recipe_widgets import Data, RecipeError, Settings
from recipe_widgets.core import BranchTree, Report, Run, RunLog, RunLogEntry
from recipe_widgets.data.download import Remote, fetch
from recipe_widgets.data.full_sets import SETS, _read_npz, _write_npz
from recipe_widgets.export import save_script
from recipe_widgets.lessons.nb01_know_your_data.labelling import labelling
from recipe_widgets.lessons.nb03_check_the_machinery import Clinic
from recipe_widgets.live import Session
from recipe_widgets.live.session_file import read_session_file
from recipe_widgets.training import Checkpoints


@dataclass(frozen=True)
class Kind:
    """exact: it has a checksum. silent: a disk that cannot be written to is no reason to stop,
    so nothing is said.
    """

    name: str
    write: Callable[[Path, int], object]
    read: Callable[[Path], int]
    exact: bool = True
    silent: bool = False


def data_of(n: int, name: str = "few") -> Data:
    """60 samples of 3 classes that tell n."""
    x = np.zeros((60, 2, 2), np.uint8)
    x[:, 0] = n // 200, n % 200
    x[::2, 1] += 20
    return Data.from_arrays(x, np.arange(60) % 3, name=name)


FEW = data_of(0)
MNIST = data_of(0, "mnist")  # by its name: the bug clinic looks for that


@contextlib.contextmanager
def state(folder: Path) -> Iterator[None]:
    """The reader's state folder is this one."""
    before = os.environ.get("RECIPE_STATE")
    os.environ["RECIPE_STATE"] = str(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.environ.pop("RECIPE_STATE")
        if before is not None:
            os.environ["RECIPE_STATE"] = before


def run_of(n: int) -> Run:
    """A run of n steps that nobody trained; its numbers tell n."""
    run = Run(Settings(width=4, seed=n), data_name="few", status="done", threads=[(0, 1)], data=FEW)
    for step in range(n):
        run.history.append("train_loss", step, float(n))
    return run


def number(text: str) -> int:
    """0 for a text that is none."""
    return int(text) if text.isdecimal() else 0


# --- files that grow ------------------------------------------------------------------------------
# ------------------------

def write_ledger(folder: Path, n: int) -> None:
    RunLog(folder / "ledger.jsonl").add(
        RunLogEntry("2026-01-01", "few", "",
              Settings().to_dict(), [], "done", "", n, {}, 0, "x" * (n * 37 % 400)))


def read_ledger(folder: Path) -> int:
    found = [entry.steps for entry in RunLog(folder / "ledger.jsonl").entries()]
    assert sorted(set(found)) == found
    return found[-1] if found else 0


def write_vault(folder: Path, n: int) -> None:
    with state(folder):
        FEW.audit_test(f"look {n}")


def read_vault(folder: Path) -> int:
    with state(folder):
        found = [number(str(entry.get("why")).removeprefix("look ")) for entry in FEW.vault_log()]
    return found[-1] if found else 0


# --- files that are replaced
# ----------------------------------------------------------------------------------------------

def write_checkpoint(folder: Path, n: int) -> None:
    Checkpoints(folder / "run").save(n, {"done": n, "weights": torch.full((3000,), float(n))})


def read_checkpoint(folder: Path) -> int:
    found = Checkpoints(folder / "run").newest()
    if found is None:
        return 0
    assert torch.equal(found["weights"], torch.full((3000,), float(found["done"])))
    return int(found["done"])


def write_session(folder: Path, n: int) -> None:
    tree = BranchTree()
    tree.add(run_of(n))
    Session.save(SimpleNamespace(tree=tree, source=SimpleNamespace(name="few"), data=FEW),
                 folder / "session.json")


def read_session(folder: Path) -> int:
    file = folder / "session.json"
    branches = read_session_file(file, FEW)[0].branches if file.exists() else []
    return branches[0].run.settings.seed if branches else 0


def write_labels(folder: Path, n: int) -> None:
    with state(folder):
        labelling(FEW, count=10).typed(0, np.base_repr(n, 3).zfill(10))


def read_labels(folder: Path) -> int:
    with state(folder):
        return int(labelling(FEW, count=10).texts[0] or "0", 3)


def write_answers(folder: Path, n: int) -> None:
    ward = Clinic(MNIST, keep=folder / "clinic.json")
    ward._answers[ward.cases[0].key].wrong = [str(n)]
    ward._save()


def read_answers(folder: Path) -> int:
    ward = Clinic(MNIST, keep=folder / "clinic.json")
    said = ward._answers[ward.cases[0].key].wrong
    return number(said[0]) if said else 0


def write_script(folder: Path, n: int) -> None:
    save_script(run_of(n), folder)


def read_script(folder: Path) -> int:
    file = folder / "train.py"
    if not file.exists():
        return 0
    with np.load(folder / "few.npz") as stored:
        assert len(stored["x_train"]) == 40
    found = re.search(r"^STEPS = (\d+)$", file.read_text(encoding="utf-8"), re.M)
    assert found is not None
    assert file.read_text(encoding="utf-8").endswith('")\n')
    return int(found[1])


def write_report(folder: Path, n: int) -> None:
    report = Report(steps=n, problems=["x" * (n * 37 % 400)])
    report.save(folder / "report.html", "html")
    report.save(folder / "report.json", "json")


def read_report(folder: Path) -> int:
    file = folder / "report.json"
    if not file.exists():
        return 0
    assert (folder / "report.html").read_text(encoding="utf-8").endswith("</body></html>")
    return int(json.loads(file.read_text(encoding="utf-8"))["steps"])


# --- caches ---------------------------------------------------------------------------------------
# ------------------------

def write_exported(folder: Path, n: int) -> None:
    with state(folder):
        dataclasses.replace(run_of(1), data=data_of(n)).to_script()


def read_exported(folder: Path) -> int:
    """The newest of the cached data files; each must be what its name, a digest, says."""
    newest = 0
    for file in folder.glob("exported/*.npz"):
        assert hashlib.sha256(file.read_bytes()).hexdigest()[:16] == file.stem.rsplit("-", 1)[1]
        with np.load(file) as stored:
            high, low = stored["x_train"][0, 0, 0].tolist()
            newest = max(newest, 200 * high + low)
    return newest


def _small_set(n: int) -> tuple[object, dict[str, np.ndarray]]:
    arrays = {"x_train": np.full((20, 4, 4), n % 256, np.uint8), "y_train": np.arange(20) % 10,
              "x_test": np.full((5, 4, 4), n % 256, np.uint8), "y_test": np.arange(5) % 10}
    content = hashlib.sha256(b"".join(arrays[key].tobytes()
                                      for key in ("x_train", "y_train", "x_test", "y_test")))
    return dataclasses.replace(SETS["mnist"], shape=(4, 4), train=20, test=5,
                               content=content.hexdigest()), arrays


def write_set(folder: Path, n: int) -> None:
    _write_npz(folder / f"{n}.npz", _small_set(n)[1])


def read_set(folder: Path) -> int:
    there = [int(file.stem) for file in folder.glob("*.npz")]
    for n in there:
        _read_npz(folder / f"{n}.npz", _small_set(n)[0])
    return max(there, default=0)


def _remote(n: int) -> tuple[Remote, bytes]:
    content = bytes([n % 256]) * 5000
    return Remote(f"{n}.bin", len(content),
                  f"sha256:{hashlib.sha256(content).hexdigest()}"), content


def write_download(folder: Path, n: int) -> None:
    """Fetched from a folder beside it, which serves as the network."""
    source = folder.parent / f"{folder.name}-network"
    source.mkdir(exist_ok=True)
    if not (source / f"{n}.bin").exists():
        for number in range(n, n + 100):  # at once: later on the disk may be full
            remote, content = _remote(number)
            (source / "half").write_bytes(content)  # this writer may be killed here too
            (source / "half").replace(source / remote.file)
    fetch(_remote(n)[0], f"{source.as_uri()}/", folder)


def read_download(folder: Path) -> int:
    there = [int(file.stem) for file in folder.glob("*.bin")]
    for n in there:
        if not _remote(n)[0].matches(folder / f"{n}.bin"):
            fetch(_remote(n)[0], "file:///nowhere/", folder)  # says what is wrong
    return max(there, default=0)


KINDS = (Kind("ledger", write_ledger,
              read_ledger), Kind("checkpoints", write_checkpoint, read_checkpoint),
         Kind("session", write_session, read_session,
              exact=False), Kind("labels", write_labels, read_labels, exact=False),
         Kind("answers", write_answers, read_answers, exact=False,
              silent=True), Kind("vault log", write_vault, read_vault, exact=False),
         Kind("script", write_script, read_script,
              exact=False), Kind("report", write_report, read_report,
                                 exact=False), Kind("exported data", write_exported, read_exported),
         Kind("complete set", write_set, read_set), Kind("download", write_download, read_download),
         )
BY_NAME = {kind.name: kind for kind in KINDS}


def newest(kind: Kind, folder: Path) -> int | RecipeError:
    """What a reader gets: a version, or one clear error."""
    try:
        return kind.read(folder)
    except RecipeError as error:
        return error
