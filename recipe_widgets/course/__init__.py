"""The workshop inside the notebooks: exercises that are judged, hints, predictions, and the script
that a learner keeps. Names are loaded on first use.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
