"""The one rulebook: what is wrong, from which number on, why it hurts and how to mend it.

One file a rule; `rulebook` tells how a rule is made, and finds them all.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
