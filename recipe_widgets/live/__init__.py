"""Live sessions: a trainer thread, the newest settings, a painter thread. Needs no lesson."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
