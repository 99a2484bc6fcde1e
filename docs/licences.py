"""Turns what `pip-licenses --format json` says into docs/licences.md; `make audit` calls it."""

from __future__ import annotations

import json
import sys
from collections import Counter

HEAD = """# Licences of what is installed

Made by `make audit` from the packages' own statements, with pip-licenses: all that `make setup`
installs on Linux. The package itself needs only torch, numpy, pillow, matplotlib, tqdm,
platformdirs and lazy_loader. NVIDIA's libraries come with PyTorch's builds for its GPUs. The
licences of the embedded data are in [data/README.md](../data/README.md).
"""


def short(licence: str) -> str:
    """The licence's name; some packages state its whole text."""
    line = " ".join(licence.strip().splitlines()[0].split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def page(packages: list[dict[str, str]]) -> str:
    """All packages by name, then how often each licence occurs."""
    kept = [one for one in packages if one["Name"] != "recipe_widgets"]
    counts = Counter(short(one["License"]) for one in kept)
    lines = [HEAD, "| package | version | licence |", "| --- | --- | --- |"]
    lines += [f"| {one['Name']} | {one['Version']} | {short(one['License'])} |" for one in kept]
    lines += [
        "", f"{len(kept)} packages; " +
        ", ".join(f"{name}: {count}" for name, count in counts.most_common()) + "."
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(json.load(sys.stdin)))
