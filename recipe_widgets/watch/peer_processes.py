"""The processes of one training that torchrun has started on this machine. Each of them is watched;
the first one hears of the others, and reports.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_widgets.core import CheckResult
from recipe_widgets.core.report import Report

PATIENCE = 30.0  # seconds for what another process has to say
_LOOK_EVERY = 0.05


@dataclass(frozen=True)
class PeerProcesses:
    """rank: of this process on this machine. count: of processes. folder: where they leave word."""

    rank: int
    count: int
    folder: Path

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def tell(self, subject: str, content: Any) -> None:
        """Leaves word for the first process. content: what JSON can hold."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        file = self.folder / f"{subject}_{self.rank}"
        unfinished = file.with_suffix(".part")
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.rename(file)  # at once: nobody reads half of it

    def hear(self, subject: str) -> dict[int, Any]:
        """What the others have left, by rank; without those that say nothing for too long."""
        heard: dict[int, Any] = {}
        until = time.monotonic() + PATIENCE
        while len(heard) < self.count - 1 and time.monotonic() < until:
            for rank in set(range(1, self.count)) - set(heard):
                file = self.folder / f"{subject}_{rank}"
                if file.exists() and file.stat().st_uid == os.getuid():
                    heard[rank] = json.loads(file.read_text(encoding="utf-8"))
            time.sleep(_LOOK_EVERY)
        return heard

    def merge(self, report: Report) -> None:
        """On the first process: adds what only others found, and clears up. On the others: hands
        the findings over.
        """
        if not self.is_first:
            # numbers and arrays stay behind: what they say is in the message
            names = [field.name for field in dataclasses.fields(CheckResult)
                     if field.name not in ("measured", "expected", "details")]
            self.tell("report", {
                "findings": [{name: getattr(one, name) for name in names}
                             for one in report.findings],
                "problems": list(report.problems), "unjudged": list(report.unjudged),
                "not_looked_at": list(report.not_looked_at)
            })
            return
        heard = self.hear("report")
        known = {(one.name, one.where) for one in report.findings}
        others: dict[tuple[str, str], tuple[dict[str, Any], list[int]]] = {}  # finding, its ranks
        for rank, told in sorted(heard.items()):
            for fields in told["findings"]:
                key = fields["name"], fields["where"]
                if key not in known:
                    others.setdefault(key, (fields, []))[1].append(rank)
            report.problems = [*report.problems,
                               *(f"process {rank}: {one}" for one in told["problems"])]
            report.unjudged = sorted({*report.unjudged, *told["unjudged"]})
            report.not_looked_at = sorted({*report.not_looked_at, *told["not_looked_at"]})
        for fields, ranks in others.values():
            where = "process" if len(ranks) == 1 else "processes"
            fields["message"] += f" (in {where} {', '.join(map(str, ranks))} only)"
            report.findings = [*report.findings, CheckResult(**fields)]
        report.problems = [*report.problems,
                           *(f"process {rank} did not report" for rank in range(1, self.count)
                             if rank not in heard)]
        report.sort()
        shutil.rmtree(self.folder, ignore_errors=True)


def peer_processes() -> PeerProcesses | None:
    """None where torchrun has started no other process on this machine."""
    count = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if count == 1 or "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    # torchrun itself is the parent of all of them
    name = f"recipe_watch_{os.getppid()}_{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    return PeerProcesses(int(os.environ["LOCAL_RANK"]), count, Path(tempfile.gettempdir()) / name)
