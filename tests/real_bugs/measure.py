"""Which real bug `recipe watch` finds by its cause, and which mended twin it accuses.

`python -m tests.real_bugs.measure` watches every script, unchanged, each in a fork of its own, and
prints Markdown; ids as arguments select cases. `--say` prints every finding, for whoever judges which
of them name the cause. `--write` puts what was measured into verdicts.json and renews RESULTS.md and
its figures in the README; cases that were not measured now keep what was measured before.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.planted_bugs.watch_matrix import forked
from tests.real_bugs.catalogue import FOLDER, HALVES, POSTS, Case, cases

BEGIN, END = "<!-- real bugs -->\n", "<!-- end of real bugs -->"
LOUD = ("error", "warning")
STORE = FOLDER / "verdicts.json"


@dataclass(frozen=True)
class Verdict:
    """What was said of both twins: (severity, rule, message), errors and warnings only.

    failed: why a script did not come to its end, or what of the watcher failed.
    """

    case: Case
    of_buggy: tuple[tuple[str, str, str], ...]
    of_fixed: tuple[tuple[str, str, str], ...]
    failed: str = ""

    @property
    def found(self) -> bool:
        """Did a finding name the cause?"""
        return any(rule in self.case.rules for _, rule, _ in self.of_buggy)

    @property
    def accused(self) -> bool:
        """Was the mended twin accused of anything?"""
        return bool(self.of_fixed)


def judge(case: Case) -> Verdict:
    """Watch both scripts of a case."""
    said, failed = [], []
    for twin in ("buggy", "fixed"):
        got = forked(case.script(twin), watched=True)
        report = got["report"]
        said.append(
            tuple((one["severity"], one["check"], one["message"])
                  for one in report.get("findings", []) if one["severity"] in LOUD))
        if got["status"] or not report or report["problem"]:
            failed.append(f"{twin}: status {got['status']}, {report.get('problem', 'no report')}")
    return Verdict(case, said[0], said[1], "; ".join(failed))


def weighted_recall(verdicts: Iterable[Verdict]) -> float:
    """Recall of each class, weighted by how many people report bugs of it."""
    by_class: dict[str, list[bool]] = defaultdict(list)
    for one in verdicts:
        by_class[one.case.weight_class].append(one.found)
    weight = sum(POSTS[name] for name in by_class)
    return sum(POSTS[name] * sum(found) / len(found) for name, found in by_class.items()) / weight


def precision(verdicts: Sequence[Verdict]) -> float:
    """Buggy scripts found by their cause, of those and the mended twins that were accused."""
    found, accused = sum(v.found for v in verdicts), sum(v.accused for v in verdicts)
    return found / max(1, found + accused)


def figures(verdicts: Sequence[Verdict]) -> str:
    """A table: rows are classes, columns the two halves."""
    halves = [[v for v in verdicts if v.case.half == half] for half in HALVES]
    lines = [
        "| kind of bug | share of reports | opened: found | apart: found |", "| --- | --- | --- | --- |"
    ]
    for name, posts in POSTS.items():
        cells = [_share([v for v in half if v.case.weight_class == name], _is_found) for half in halves]
        lines.append(f"| {name} | {posts / sum(POSTS.values()):.0%} | {' | '.join(cells)} |")
    rows: list[tuple[str, Callable[[list[Verdict]], str]]] = [
        ("**all**", lambda half: _share(half, _is_found)),
        ("**weighted by share**", lambda half: f"{weighted_recall(half):.0%}" if half else ""),
        ("mended twins with an error", lambda half: _share(half, _has_error)),
        ("mended twins with an error or a warning", lambda half: _share(half, lambda v: v.accused)),
        ("**precision**", lambda half: f"{precision(half):.0%}" if half else ""),
    ]
    lines += [f"| {name} | | {' | '.join(map(cell, halves))} |" for name, cell in rows]
    return "\n".join(lines) + "\n"


def _is_found(verdict: Verdict) -> bool:
    return verdict.found


def _has_error(verdict: Verdict) -> bool:
    return any(severity == "error" for severity, _, _ in verdict.of_fixed)


def _share(some: list[Verdict], holds: Callable[[Verdict], bool]) -> str:
    return f"{sum(map(holds, some))} of {len(some)}" if some else ""


def listing(verdicts: Sequence[Verdict]) -> str:
    """One row a case."""
    lines = ["| case | about | bug | found by | also said | said of the mended twin |",
             "| --- | --- | --- | --- | --- | --- |"]
    for one in verdicts:
        of_cause = [rule for _, rule, _ in one.of_buggy if rule in one.case.rules]
        other = [f"{how} {rule}" for how, rule, _ in one.of_buggy if rule not in one.case.rules]
        of_twin = [f"{how} {rule}" for how, rule, _ in one.of_fixed]
        lines.append(f"| [{one.case.id}]({one.case.report}) | {one.case.kind} | {one.case.bug} | "
                     f"{', '.join(of_cause) or '—'} | {', '.join(other)} | {', '.join(of_twin)} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ids", nargs="*", help="beginnings of ids; none: all")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--say", action="store_true")
    args = parser.parse_args(argv)
    verdicts = []
    for case in cases():
        if args.ids and not case.id.startswith(tuple(args.ids)):
            continue
        verdicts.append(one := judge(case))
        print(f"{case.id} {'found' if one.found else 'missed'}"
              f"{', twin accused' if one.accused else ''} {one.failed}", flush=True)
        if args.say:
            for twin, said in (("buggy", one.of_buggy), ("fixed", one.of_fixed)):
                print(*(f"    {twin}: {how} {rule}: {text}" for how, rule, text in said), sep="\n",
                      flush=True)
    print(f"\n{figures(verdicts)}")
    if args.write:
        keep(verdicts)
        write(kept())


def keep(verdicts: Iterable[Verdict]) -> None:
    """Write them into verdicts.json, in place of older ones of the same cases."""
    known: dict[str, Any] = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    known |= {
        one.case.id: {"buggy": one.of_buggy, "fixed": one.of_fixed, "failed": one.failed}
        for one in verdicts
    }
    STORE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def kept() -> list[Verdict]:
    """The verdicts of verdicts.json; cases that were never measured are left out."""
    known = json.loads(STORE.read_text(encoding="utf-8"))

    def said(case: Case, twin: str) -> tuple[tuple[str, str, str], ...]:
        return tuple((how, rule, text) for how, rule, text in known[case.id][twin])

    return [
        Verdict(case, said(case, "buggy"), said(case, "fixed"), known[case.id]["failed"])
        for case in cases() if case.id in known
    ]


def write(verdicts: Sequence[Verdict]) -> None:
    """RESULTS.md, and the figures in the README above this folder."""
    (FOLDER / "RESULTS.md").write_text(
        f"# What `recipe watch` says of real bugs\n\nMade by `python -m tests.real_bugs.measure --write`.\n\n"
        f"{figures(verdicts)}\n{listing(verdicts)}", encoding="utf-8")
    readme = FOLDER.parents[1] / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}{figures(verdicts)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
