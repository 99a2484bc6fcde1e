"""Nothing that is read is run: no line of the package could, and malicious files of every kind
that it reads do not.
"""

from __future__ import annotations

import ast
import json
import os
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from recipe_widgets import Data, RecipeError, Settings, train
from recipe_widgets.data.full_sets import SETS, complete_arrays
from recipe_widgets.training.checkpoint_files import MAGIC, Checkpoints, packed, unpacked
from tests.stress.tally import Tally, times

ROOT = Path(__file__).parents[2]
UNSAFE = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler",
    "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads", "joblib.load",
    "marshal.load", "marshal.loads", "shelve.open", "yaml.load", "yaml.unsafe_load",
    "yaml.full_load", "os.system", "os.popen", "torch.jit.load", "torch.hub.load",
    "shutil.unpack_archive", "runpy.run_path", "runpy.run_module", "tempfile.mktemp",
    "ssl._create_unverified_context"
}
FOLDERS = ("recipe_widgets", "data", "notebooks", "docs", "benchmarks")  # all source but the tests
ON_PURPOSE = {
    ("recipe_widgets/watch/script_runner.py",
     "runpy.run_path"),  # `recipe watch script.py`: to run the script is its task
    ("benchmarks/peers/watchers.py", "runpy.run_path"),  # runs scripts of this repository
    ("recipe_widgets/course/recipe_file.py", "runpy.run_path"),  # the learner's own my_recipe.py
    ("recipe_widgets/watch/script_runner.py", "runpy.run_module"),  # and `recipe watch -m module`
    ("recipe_widgets/core/arguments.py", "eval"),  # annotations in this package's own source
}


def unsafe_calls(source: str) -> Iterator[str]:
    """Calls that run, or unpickle, or unpack what a file says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = {alias.name for alias in node.names}
            hidden = {f"{getattr(node, 'module', '')}.{name}" for name in names} & UNSAFE
            yield from (f"from {name}" for name in sorted(hidden))
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).removeprefix("torch.serialization.").replace("numpy.", "np.")
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name in UNSAFE or name.rsplit(".", 1)[-1] in ("extract", "extractall"):
            yield name
        if name == "torch.load" and given.get("weights_only") != "True":
            yield "torch.load without weights_only=True"
        if given.get("allow_pickle", "False") != "False":
            yield f"{name}(allow_pickle=)"
        if given.get("shell", "False") != "False":
            yield f"{name}(shell=)"
        if given.get("verify", "True") == "False":
            yield f"{name}(verify=False)"


def test_no_line_of_the_package_runs_what_it_reads(tally: Callable[[str], Tally]) -> None:
    row = tally("files of source searched for calls that run what they read")
    found = set()
    for path in (path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py")):
        name = path.relative_to(ROOT).as_posix()
        found |= {(name, call) for call in unsafe_calls(path.read_text(encoding="utf-8"))}
        row.tried += 1
    for path in ROOT.glob("notebooks/*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        found |= {(path.name, call) for call in unsafe_calls(code)}
        row.tried += 1
    row.lost = len(found - ON_PURPOSE)
    assert found <= ON_PURPOSE
    assert row.tried > 250


@pytest.mark.parametrize("line", [
    "pickle.loads(x)", "from pickle import load", "eval(x)", "exec(x)", "torch.load(f)",
    "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)",
    "numpy.load(f, allow_pickle=flag)", "yaml.load(f)", "subprocess.run(x, shell=True)",
    "os.system(x)", "tar.extractall(p)", "zipfile.ZipFile(f).extract(m)", "torch.hub.load(x, y)",
    "get(u, verify=False)", "from os import system"
])
def test_the_search_can_find(line: str) -> None:
    assert list(unsafe_calls(line))
    assert not list(
        unsafe_calls("model.eval(); torch.load(f, weights_only=True); np.load(f); re.compile(p)"))


class Evil:
    """Unpickled, it makes the folder that it names."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """The folder that must not come to be; the same pickle, trusted, makes it."""
    folder = tmp_path / "owned"
    yield folder
    assert not folder.exists()
    pickle.loads(pickle.dumps(Evil(folder)))
    assert folder.exists()


def signed(body: bytes) -> bytes:
    """A checkpoint whose checksum is right, whatever is in it."""
    import hashlib

    return MAGIC + hashlib.sha256(body).digest() + body


def hostile_bodies(mark: Path) -> dict[str, bytes]:
    """What may stand behind a right checksum."""
    rng = np.random.default_rng(0)
    whole = packed({"done": 1, "x": torch.ones(3)})[len(MAGIC) + 32:]
    bodies = {
        f"pickle {protocol}": pickle.dumps({"done": Evil(mark)}, protocol) for protocol in range(6)
    }
    bodies |= {
        "an evil state": packed({"done": 1, "parts": Evil(mark)})[len(MAGIC) + 32:], "nothing": b"",
        "a list": pickle.dumps([1])
    }
    for number in range(times(40, 1000)):
        spoiled = bytearray(whole)
        for place in rng.integers(0, len(spoiled), 1 + number % 5):
            spoiled[place] ^= int(rng.integers(1, 256))
        bodies[f"spoiled {number}"] = bytes(spoiled)
        bodies[f"cut {number}"] = whole[:int(rng.integers(len(whole)))]
        bodies[f"noise {number}"] = rng.bytes(int(rng.integers(1, 400)))
    return bodies


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_checkpoint_is_a_state_or_an_error(mark: Path, tally: Callable[[str], Tally]) -> None:
    row = tally("hostile checkpoints with a right checksum")
    for name, body in hostile_bodies(mark).items():
        row.tried += 1
        try:
            state = unpacked(signed(body))
        except ValueError:
            continue
        except Exception as error:
            row.lost += 1
            raise AssertionError(f"{name}: {error!r}") from error
        assert isinstance(state, dict), name
    assert row.lost == 0


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("state",
                         [{}, {"done": 7}, {"done": "x", "parts": 3, "data": None},
                          {"done": 10, "parts": {}, "data": "", "ranks": [], "settings": {}}])
def test_a_run_does_not_go_on_from_a_hostile_checkpoint(blobs: Data, mark: Path, tmp_path: Path,
                                                        state: dict) -> None:
    settings = Settings(width=8, max_steps=6)
    files = Checkpoints(tmp_path / "run")
    files.folder.mkdir()
    files.path(5).write_bytes(signed(pickle.dumps(Evil(mark))))
    with pytest.warns(UserWarning, match="Not whole"):
        assert train(blobs, settings, checkpoints=files.folder, resume=True).status == "done"
    files.path(9).write_bytes(packed(state))
    warnings.simplefilter("ignore")
    with pytest.raises(RecipeError,
                       match=r"step-000000009\.ckpt|samples that it began with|[Cc]heckpoint"):
        train(blobs, settings, checkpoints=files.folder, resume=True)


def test_a_cached_set_is_arrays_or_an_error(mark: Path, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    evil = np.array([Evil(mark)], object)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        np.savez(tmp_path / "mnist.npz", **{key: evil})
        with pytest.raises(RecipeError, match="Delete this file"):
            complete_arrays(SETS["mnist"], folder=tmp_path)
    (tmp_path / "mnist.npz").write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(RecipeError, match="Delete this file"):
        complete_arrays(SETS["mnist"], folder=tmp_path)


def test_arrays_with_objects_in_them_are_refused(mark: Path) -> None:
    with pytest.raises(RecipeError):
        Data.from_arrays(np.array([Evil(mark)] * 20, object), np.arange(20) % 2)


def test_an_exported_script_does_not_unpickle_its_data(blobs: Data, mark: Path,
                                                       tmp_path: Path) -> None:
    import subprocess
    import sys

    from recipe_widgets.export import save_script

    script = save_script(train(blobs, Settings(width=8, max_steps=2)), tmp_path)
    np.savez(tmp_path / "blobs.npz", x_train=np.array([Evil(mark)], object))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True,
                          encoding="utf-8", check=False)
    assert done.returncode != 0
    assert "allow_pickle" in done.stderr


def hostile_tars(folder: Path) -> Iterator[Path]:
    """Archives with the right names: out of their folder, as links, as devices, far larger than
    they should be.
    """
    names = [f"cifar-10-batches-bin/data_batch_{k}.bin"
             for k in range(1, 6)] + ["cifar-10-batches-bin/test_batch.bin"]
    outside = folder / "outside.txt"
    for number, (kind, target) in enumerate([(tarfile.SYMTYPE, str(outside)),
                                             (tarfile.LNKTYPE, "../../outside.txt"),
                                             (tarfile.FIFOTYPE, ""), (tarfile.CHRTYPE, ""),
                                             (tarfile.SYMTYPE, names[0])]):
        path = folder / f"links-{number}.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name in (*names, "../escaped.txt", "/escaped.txt"):
                member = tarfile.TarInfo(name)
                member.type, member.linkname, member.size = kind, target, 0
                tar.addfile(member)
        yield path
    path = folder / "bomb.tar.gz"
    with tarfile.open(path, "w:gz") as tar, (folder / "zeros").open("rb") as zeros:
        member = tarfile.TarInfo(names[0])
        member.size = 64 * 2**20
        tar.addfile(member, zeros)
    yield path


def test_archives_write_nothing_and_fill_no_memory(tmp_path: Path, tally: Callable[[str],
                                                                                   Tally]) -> None:
    """Past the digest of the official archive, which stops them before: the reader alone."""
    import tracemalloc

    row = tally("hostile archives")
    (tmp_path / "zeros").write_bytes(bytes(64 * 2**20))
    (tmp_path / "outside.txt").write_bytes(b"a secret")
    spec = SETS["cifar10"]
    for path in hostile_tars(tmp_path):
        before = sorted(tmp_path.rglob("*"))
        tracemalloc.start()
        # `complete_arrays` tells each as one RecipeError
        with pytest.raises((KeyError, ValueError, tarfile.TarError)):
            spec.read([path], spec)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        row.tried += 1
        assert sorted(tmp_path.rglob("*")) == before
        assert peak < 8 * 2**20


def test_a_zip_bomb_as_a_cached_set_fills_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        head = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
        shape = "{'descr': '|u1', 'fortran_order': False, 'shape': (268435456,), }"
        archive.writestr("x_train.npy",
                         head + shape.ljust(117).encode() + b"\n" + bytes(256 * 2**20))
    assert (tmp_path / "mnist.npz").stat().st_size < 2**19
    tracemalloc.start()
    with pytest.raises(RecipeError, match="Delete this file"):
        complete_arrays(SETS["mnist"], folder=tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20
