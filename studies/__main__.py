"""Runs experiments and writes their records and the table in README.md.

    python -m studies                  all of them, those with a fresh record left out
    python -m studies NAME ...         these, whether they have one or not
    python -m studies --all            all of them anew
    python -m studies --check [NAME]   one part of each record anew; exit 1 where one disagrees
    python -m studies --table          the table alone
"""

from __future__ import annotations

import argparse
import sys
import time

from recipe_widgets.core.files import write_atomically
from recipe_widgets.evaluation.experiment_record import run_experiment
from recipe_widgets.evaluation.recorded_experiment import RecordedExperiment

from .catalogue import RECORDS, experiment, fresh_record, names, record
from .table import write_table


def run(name: str) -> None:
    one = experiment(name)
    print(f"{name}: {one.asks}", flush=True)
    started = time.perf_counter()
    found = run_experiment(one, lambda line: print(line, flush=True))
    RECORDS.mkdir(exist_ok=True)
    write_atomically(RECORDS / f"{name}.json", found.to_json(one))
    print(f"{name}: {time.perf_counter() - started:.0f} s\n", flush=True)


def check(name: str) -> bool:
    """Run one arm from one seed, both drawn by chance, and compare with the record."""
    one, found = experiment(name), record(name)
    if found is None:
        print(f"{name}: no record")
        return False
    part = RecordedExperiment(one, found).rerun()
    print(f"{name}: {part}", flush=True)
    return part.agrees


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    chosen = asked.names or names()
    if asked.check:
        agree = [check(name) for name in chosen]  # all of them, also after one that disagrees
        return int(not all(agree))
    if not asked.table:
        for name in chosen:
            if asked.names or asked.all or fresh_record(name) is None:
                run(name)
    write_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
