"""What a process may use: files of a control group with known content, and torch as the oracle."""

from __future__ import annotations

import os

import pytest
import torch

from recipe_widgets.core import machine


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    return tmp_path


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_of_a_process_that_was_given_one(cgroup):
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("text", "cores"), [("50000 100000", 1), ("150000 100000", 2)])
def test_a_quota_of_cores_is_rounded_up(cgroup, monkeypatch, text, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (cgroup / "cpu.max").write_text(text + "\n")
    assert machine.cores() == cores


@pytest.mark.parametrize("text", ["max 100000", "what", None])
def test_no_quota_leaves_all_cores(cgroup, monkeypatch, text):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    if text is not None:
        (cgroup / "cpu.max").write_text(text)
    assert machine.cores() == 8


def test_memory_is_the_limit_where_that_is_less(cgroup):
    whole = machine.memory_bytes()
    (cgroup / "memory.max").write_text("1048576\n")
    assert machine.memory_bytes() == 1048576
    (cgroup / "memory.max").write_text("max\n")
    assert machine.memory_bytes() == whole


@pytest.mark.parametrize(("quota", "cores"), [("150000", 2), ("-1", 8)], ids=["limited", "not"])
def test_version_1_of_control_groups(cgroup, monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for file, text in {"cpu/cpu.cfs_quota_us": quota, "cpu/cpu.cfs_period_us": "100000",
                       "memory/memory.limit_in_bytes": "2097152"}.items():
        (cgroup / file).parent.mkdir(exist_ok=True)
        (cgroup / file).write_text(text + "\n")
    assert machine.cores() == cores
    assert machine.memory_bytes() == 2097152


@pytest.mark.parametrize("slow", [torch.bfloat16, torch.float32])
def test_bf16_is_used_where_its_product_is_the_faster(monkeypatch, slow):
    monkeypatch.setattr(machine, "_seconds_of_product", lambda dtype: 2.0 if dtype is slow else 1.0)
    machine.bf16_is_fast.cache_clear()
    assert machine.bf16_is_fast() is (slow is torch.float32)
    machine.bf16_is_fast.cache_clear()
