"""The fixture as a reader switches it on."""

from recipe_widgets.watch.plugin import recipe_watch  # noqa: F401
