"""The benchmarks' parts run, each on next to nothing; how fast is for `make bench` to say."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from benchmarks import compiled, gpu, machines, scaling, seeds
from benchmarks.peers import labels
from recipe_widgets import Data, Settings


@pytest.mark.parametrize(("measured", "sizes"), [
    (lambda: scaling.by_model({1: 4}), 1), (lambda: scaling.by_steps([50, 100]), 2),
    (lambda: scaling.by_data([100]), 1),
])
def test_growth(measured, sizes: int) -> None:
    counts, rows = measured()
    assert len(counts) == sizes
    assert counts == sorted(counts)
    for name, figures in rows:
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures), name
    text = scaling.markdown("samples", counts, rows)
    assert all(name in text for name, _ in rows)


def test_the_loop_around_a_compiled_model_learns(blobs: Data) -> None:
    """The eager half; what compiles needs a compiler."""
    settings = Settings(width=8, batch_size=32, lr=0.1)
    found = compiled.trained(blobs, settings, steps=60, compiled=False)
    assert len(found.losses) == len(found.seconds) == 60
    assert found.losses[0] == pytest.approx(math.log(3), rel=0.3)
    assert found.accuracy > 0.95
    assert found.losses == compiled.trained(blobs, settings, steps=60, compiled=False).losses


def test_planted_rows_are_found_in_the_form_that_is_compared(blobs: Data) -> None:
    planted = labels.wrong_labels(blobs)
    assert len(planted.rows) == 12
    assert labels.caught(labels.our_labels(planted), planted) == 1.0
    planted = labels.copied_images(blobs, 5)
    assert set(planted.rows[1::2]) <= set(labels.our_copies(planted))


def test_small_machines(tmp_path: Path) -> None:
    """Each section in a fresh Python, on a small program and on few images."""
    draw = np.random.default_rng(0)
    for name, shape in (("mnist", (28, 28)), ("cifar10", (32, 32, 3))):
        x = draw.integers(0, 255, (260, 4, *shape[1:]), dtype=np.uint8).repeat(shape[0] // 4, 1)
        y = np.arange(260) % 10
        np.savez(tmp_path / name, x_train=x, y_train=y, x_test=x[::-1], y_test=y[::-1])
    machine = machines.Machine({"now": machines.ROOT}, no_bf16=True, full=tmp_path,
                               nets=("sparse_relu",))
    assert "bf16 slow or hidden" in machine.about()
    nets, _ = machines.run_all(machine)
    assert set(nets.rows) == {
        "sparse_relu", "sparse_relu, checks with an answer",
        "sparse_relu, its loss with the sign flipped: first finding"
    }
    copies, = machines.duplicates(machine)
    assert "cifar10, found of 100 planted" in copies.rows
    suspects, = machines.label_errors(replace(machine, epochs=(1, 2)))
    assert "2 epochs, confirmed among the first 300" in suspects.rows
    for table in (nets, copies, suspects):
        assert all(value >= 0 for row in table.rows.values() for value in row["now"])
        assert "| now |" in table.markdown(["now"])


def test_seeds_at_once_beside_what_the_products_alone_would_take(blobs: Data) -> None:
    """64 inputs, 8 units, 3 classes, 32 samples: products there and back, by hand."""
    settings = Settings(width=8, batch_size=32)
    first, last = 2 * 32 * 64 * 8, 2 * 32 * 8 * 3
    assert seeds.operations(blobs, settings) == 2 * first + 3 * last  # inputs get no gradient
    table = seeds.measure(blobs, settings, rounds=1, count=2, seeds=2)
    assert list(table) == ["one", "shared", "own", "least"]
    assert all(row["ms_per_step"] > 0 for row in table.values())
    assert table["one"]["ratio"] == 1


SMALL_PATHS = {"mlp_steps": 5, "conv_steps": 2, "many_steps": 3, "samples": 300, "width": 8}


@pytest.mark.parametrize("name", machines.PATHS)
def test_what_small_machines_are_asked(name: str) -> None:
    scope: dict[str, object] = {}
    exec(machines.PATHS[name].format(**SMALL_PATHS), scope)
    assert scope["said"] is not None


def test_what_is_found_is_compared_between_small_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds something else where bf16 is hidden; as many threads as cores, everywhere."""
    monkeypatch.setattr(machines, "PATHS", {"a path": """
import torch
assert torch.get_num_threads() == len(os.sched_getaffinity(0))
said = machine.bf16_is_fast.__name__
"""})
    table, = machines.paths(machines.Machine({"now": machines.ROOT}))
    assert table.notes == [f"What is found differs: a path, {machines.HIDDEN}."]
    assert f"| {machines.BUSY} |" in table.markdown(["now"])


def test_loops_by_how_long_idle_threads_stay_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "LOOPS", {"MLP": ("mlp", 8, 300)})
    table, = machines.waiting(machines.Machine({"now": machines.ROOT}, most_steps=3))
    assert len(table.rows) == 2
    assert all(row[column][0] > 0 for row in table.rows.values() for column in table.columns)


def test_memory_and_slow_cells_of_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "NOTEBOOKS", tmp_path)
    cells = ["import numpy as np", "held = np.ones(2**25)  # 256 MB", "del held",
             "import time\nfor _ in range(3): time.sleep(0.1)"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(made, tmp_path / "small.ipynb")
    memory, slowest = machines.notebooks(machines.Machine({"now": machines.ROOT}))
    assert 256 < memory.rows["small"]["now"][0] < machines.ROOM
    assert memory.notes == ["More than 2048 MB: none."]
    row = slowest.rows["small, cell 3"]
    assert row[machines.AS_IT_IS][0] >= 0.3
    assert row["times as long"] == [row[machines.BUSY][0] / row[machines.AS_IT_IS][0]]


@pytest.mark.parametrize(("part", "rows"), [("waits", 4), ("step", 5), ("cifar", 2), ("live", 1)])
def test_gpu_benchmark_without_one(part: str, rows: int) -> None:
    """Each part runs, and says what was not measured."""
    bench = gpu.Bench(torch.device("cpu"), quick=True)
    found = gpu.PARTS[part](bench)
    assert len(found) == rows
    text = gpu.markdown(bench, found)
    assert text.count("\n| ") == rows + 2
    assert ("needs CUDA" in text) == (part in ("waits", "step"))


def test_lines_that_wait_for_a_gpu_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    def work() -> None:
        for _ in range(3):
            warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        warnings.warn("something else", stacklevel=1)

    (line, times), = gpu.waiting_lines(work).items()
    assert (line.partition(":")[0], times) == (Path(__file__).name, 3)
    with pytest.raises(ZeroDivisionError):
        gpu.waiting_lines(lambda: 1 / 0)
    assert modes == ["warn", "default"] * 2


def test_complete_cifar_takes_the_first_length_that_reaches_the_aim(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    data = Data.from_arrays(draw.integers(0, 255, (120, 8, 8, 3), dtype=np.uint8),
                            np.arange(120) % 10, validation=0)
    monkeypatch.setattr(gpu, "load", lambda *_, **__: data)
    monkeypatch.setenv("RECIPE_DATA", str(tmp_path))
    monkeypatch.setenv("RECIPE_STATE", str(tmp_path))
    reached = iter([0.9, 0.95, 0.99])
    monkeypatch.setattr(gpu, "evaluate", lambda *_: type("Judged", (), {"accuracy": next(reached)}))
    found = gpu.cifar(gpu.Bench(torch.device("cpu"), quick=True, full=tmp_path))
    assert [row.measured.partition(" ")[0] for row in found] == ["90.00%", "95.00%"]
    assert data.vault_log()[0]["why"].startswith("benchmarks/gpu.py")
