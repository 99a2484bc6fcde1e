"""What the cells of notebook 00, Start here, call; a name loads its module on first use."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
