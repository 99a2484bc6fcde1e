"""Panels of ipywidgets: the live panel, and what the notebooks show. Each loads when it is used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
