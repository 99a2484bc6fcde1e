"""How good is it, with what certainty, and is A better than B? Names load when they are first used.

Each function takes the predictions first and the truth second, as PyTorch's losses do:
`accuracy(predicted, y)` on arrays, `accuracy(model, data.validation)` on a model and a split.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
