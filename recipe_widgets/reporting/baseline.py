"""A baseline: the findings that a project knows of, so that only new ones count.

A finding is known when its rule, its file and the text of its line are; the number of the line is
not looked at, since what stands above it may grow. Of two that are alike both must be known.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.files import save_file
from recipe_widgets.core.findings import CheckResult
from recipe_widgets.core.json_files import parse_json, read_text
from recipe_widgets.core.report import Report

_EXPECTED = "a file that --update-baseline wrote"
_KEYS = ("rule", "file", "code")


class Baseline:
    """A file of known findings; it may lie anywhere, the files in it are named from its folder.

    Args:
        folder: files of the report are named from here. update: the file is to be written anew,
            and need not be there.

    Raises:
        RecipeError: the file cannot be read, or is no baseline.
    """

    def __init__(self, path: Path, folder: str, update: bool = False) -> None:
        self._path, self._folder, self._update = Path(os.path.abspath(path)), folder, update
        self._known = Counter[tuple[str, ...]]() if update else _read(self._path)

    def apply(self, report: Report) -> None:
        """Known findings move to `report.silenced`; an update makes all of them known first.

        Raises:
            RecipeError: the file cannot be written.
        """
        if self._update:
            self._known = Counter(self._key(one) for one in report if one.severity)
            entries = [dict(zip(_KEYS, key, strict=True)) for key in sorted(self._known.elements())]
            text = json.dumps({"version": 1, "findings": entries}, indent=2)
            save_file(self._path, text + "\n", "--update-baseline")
        left = self._known.copy()

        def is_known(finding: CheckResult) -> bool:
            key = self._key(finding)
            left[key] -= 1
            return left[key] >= 0

        report.silence("baseline", is_known)

    def _key(self, finding: CheckResult) -> tuple[str, ...]:
        file = finding.location[0]
        if file and not file.startswith("<"):
            file = _relative(os.path.join(self._folder, file), str(self._path.parent))
        return finding.name, file, finding.code


def _relative(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # on another drive of Windows
        return path.replace(os.sep, "/")


def _read(path: Path) -> Counter[tuple[str, ...]]:
    content = parse_json(read_text(path, "--baseline", _EXPECTED), "--baseline", _EXPECTED)
    entries = content.get("findings") if isinstance(content, dict) else None
    if not isinstance(entries, list) or content.get("version") != 1 or not all(
            isinstance(one, dict) and all(isinstance(one.get(key), str) for key in _KEYS)
            for one in entries):
        raise RecipeError("--baseline", found=str(path), expected=_EXPECTED)
    return Counter(tuple(one[key] for key in _KEYS) for one in entries)
