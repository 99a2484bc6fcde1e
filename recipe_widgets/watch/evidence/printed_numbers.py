"""The numbers that a script prints after an evaluation, and what they ought to be."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?![\w.]*\d\.)|(?<![\w.])\d+(?:\.\d+)?(?=\s*%)")


def numbers(line: str) -> list[tuple[str, float, int]]:
    """(text, value, digits behind the point) of the decimals in a line; percentages as they
    stand.
    """
    found = []
    for match in _NUMBER.finditer(line[:2000]):
        text = match.group()
        found.append((text, float(text), len(text.partition(".")[2])))
    return found[:20]
