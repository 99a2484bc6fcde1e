"""Layer 4: a run as a plain PyTorch script that does without this package."""

from recipe_widgets.export.script import save_script, script_of

__all__ = ["save_script", "script_of"]
