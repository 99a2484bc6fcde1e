"""`# recipe: ignore[rule]` on a line of a script silences what is found there.

    loss = criterion(output, target)  # recipe: ignore[loss_reduction]  a sum is meant here

Several rules are separated by commas; a bare `# recipe: ignore` is for all of them. Of a statement
over several lines any line will do. A text that looks like such a comment is none.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Sequence

from recipe_widgets.core.findings import CheckResult
from recipe_widgets.core.report import Report
from recipe_widgets.reporting.script_lines import source_lines

# a bracket that is never closed is no comment for all rules
_COMMENT = re.compile(r"#\s*recipe:\s*ignore(?:\[([\w\s,]*)\]|\b(?!\s*\[))")
_ALL = frozenset({"*"})


def silence_commented(report: Report, folder: str) -> None:
    """Findings on lines with a comment for their rule move to `report.silenced`.

    folder: files of the report are named from here.
    """
    comments: dict[str, dict[int, frozenset[str]]] = {}

    def is_ignored(finding: CheckResult) -> bool:
        file, line = finding.location
        if file not in comments:
            comments[file] = ignored_rules(source_lines(folder, file)) if file else {}
        rules = comments[file].get(line, frozenset())
        return rules == _ALL or finding.name in rules

    report.silence("comment", is_ignored)


def ignored_rules(source: Sequence[str]) -> dict[int, frozenset[str]]:
    """Number of a line -> names of the rules that are ignored there; {"*"}: all of them.

    source: the lines of a file. Of one that is no Python, those up to where it ends to be some.
    """
    found: dict[int, frozenset[str]] = {}
    rules, first = frozenset[str](), 0  # of the statement that is being read
    lines = iter(source)
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            # between statements nothing but comments, blank lines and indents come
            if not first and token.type not in _BETWEEN:
                first = token.start[0]
            if first and token.type == tokenize.COMMENT:
                rules = _joined(rules, token.string)
            if token.type == tokenize.NEWLINE:
                if rules:
                    found |= dict.fromkeys(range(first, token.end[0] + 1), rules)
                rules, first = frozenset(), 0
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


_BETWEEN = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def _joined(rules: frozenset[str], comment: str) -> frozenset[str]:
    for match in _COMMENT.finditer(comment):
        if match[1] is None:
            return _ALL
        rules |= {name.strip() for name in match[1].split(",") if name.strip()}
    return rules
