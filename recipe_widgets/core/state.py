"""Where the package keeps what a reader did: the user's state folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from recipe_widgets.core.errors import RecipeError


def state_folder() -> Path:
    """The folder for logs, answers and labels: `RECIPE_STATE`, or the user's state folder. It is
    made when missing.
    """
    folder = Path(
        os.environ.get("RECIPE_STATE")
        or platformdirs.user_state_dir("recipe_widgets", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(
            "State folder", found=f"{folder} ({error.strerror})",
            expected="a folder that can be written",
            mend="Name another one in the environment variable RECIPE_STATE.") from None
    return folder
