"""The one error class of the project."""


LONGEST = 2000  # characters of one part: a whole file that was handed in by mistake is not repeated


class RecipeError(Exception):
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
        facts = [
            f"{word} {_bounded(value)}" for word, value in (("found", found), ("expected",
                                                                               expected))
            if value is not None
        ]
        text = _bounded(what) + (": " + ", ".join(facts) if facts else "")
        super().__init__(text + (f". {_bounded(mend)}" if str(mend) else ""))


def describe_error(error: BaseException) -> str:
    """An error on one line: "ValueError: no such thing"."""
    return f"{type(error).__name__}: {(str(error).strip() or 'no text').splitlines()[0][:200]}"


def _bounded(value: object) -> str:
    """As text of bounded length that every terminal and file takes: lone surrogates become
    escapes.
    """
    text = str(value)
    text = text if len(text) <= LONGEST else f"{text[:LONGEST // 2]} ... {text[-LONGEST // 2:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
