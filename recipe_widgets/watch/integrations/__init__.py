"""Watching from inside the loops of other libraries, each a file of its own: importing this folder
imports none of them.

    from recipe_widgets.watch.integrations.lightning import WatchCallback
    from recipe_widgets.watch.integrations.huggingface import WatchTrainerCallback
"""
