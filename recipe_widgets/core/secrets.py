"""Addresses with passwords in texts that others may read: logs, errors, saved outputs."""

from __future__ import annotations

import re

_LOGIN = re.compile(
    r"(\w:/{0,2}|//)([^\s:/@]*):\S*@")  # scheme://user:password@, also with a slash forgotten
_SPACED = re.compile(
    r"(\w:/{0,2}|//)([^\s:/@.]+):[^@\n]*@")  # with blanks in it; not https://example.org:8080 a@b
_OPTION = re.compile(r"\b(\w*(?:pas|pw|secret|token)\w*)=[^\s&]+", re.IGNORECASE)


def masked(text: str) -> str:
    """`text` with the passwords of addresses in it replaced by ***; where a password ends is taken
    as late as can be.

    >>> masked("no such command: postgresql://me:secret@host/db?sslpassword=x")
    'no such command: postgresql://me:***@host/db?sslpassword=***'
    """
    for login in (_LOGIN, _SPACED):
        text = login.sub(r"\1\2:***@", text)
    return _OPTION.sub(r"\1=***", text)
