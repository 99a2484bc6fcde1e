"""Panels of ipywidgets: the live panel, and what the notebooks show. Each loads when it is used."""

import lazy_loader

from recipe_widgets.panels.page_theme import pictures_follow_the_page

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
pictures_follow_the_page()
