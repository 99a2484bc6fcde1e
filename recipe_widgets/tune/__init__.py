"""Search over settings on Optuna, alone or with many workers. Names load when they are first
used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
