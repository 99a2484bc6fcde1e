"""The one error class of the project."""


class RecipeError(Exception):
    """Something the reader can mend.

    The text names the thing, what was found, what was expected and how to mend it:

    >>> raise RecipeError("Settings.lr", found="-0.1", expected="a number in (0, 100]", mend="try lr=0.1")
    Traceback (most recent call last):
    ...
    recipe_widgets.records.errors.RecipeError: Settings.lr: found -0.1, expected a number in (0, 100]. try lr=0.1
    """

    def __init__(self, what: str, *, found: object = None, expected: object = None, mend: str = "") -> None:
        self.what, self.found, self.expected, self.mend = what, found, expected, mend
        facts = [f"{word} {value}" for word, value in (("found", found), ("expected", expected)) if value is not None]
        text = what + (": " + ", ".join(facts) if facts else "")
        super().__init__(text + (f". {mend}" if mend else ""))
