"""The one error class of the project, and how a failure inside the reader's own code is told."""

from __future__ import annotations

import re
from types import TracebackType

LONGEST = 2000  # characters of one part: a whole file that was handed in by mistake is not repeated
# Where the errors of these come from, the reader meets a name that says nothing about their call.
_LIBRARIES = ("builtins", "torch", "numpy", "traitlets", "matplotlib", "PIL", "scipy", "sklearn",
              "optuna")


class RecipeError(ValueError):
    """Something the reader can mend.

    The text names the thing, what was found, what was expected and how to mend it:

    >>> raise RecipeError("Settings.lr", found="-0.1", expected="a number in (0, 100]", mend="try lr=0.1")
    Traceback (most recent call last):
    ...
    recipe_widgets.core.errors.RecipeError: Settings.lr: found -0.1, expected a number in (0, 100].
        try lr=0.1
    """

    def __init__(self, what: str, *, found: object = None, expected: object = None,
                 mend: str = "") -> None:
        self.what, self.found, self.expected, self.mend = what, found, expected, mend
        # the parts stay attributes, for programs that want more than the text
        parts = {"found": found, "expected": expected}
        facts = [f"{word} {_bounded(value)}" for word, value in parts.items() if value is not None]
        text = _bounded(what) + (": " + ", ".join(facts) if facts else "")
        super().__init__(text + (f". {_bounded(mend)}" if str(mend) else ""))


def describe_error(error: BaseException) -> str:
    """An error on one line: "ValueError: no such thing"."""
    first_line = (str(error).strip() or "no text").splitlines()[0]
    return f"{type(error).__name__}: {first_line[:200]}"  # torch's may go on for pages


class user_code:  # noqa: N801  used as a function: with user_code("train(loss_fn=)", "..."): ...
    """Around a call of the reader's own code, and nothing else: their model, loss or function.

    An error inside becomes a `RecipeError` that says which argument it was and what it should do;
    the error itself stays attached as its cause. Interrupts, `RecipeError`s and errors of classes
    that the reader made for a purpose pass as they are.

    Not a generator with `contextmanager`, since it stands in the training loop: 0.2 µs a call.
    """

    __slots__ = ("expected", "mend", "what")

    def __init__(self, what: str, expected: str, mend: str = "") -> None:
        self.what, self.expected, self.mend = what, expected, mend

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        # Exception: neither KeyboardInterrupt nor GeneratorExit, which mean to end something
        if not isinstance(error, Exception) or isinstance(error, RecipeError):
            return
        if type(error).__module__.partition(".")[0] in _LIBRARIES:
            raise RecipeError(self.what, found=describe_error(error), expected=self.expected,
                              mend=self.mend) from error


def _bounded(value: object) -> str:
    """As text of bounded length that every terminal and file takes: lone surrogates become
    escapes.
    """
    text = str(value)
    text = text if len(text) <= LONGEST else f"{text[:LONGEST // 2]} ... {text[-LONGEST // 2:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# Logins in addresses, as SQLAlchemy and browsers write them.
# scheme://user:password@, also with a slash forgotten
_LOGIN = re.compile(r"(\w:/{0,2}|//)([^\s:/@]*):\S*@")
# the same with blanks in it; not https://example.org:8080 a@b
_SPACED = re.compile(r"(\w:/{0,2}|//)([^\s:/@.]+):[^@\n]*@")
# ?password=..., and what else drivers call it: sslpassword, pwd, token
_OPTION = re.compile(r"\b(\w*(?:pas|pw|secret|token)\w*)=[^\s&]+", re.IGNORECASE)


def mask_passwords(text: str) -> str:
    """`text` with the passwords of addresses in it replaced by ***; where a password ends is taken
    as late as can be.

    >>> mask_passwords("no such command: postgresql://me:secret@host/db?sslpassword=x")
    'no such command: postgresql://me:***@host/db?sslpassword=***'
    """
    for login in (_LOGIN, _SPACED):
        text = login.sub(r"\1\2:***@", text)
    return _OPTION.sub(r"\1=***", text)
