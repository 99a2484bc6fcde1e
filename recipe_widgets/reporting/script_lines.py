"""Lines of the reader's script, named from the folder in which it was started, and by CI from the
root of the repository.
"""

from __future__ import annotations

import linecache
import os

from recipe_widgets.core.findings import CheckResult


def source_lines(folder: str, file: str) -> list[str]:
    """The lines of a file that is named from a folder; of a notebook's cell, too, which is none."""
    return linecache.getlines(file if file.startswith("<") else os.path.join(folder, file))


def located_from(folder: str, finding: CheckResult) -> CheckResult:
    """The finding with its file named from `folder`, whatever directory the script is in by now;
    a file elsewhere by its whole path.
    """
    file, line = finding.location
    if not file or file.startswith("<"):
        return finding
    path = os.path.abspath(file)
    if not os.path.exists(path):
        path = os.path.join(folder, file)
    if path.startswith(folder + os.sep):
        path = os.path.relpath(path, folder)
    lines = source_lines(folder, path)
    code = lines[line - 1] if line <= len(lines) else ""
    return finding.at(f"{path}:{line}", finding.code or code)


def from_checkout(folder: str, file: str) -> str:
    """The path of a file that is named from `folder`, as programs of CI want it: with slashes, from
    the root of the repository (GITHUB_WORKSPACE; elsewhere `folder`), or whole where it is not in
    there.
    """
    root = os.environ.get("GITHUB_WORKSPACE") or folder
    path = os.path.join(folder, file)
    inside = path.startswith(root + os.sep)
    return (os.path.relpath(path, root) if inside else path).replace(os.sep, "/")
