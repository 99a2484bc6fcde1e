"""A table with one row for each choice of a knob: optimisers, schedules, losses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from recipe_widgets.core.errors import RecipeError
from recipe_widgets.core.settings import Settings


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=_Named)


class ChoiceTable(Generic[Row]):
    """The rows of `Settings.<knob>` by name, one for each of its choices.

    Raises:
        LookupError: when the table is made, where a choice has no row or a row is no choice. That
            is a mistake in this package, so it is no RecipeError.
    """

    def __init__(self, knob: str, rows: Iterable[Row]) -> None:
        self.knob = knob
        self._rows = {row.name: row for row in rows}
        choices = Settings.knob(knob).choices
        missing = [name for name in choices if name not in self._rows]
        unknown = [name for name in self._rows if name not in choices]
        if missing or unknown:
            raise LookupError(f"Settings.{knob} and its table differ: no row for "
                              f"{', '.join(missing) or 'none'}; rows that are no choice: "
                              f"{', '.join(unknown) or 'none'}")

    def __getitem__(self, name: str) -> Row:
        """The row of that name.

        Raises:
            RecipeError: there is none; the message lists the names that there are.
        """
        row = self._rows.get(name)
        if row is None:
            near = difflib.get_close_matches(str(name), self._rows, n=1)
            raise RecipeError(f"Settings.{self.knob}", found=repr(name),
                              expected="one of " + ", ".join(self._rows),
                              mend=f"Did you mean {near[0]!r}?" if near else "")
        return row

    def __iter__(self) -> Iterator[Row]:
        """The rows, in the order of the table."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows
