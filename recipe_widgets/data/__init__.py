"""Data that is kept as bytes on the device that trains, its splits, and the vault around the test
set. Names load when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
