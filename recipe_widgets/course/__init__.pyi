from .help_texts import hint as hint
from .help_texts import solution as solution
from .judge import check as check
from .progress_store import progress as progress
from .questions import answer as answer
from .recipe_file import keep as keep
from .recipe_file import kept as kept

__all__ = ["answer", "check", "hint", "keep", "kept", "progress", "solution"]
