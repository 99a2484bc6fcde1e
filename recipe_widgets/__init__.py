"""Learn and practise the craft of training neural networks: live panels and checks for PyTorch.

Names are loaded when they are first used (see `__init__.pyi`), so that `import recipe_widgets`
costs next to nothing and does not import torch.
"""

import lazy_loader

from recipe_widgets import _moved, _services

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_services.attach()
_moved.install()
