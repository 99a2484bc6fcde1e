"""A database that goes away in the midst of a search."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from recipe_widgets.core import RecipeError
from recipe_widgets.tune.storage import hidden, without_secrets


@contextlib.contextmanager
def storage_errors(storage: str | None) -> Iterator[None]:
    """Turns errors of the database into one `RecipeError`, without the password."""
    import optuna

    if storage is None:
        yield
        return
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError, sqlite3.Error) as error:
        said = without_secrets((str(error).splitlines() or [type(error).__name__])[0], storage)
        raise RecipeError("Storage", found=f"{hidden(storage)} was lost ({said})",
                          expected="a database that answers",
                          mend="Finished trials are in it; give the same command again.") from None
