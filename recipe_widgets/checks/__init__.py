"""Checks on any PyTorch model, without ipywidgets.

Each is `check(subject_or_model, batches=None, loss_fn=None, **options) -> CheckResult`; `run_all`
runs those that apply. Checks of data need no model: `check(data, **options)`, where data is our
`Data`, (x, y), {"train": (x, y), ...} or batches. A check changes nothing that it looks at: it
brings evidence, which the rule of the same name judges (`recipe explain NAME`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
