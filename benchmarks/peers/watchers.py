"""torch-audit on the real bugs: what it says of a buggy script and not of the mended twin.

`.venv-peers/bin/python -m benchmarks.peers.watchers`. Its rules fire on objects, so that it is patched
onto the first optimiser that a script makes and the module that holds most of its parameters, at
every step (its `autopatch`). Counted in its favour: any warning or error that the twin does not get
is taken for the right cause, and advice on speed (TA2xx) is no accusation.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tests.real_bugs.catalogue import HALVES, Case, cases

LOUD = ("WARN", "ERROR", "FATAL")


def rules_of(script: Path) -> set[str]:
    """Ids of the rules that warn of a script, run in a fork of this process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rules.json"
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                _child(script, out)
            os._exit(0)
        os.waitpid(child, 0)
        return set(json.loads(out.read_text(encoding="utf-8"))) if out.exists() else set()


def _child(script: Path, out: Path) -> None:
    from torch_audit import autopatch

    auditors: list[Any] = []

    def begin(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if auditors:
            return
        model = _model_of(optimizer)
        auditors.append(autopatch(model, optimizer=optimizer, every_n_steps=1, fail_level="FATAL",
                                  suppress_internal_errors=True) if model is not None else None)

    torch.set_num_threads(1)
    hook = register_optimizer_step_pre_hook(begin)
    sys.argv = [str(script)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), \
            contextlib.suppress(BaseException):
        runpy.run_path(str(script), run_name="__main__")
    hook.remove()
    found = auditors[0].finish().findings if auditors and auditors[0] is not None else []
    out.write_text(json.dumps([one.rule_id for one in found
                               if one.severity.value in LOUD and not one.rule_id.startswith("TA2")]),
                   encoding="utf-8")


def _model_of(optimizer: torch.optim.Optimizer) -> torch.nn.Module | None:
    """The module that holds most of the optimiser's parameters."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    modules = [one for one in gc.get_objects() if isinstance(one, torch.nn.Module)]
    return max(modules, key=lambda one: len(held & {id(p) for p in one.parameters()}), default=None)


def main() -> None:
    found: dict[str, list[Case]] = {half: [] for half in HALVES}
    accused: dict[str, list[Case]] = {half: [] for half in HALVES}
    for case in cases():
        buggy, fixed = (rules_of(case.script(twin)) for twin in ("buggy", "fixed"))
        print(case.id, sorted(buggy), sorted(fixed), flush=True)
        if buggy - fixed:
            found[case.half].append(case)
        if fixed:
            accused[case.half].append(case)
    for half in HALVES:
        every = sum(case.half == half for case in cases())
        print(f"{half}: {len(found[half])} of {every} told from their twins "
              f"({', '.join(case.id for case in found[half])}); {len(accused[half])} twins accused")


if __name__ == "__main__":
    main()
